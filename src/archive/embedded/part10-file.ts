import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dataSetEncodingOf } from '../../dicom/transfer-syntax.ts';
import type { DataSetEncoding } from '../../dicom/transfer-syntax.ts';
import type { Uid } from '../../dicom/uid.ts';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';
import { fileSource, inflatedSource, readInflatedStretch, readStretch } from './byte-source.ts';
import type { ByteSource } from './byte-source.ts';
import { DataSetReader } from './data-set-reader.ts';
import { uidIn } from './uid-in.ts';

interface FileFacts {
  readonly transferSyntaxUid: Uid;
  readonly bytes: number;
  readonly modifiedAtMs: number;
  readonly source: ByteSource;
  /** Where the data set begins. */
  readonly start: number;
}

const preambleBytes = 132;

/**
 * A Part 10 file that is open, until it is closed.
 *
 * Positions are those of the data set's reader: in the file, or in what a deflated data set inflates to.
 */
export class Part10File {
  readonly transferSyntaxUid: Uid;
  readonly encoding: DataSetEncoding;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly modifiedAtMs: number;
  readonly #file: FileHandle;
  /** What was read to find out that this is such a file may hold the data set too. */
  readonly #source: ByteSource;
  readonly #start: number;

  private constructor(file: FileHandle, facts: FileFacts) {
    this.#file = file;
    this.#source = facts.source;
    this.#start = facts.start;
    this.transferSyntaxUid = facts.transferSyntaxUid;
    this.encoding = dataSetEncodingOf(facts.transferSyntaxUid);
    this.bytes = facts.bytes;
    this.modifiedAtMs = facts.modifiedAtMs;
  }

  /**
   * @throws {@link ObjectUnreadableError} when it is no such file.
   * @see PS3.10 §7.1
   */
  static async open(path: string): Promise<Part10File> {
    const file = await open(path, 'r');
    try {
      return new Part10File(file, await readFacts(file));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** A reader that stands at the first element of the data set. */
  async reader(): Promise<DataSetReader> {
    return this.encoding.deflated
      ? new DataSetReader(await inflatedSource(this.#file, this.#start), 0)
      : new DataSetReader(this.#source, this.#start);
  }

  /** For looking here and there, `windowBytes` at a time; a deflated data set has none. */
  source(windowBytes: number): ByteSource {
    if (this.encoding.deflated) {
      throw new ObjectUnreadableError('deflated data set with encapsulated pixel data');
    }
    return fileSource(this.#file, this.bytes, windowBytes);
  }

  /** Each chunk is a buffer of its own. @throws {@link ObjectUnreadableError} when it ends before. */
  stretch(at: number, length: number): AsyncGenerator<Buffer> {
    return this.encoding.deflated
      ? readInflatedStretch(this.#file, this.#start, at, length)
      : readStretch(this.#file, at, length);
  }

  /** The file itself, from its first byte; each chunk is a buffer of its own. */
  whole(): AsyncGenerator<Buffer> {
    return readStretch(this.#file, 0, this.bytes);
  }

  /**
   * Validator for what is sent of the file in some form (RFC 9110 §8.8.3); weak, because of the boundary
   * between parts. Who stores an object anew writes a new file.
   */
  etagOf(mediaType: string): string {
    return `W/"${this.bytes.toString(36)}-${this.modifiedAtMs.toString(36)}-${mediaType}"`;
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function readFacts(file: FileHandle): Promise<FileFacts> {
  const { size, mtimeMs } = await file.stat();
  const source = fileSource(file, size);
  if (size < preambleBytes || (await source.bytes(128, 4)).toString('latin1') !== 'DICM') {
    throw new ObjectUnreadableError('not a DICOM Part 10 file');
  }
  // More lenient than dicom/part10.ts: files without Media Storage UIDs exist, and nobody needs them here.
  const header = new DataSetReader(source, preambleBytes);
  const meta = await header.read(
    { explicitVr: true, bigEndian: false },
    { accept: (tag) => tag.startsWith('0002') },
  );
  const transferSyntaxUid = uidIn(meta, '00020010');
  if (transferSyntaxUid === undefined) {
    throw new ObjectUnreadableError('file header lacks the transfer syntax');
  }
  return { transferSyntaxUid, bytes: size, modifiedAtMs: mtimeMs, source, start: header.position };
}
