import {
  access,
  closeSync,
  constants,
  fdatasync,
  fstatSync,
  fsync,
  openSync,
  read,
  renameSync,
  statfs,
  unlink,
  writev,
  writevSync,
} from 'node:fs';
import { opendir } from 'node:fs/promises';
import { promisify } from 'node:util';

/**
 * What the spool asks of the file system. A collaborator, so that a test can fill the disk, kill the
 * process between two calls, or write down their order.
 *
 * What never waits for the medium is synchronous: a trip through the thread pool costs more than the
 * call (measured on ext4: creating, renaming and closing in the pool adds 0.1 to 0.2 ms an object).
 */
export interface FileOperations {
  /** Creates a file that must not exist, readable by its owner only. */
  create(path: string): number;
  /** Opens a file or folder for reading. */
  openExisting(path: string): number;
  close(fd: number): void;
  rename(from: string, to: string): void;
  size(fd: number): number;
  /** May write less than asked for, like writev(2). */
  writev(fd: number, chunks: readonly Buffer[], position: number): Promise<number>;
  fdatasync(fd: number): Promise<void>;
  fsync(fd: number): Promise<void>;
  unlink(path: string): Promise<void>;
  /**
   * File names, a character for each byte: ours are ASCII, and others only have to be told apart. A
   * few at a time, because 200,000 at once weigh more than the whole queue.
   */
  list(folder: string): AsyncIterable<string>;
  /** Reads up to the whole buffer; 0 at the end of the file. */
  read(fd: number, buffer: Buffer, position: number): Promise<number>;
  /** Bytes an unprivileged process may still use on the file system of this folder. */
  freeBytes(folder: string): Promise<number>;
  assertWritable(folder: string): Promise<void>;
}

/** Names fetched by one trip through the thread pool. */
const namesAtOnce = 1_024;

/** Up to here the copy into the page cache is shorter than the way to the thread pool and back. */
const synchronousWriteBytes = 64 * 1024;

const asyncAccess = promisify(access);
const asyncFdatasync = promisify(fdatasync);
const asyncFsync = promisify(fsync);
const asyncStatfs = promisify(statfs);
const asyncUnlink = promisify(unlink);

/** The real file system. */
export const nodeFileOperations: FileOperations = {
  create: (path) => openSync(path, 'wx', 0o600),
  openExisting: (path) => openSync(path, constants.O_RDONLY),
  close: (fd) => closeSync(fd),
  rename: (from, to) => renameSync(from, to),
  size: (fd) => fstatSync(fd).size,
  writev: writeGathered,
  fdatasync: (fd) => asyncFdatasync(fd),
  fsync: (fd) => asyncFsync(fd),
  unlink: (path) => asyncUnlink(path),
  list: namesIn,
  read: readInto,
  freeBytes: async (folder) => {
    const { bavail, bsize } = await asyncStatfs(folder);
    return bavail * bsize;
  },
  assertWritable: (folder) => asyncAccess(folder, constants.W_OK | constants.X_OK),
};

// Callbacks rather than promisify: the promise versions wrap every result in an object.
function writeGathered(fd: number, chunks: readonly Buffer[], position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    if (byteLengthOf(chunks) <= synchronousWriteBytes) {
      resolve(writevSync(fd, chunks, position));
      return;
    }
    writev(fd, chunks, position, (error, written) => {
      if (error) reject(error);
      else resolve(written);
    });
  });
}

async function* namesIn(folder: string): AsyncGenerator<string> {
  const entries = await opendir(folder, { encoding: 'latin1', bufferSize: namesAtOnce });
  for await (const { name } of entries) yield name;
}

function readInto(fd: number, buffer: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, buffer, 0, buffer.length, position, (error, bytesRead) => {
      if (error) reject(error);
      else resolve(bytesRead);
    });
  });
}

function byteLengthOf(chunks: readonly Buffer[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}
