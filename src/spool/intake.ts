import { join } from 'node:path';
import { encodeFileHeader } from '../dicom/part10.ts';
import { SpoolUnavailableError } from '../errors/spool-errors.ts';
import type { DirectorySync } from './directory-sync.ts';
import { diskError } from './disk-error.ts';
import { entryExtension } from './entry-name.ts';
import type { EntryNamer } from './entry-namer.ts';
import type { FileOperations } from './file-operations.ts';
import { GatheringFile } from './gathering-file.ts';
import { incomingName } from './spool-folders.ts';
import type { SpoolFolders } from './spool-folders.ts';
import type { ArrivingObject, SpoolEntry, SpoolWriter } from './spool.ts';
import { DirectorySpoolWriter } from './spool-writer.ts';
import type { Watermark } from './watermark.ts';
import { probeWriting } from './write-probe.ts';

interface IntakeParts {
  readonly files: FileOperations;
  readonly folders: SpoolFolders;
  readonly readySync: DirectorySync;
  readonly watermark: Watermark;
  readonly namer: EntryNamer;
  /** Told of each object that has become durable. */
  readonly arrived: (entry: SpoolEntry) => void;
}

/** The receiving side of an open spool: begins objects, and knows whether it still can. */
export class Intake {
  readonly #parts: IntakeParts;
  readonly #writers = new Set<SpoolWriter>();
  #sequence = 0;
  #closed = false;
  /** What went wrong with the disk last, until something went right. */
  #fault: unknown;

  constructor(parts: IntakeParts) {
    this.#parts = parts;
  }

  async receive(object: ArrivingObject): Promise<SpoolWriter> {
    const { files, watermark, readySync, namer } = this.#parts;
    await watermark.check();
    if (this.#closed) throw new SpoolUnavailableError('the spool is closed', undefined);
    const incomingPath = this.#nextIncomingPath();
    const head = headerOf(object);
    watermark.reserve(head.length);
    let fd: number;
    try {
      fd = files.create(incomingPath);
    } catch (error) {
      watermark.abandoned(head.length);
      this.#fault = error;
      throw diskError('begin an object', error);
    }
    const writer: SpoolWriter = new DirectorySpoolWriter({
      ...{ files, fd, incomingPath, readySync, watermark, reservedBytes: head.length },
      file: new GatheringFile({ files, fd, head }),
      name: (identity, { bytes, urgent }) => {
        const { association } = object;
        const entry = namer.name(identity, {
          bytes,
          urgent: urgent || object.urgent,
          association,
        });
        return { entry, path: join(this.#parts.folders.ready, `${entry.id}${entryExtension}`) };
      },
      ended: (outcome) => {
        this.#writers.delete(writer);
        if (outcome.kind === 'failed') this.#fault = outcome.error;
        if (outcome.kind !== 'committed') return;
        this.#fault = undefined;
        this.#parts.arrived(outcome.entry);
      },
    });
    this.#writers.add(writer);
    return writer;
  }

  /** True when an object may begin. After a fault of the disk, only once a trial has succeeded. */
  async accepts(): Promise<boolean> {
    const { files, folders, watermark } = this.#parts;
    try {
      await watermark.check();
      if (this.#fault === undefined) await files.assertWritable(folders.incoming);
      else await probeWriting(this.#nextIncomingPath(), files);
      this.#fault = undefined;
      return !this.#closed;
    } catch {
      return false;
    }
  }

  /** Lets commits end, drops what is half received, and takes nothing more. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#writers].map((writer) => writer.discard()));
  }

  #nextIncomingPath(): string {
    return join(this.#parts.folders.incoming, incomingName(this.#sequence++));
  }
}

function headerOf(object: ArrivingObject): Buffer {
  const { sopClassUid, sopInstanceUid, transferSyntaxUid } = object;
  return encodeFileHeader({
    ...{ sopClassUid, sopInstanceUid, transferSyntaxUid },
    sourceAeTitle: object.callingAeTitle,
    sendingAeTitle: object.callingAeTitle,
    receivingAeTitle: object.calledAeTitle,
  });
}
