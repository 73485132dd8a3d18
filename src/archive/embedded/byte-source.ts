import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { createInflateRaw } from 'node:zlib';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';

/** Bytes that can be read anywhere without holding them all. */
export interface ByteSource {
  /** Position behind the last byte. */
  readonly end: number;
  /** @throws {@link ObjectUnreadableError} when the source ends before. */
  readonly bytes: (position: number, length: number) => Promise<Buffer>;
}

/** Holds what stands before the pixel data of most objects. */
const headWindowBytes = 65_536;

/** Reads a file through one window that moves with the reader. */
export function fileSource(
  file: FileHandle,
  end: number,
  windowBytes = headWindowBytes,
): ByteSource {
  let window: Buffer = Buffer.alloc(0);
  let windowStart = 0;
  return {
    end,
    async bytes(position, length) {
      if (position + length > end) throw endsEarly();
      if (position < windowStart || position + length > windowStart + window.length) {
        const wanted = Math.min(Math.max(length, windowBytes), end - position);
        // A new buffer each time: what was handed out stays as it is.
        const { bytesRead, buffer } = await file.read(Buffer.alloc(wanted), 0, wanted, position);
        window = buffer.subarray(0, bytesRead);
        windowStart = position;
        if (bytesRead < length) throw endsEarly();
      }
      return window.subarray(position - windowStart, position - windowStart + length);
    },
  };
}

/** As much of a deflated data set (PS3.5 §A.5) as is worth reading for its attributes. */
const inflatedHeadBytes = 16 * 2 ** 20;

/**
 * Inflates the head of what lies behind `start`. Pixel data comes last, so attributes are in the
 * head; a bomb is not unpacked beyond it.
 */
export async function inflatedSource(file: FileHandle, start: number): Promise<ByteSource> {
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of inflated(file, start)) {
    parts.push(part);
    length += part.length;
    if (length >= inflatedHeadBytes) break;
  }
  const all = Buffer.concat(parts);
  return {
    end: all.length,
    bytes: (position, count) =>
      position + count <= all.length
        ? Promise.resolve(all.subarray(position, position + count))
        : Promise.reject(endsEarly()),
  };
}

/** Longer pieces cost memory, shorter ones time. */
const chunkBytes = 262_144;

/**
 * Reads a stretch of a file; each chunk is a buffer of its own.
 *
 * @throws {@link ObjectUnreadableError} when the file ends before.
 */
export async function* readStretch(
  file: FileHandle,
  at: number,
  length: number,
): AsyncGenerator<Buffer> {
  const end = at + length;
  for (let from = at; from < end;) {
    const wanted = Math.min(chunkBytes, end - from);
    const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, from);
    if (bytesRead === 0) throw endsEarly();
    yield buffer.subarray(0, bytesRead);
    from += bytesRead;
  }
}

/**
 * Reads a stretch of a deflated data set that begins at `start`. What lies before the stretch has to
 * be inflated too, but is not kept.
 */
export async function* readInflatedStretch(
  file: FileHandle,
  start: number,
  at: number,
  length: number,
): AsyncGenerator<Buffer> {
  const end = at + length;
  let position = 0;
  for await (const part of inflated(file, start)) {
    const wanted = part.subarray(Math.max(0, at - position), Math.max(0, end - position));
    if (wanted.length > 0) yield wanted;
    position += part.length;
    if (position >= end) return;
  }
  if (position < end) throw endsEarly();
}

async function* readToEnd(file: FileHandle, start: number): AsyncGenerator<Buffer> {
  for (let from = start; ;) {
    const { bytesRead, buffer } = await file.read(
      Buffer.allocUnsafe(headWindowBytes),
      0,
      headWindowBytes,
      from,
    );
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
    from += bytesRead;
  }
}

async function* inflated(file: FileHandle, start: number): AsyncGenerator<Buffer> {
  const inflate = createInflateRaw();
  // Not file.createReadStream: it closes the file when it is left early.
  const input = Readable.from(readToEnd(file, start), { objectMode: false });
  input.once('error', (error) => inflate.destroy(error));
  input.pipe(inflate);
  try {
    for await (const part of inflate as AsyncIterable<Buffer>) yield part;
  } catch {
    throw new ObjectUnreadableError('deflated data set cannot be inflated');
  } finally {
    input.destroy();
    inflate.destroy();
  }
}

function endsEarly(): ObjectUnreadableError {
  return new ObjectUnreadableError('object ends inside an element');
}
