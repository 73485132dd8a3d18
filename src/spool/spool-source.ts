import type { Part10Source } from '../dicom/instance.ts';
import { decodeFileHeader } from '../dicom/part10.ts';
import { SpoolUnavailableError } from '../errors/spool-errors.ts';
import type { BufferPool } from './buffer-pool.ts';
import { diskError } from './disk-error.ts';
import { digestUid } from './entry-name.ts';
import type { FileOperations } from './file-operations.ts';
import type { HeldSource } from './queue-desk.ts';
import type { SpoolEntry } from './spool.ts';

/** Holds our group 0002 many times over, and a small object whole. */
const headBytes = 16 * 1024;
/** What is shorter is handed out as a copy: see `chunksOf`. */
const lentFromBytes = 64 * 1024;

interface SourceParts {
  readonly files: FileOperations;
  readonly pool: BufferPool;
}

/**
 * Opens an entry for sending: reads its head, and nothing more until asked.
 *
 * @throws {@link SpoolUnavailableError} when the file is gone, or is not the one its name tells of:
 *   somebody has touched the spool by hand.
 */
export async function openSource(
  entry: SpoolEntry,
  path: string,
  parts: SourceParts,
): Promise<Part10Source> {
  const head = await withFile(path, parts.files, (fd) => {
    if (parts.files.size(fd) !== entry.bytes) throw changed('length');
    return readHead(fd, Math.min(headBytes, entry.bytes), parts.files);
  });
  const header = decodeFileHeader(head);
  const { sopClassUid, sopInstanceUid, transferSyntaxUid } = header ?? {};
  if (!sopClassUid || !sopInstanceUid || !transferSyntaxUid) throw changed('file header');
  if (digestUid(sopInstanceUid) !== entry.instanceDigest) throw changed('SOP Instance UID');
  const read = (): AsyncIterable<Buffer> => chunksOf(entry.bytes, path, head, parts);
  return { sopClassUid, sopInstanceUid, transferSyntaxUid, bytes: entry.bytes, read };
}

/**
 * Opens an entry for reading, whatever becomes of its name from now on: delivered or dropped
 * meanwhile, its bytes are there until `close`.
 *
 * @param fd - the entry's open file; taken over, also when this throws.
 * @throws {@link SpoolUnavailableError} as `openSource` does.
 */
export async function holdSource(
  entry: SpoolEntry,
  fd: number,
  parts: SourceParts,
): Promise<HeldSource> {
  const close = (): void => parts.files.close(fd);
  try {
    // Opens the same file again for each reader, even when its name is gone.
    return { ...(await openSource(entry, `/proc/self/fd/${fd}`, parts)), close: once(close) };
  } catch (error) {
    close();
    throw error;
  }
}

/** The first bytes of an open file; fewer when it is shorter. */
export async function readHead(fd: number, bytes: number, files: FileOperations): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(bytes);
  return buffer.subarray(0, await readFully(fd, buffer, 0, files));
}

function once(action: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    action();
  };
}

/**
 * The file from its first byte: the head that was read before, then two buffers in turn, one being
 * sent while the other is filled.
 *
 * Long chunks lie in lent buffers. A short one is a copy, because a socket says "go on" while it still
 * holds a short write, and only for a long one waits until the kernel has it.
 */
async function* chunksOf(
  bytes: number,
  path: string,
  head: Buffer,
  { files, pool }: SourceParts,
): AsyncGenerator<Buffer> {
  yield head;
  if (head.length === bytes) return;
  const fd = attempt(() => files.openExisting(path));
  const buffers = [pool.take(), pool.take()] as const;
  const readAt = (position: number, turn: number): Promise<Buffer> => {
    const wanted = Math.min(bytes - position, pool.bufferBytes);
    const buffer = (turn % 2 === 0 ? buffers[0] : buffers[1]).subarray(0, wanted);
    const reading = readFully(fd, buffer, position, files).then((count) => {
      if (count < wanted) throw changed('length');
      return wanted < lentFromBytes ? Buffer.from(buffer) : buffer;
    });
    // Reported when its turn comes, or by nobody when the reader went away before.
    reading.catch(() => undefined);
    return reading;
  };
  let reading = readAt(head.length, 0);
  try {
    for (let position = head.length, turn = 1; position < bytes; turn += 1) {
      const chunk = await reading;
      position += chunk.length;
      if (position < bytes) reading = readAt(position, turn);
      yield chunk;
    }
  } catch (error) {
    throw diskError('read an object', error);
  } finally {
    await reading.catch(() => undefined);
    files.close(fd);
    for (const buffer of buffers) pool.giveBack(buffer);
  }
}

async function withFile<T>(
  path: string,
  files: FileOperations,
  use: (fd: number) => Promise<T>,
): Promise<T> {
  const fd = attempt(() => files.openExisting(path));
  try {
    return await use(fd);
  } catch (error) {
    throw diskError('read an object', error);
  } finally {
    files.close(fd);
  }
}

/** Fills the buffer, unless the file ends before; returns how much of it. */
export async function readFully(
  fd: number,
  buffer: Buffer,
  position: number,
  files: FileOperations,
): Promise<number> {
  let filled = 0;
  while (filled < buffer.length) {
    const count = await files.read(fd, buffer.subarray(filled), position + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled;
}

function attempt<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    throw diskError('open an object', error);
  }
}

function changed(what: string): SpoolUnavailableError {
  return new SpoolUnavailableError(
    `an object in the spool was changed from outside: its ${what} is not what was written`,
    undefined,
  );
}
