import type { InstanceIdentity } from '../dicom/instance.ts';
import type { BridgeError } from '../errors/bridge-error.ts';
import { SpoolUnavailableError } from '../errors/spool-errors.ts';
import type { DirectorySync } from './directory-sync.ts';
import { diskError } from './disk-error.ts';
import type { FileOperations } from './file-operations.ts';
import type { GatheringFile } from './gathering-file.ts';
import type { SpoolEntry, SpoolWriter } from './spool.ts';
import type { Watermark } from './watermark.ts';

/** An entry that has its name, and the path this name will have. */
export interface NamedFile {
  readonly entry: SpoolEntry;
  readonly path: string;
}

/** How an object ended. */
export type WriterOutcome =
  | { readonly kind: 'committed'; readonly entry: SpoolEntry }
  | { readonly kind: 'discarded' }
  | { readonly kind: 'failed'; readonly error: BridgeError };

interface WriterParts {
  readonly files: FileOperations;
  readonly fd: number;
  readonly file: GatheringFile;
  readonly incomingPath: string;
  readonly readySync: DirectorySync;
  readonly watermark: Watermark;
  /** Gives the entry its name; called when its bytes are safe, right before the rename. */
  readonly name: (
    identity: InstanceIdentity,
    facts: { readonly bytes: number; readonly urgent: boolean },
  ) => NamedFile;
  /** Bytes of the head, which were reserved before. */
  readonly reservedBytes: number;
  /** Told once how it ended. */
  readonly ended: (outcome: WriterOutcome) => void;
}

/** Writes one object into `incoming/` and, when it is whole and safe, moves it to `ready/`. */
export class DirectorySpoolWriter implements SpoolWriter {
  readonly #parts: WriterParts;
  #reservedBytes: number;
  #failure: BridgeError | undefined;
  #over = false;
  #closed = false;
  #committing: Promise<SpoolEntry> | undefined;

  constructor(parts: WriterParts) {
    this.#parts = parts;
    this.#reservedBytes = parts.reservedBytes;
  }

  async write(chunks: readonly Buffer[]): Promise<void> {
    this.#assertOpen();
    const { file, watermark } = this.#parts;
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    watermark.reserve(bytes);
    this.#reservedBytes += bytes;
    // An object whose length nobody announced must not use up the reserve either.
    if (file.writesWith(bytes)) await watermark.check();
    try {
      await file.append(chunks);
    } catch (error) {
      this.#failure = diskError('write an object', error);
      throw this.#failure;
    }
  }

  async commit(
    identity: InstanceIdentity,
    { urgent = false }: { readonly urgent?: boolean } = {},
  ): Promise<SpoolEntry> {
    this.#assertOpen();
    this.#over = true;
    this.#committing = this.#commit(identity, urgent);
    return await this.#committing;
  }

  async discard(): Promise<void> {
    if (this.#committing !== undefined) {
      await this.#committing.catch(() => undefined);
      return;
    }
    if (this.#over) return;
    this.#over = true;
    const error = this.#failure;
    await this.#abandon(
      this.#parts.incomingPath,
      error ? { kind: 'failed', error } : { kind: 'discarded' },
    );
  }

  /** The order is the promise: nothing may be acknowledged before the last step has returned. */
  async #commit(identity: InstanceIdentity, urgent: boolean): Promise<SpoolEntry> {
    const { files, fd, file, incomingPath, readySync, name } = this.#parts;
    let path = incomingPath;
    try {
      await file.finish();
      await files.fdatasync(fd);
      const named = name(identity, { bytes: file.bytes, urgent });
      files.rename(incomingPath, named.path);
      path = named.path;
      const synced = readySync.sync();
      this.#close();
      await synced;
      this.#parts.watermark.committed(this.#reservedBytes);
      this.#parts.ended({ kind: 'committed', entry: named.entry });
      return named.entry;
    } catch (error) {
      // After a failed fsync the kernel may have dropped the pages: never try the same file again.
      const failure = diskError('make an object durable', error);
      await this.#abandon(path, { kind: 'failed', error: failure });
      throw failure;
    }
  }

  async #abandon(path: string, outcome: WriterOutcome): Promise<void> {
    const { files, file, watermark, ended } = this.#parts;
    await file.stop();
    this.#close();
    // What cannot be unlinked now lies in incoming/ and is swept at the next start.
    await files.unlink(path).catch(() => undefined);
    watermark.abandoned(this.#reservedBytes);
    ended(outcome);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    try {
      this.#parts.files.close(this.#parts.fd);
    } catch {
      // Its bytes are either safe already or to be thrown away: a failing close changes neither.
    }
  }

  #assertOpen(): void {
    if (!this.#over) return;
    throw new SpoolUnavailableError('this object has ended, or the spool was closed', undefined);
  }
}
