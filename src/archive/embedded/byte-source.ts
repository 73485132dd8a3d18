import type { FileHandle } from 'node:fs/promises';
import { createInflateRaw } from 'node:zlib';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';

/** Bytes that can be read anywhere without holding them all. */
export interface ByteSource {
  /** Position behind the last byte. */
  readonly end: number;
  /** @throws {@link ObjectUnreadableError} when the source ends before. */
  bytes(position: number, length: number): Promise<Buffer>;
}

const windowBytes = 65_536;

/** Reads a file through one window that moves with the reader. */
export function fileSource(file: FileHandle, end: number): ByteSource {
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
  const inflate = createInflateRaw();
  const input = file.createReadStream({ start, autoClose: false });
  input.once('error', (error) => inflate.destroy(error));
  input.pipe(inflate);
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of inflate as AsyncIterable<Buffer>) {
      parts.push(part);
      length += part.length;
      if (length >= inflatedHeadBytes) break;
    }
  } catch {
    throw new ObjectUnreadableError('deflated data set cannot be inflated');
  } finally {
    input.destroy();
    inflate.destroy();
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

function endsEarly(): ObjectUnreadableError {
  return new ObjectUnreadableError('object ends inside an element');
}
