import { Buffer } from 'node:buffer';
import { ObjectUnreadableError } from '../errors/object-errors.ts';
import { decodeFileHeader } from './part10.ts';
import type { FileHeader } from './part10.ts';

/** Holds every group 0002 without private information many times over. */
const headBytes = 16 * 1024;

/** A Part 10 file while it arrives. */
export interface OpenPart10 {
  readonly header: FileHeader;
  /** What stands before the data set, as it came. */
  readonly start: Buffer;
  /** What stands behind group 0002; can be read once. A chunk is valid until the next is asked for. */
  readonly dataSet: AsyncGenerator<Buffer>;
}

/**
 * Reads group 0002 of a file while it arrives, and gives the rest.
 *
 * @throws {@link ObjectUnreadableError} when it does not begin as such a file does. What reading the
 *   chunks threw, as it is.
 */
export async function openPart10(chunks: AsyncIterator<Buffer>): Promise<OpenPart10> {
  const head = await readHead(chunks);
  const header = decodeFileHeader(head);
  if (header === undefined) throw new ObjectUnreadableError('not a DICOM Part 10 file');
  const { dataSetOffset } = header;
  return {
    header,
    start: head.subarray(0, dataSetOffset),
    dataSet: joined(head.subarray(dataSetOffset), chunks),
  };
}

/** The data set of a Part 10 file; nothing is opened before it is read. */
export async function* dataSetOf(file: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = file[Symbol.asyncIterator]();
  try {
    yield* (await openPart10(chunks)).dataSet;
  } finally {
    await chunks.return?.();
  }
}

/** Who reads a second time is told so, instead of finding nothing. */
export function readOnce(chunks: AsyncGenerator<Buffer>): AsyncIterable<Buffer> {
  let isTaken = false;
  return {
    [Symbol.asyncIterator]: () => {
      if (isTaken) throw new Error('an object can be read once');
      isTaken = true;
      return chunks;
    },
  };
}

/** Whole chunks, copied because they are only lent. */
async function readHead(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  const read: Buffer[] = [];
  let bytes = 0;
  while (bytes < headBytes) {
    const next = await chunks.next();
    if (next.done === true) break;
    read.push(Buffer.from(next.value));
    bytes += next.value.length;
  }
  return Buffer.concat(read);
}

async function* joined(first: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
    yield next.value;
  }
}
