import { closeSync, linkSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { Server } from 'node:net';
import { SpoolLockedError } from '../errors/spool-errors.ts';
import { diskError, errorCode } from './disk-error.ts';
import type { FileOperations } from './file-operations.ts';

const generationPattern = /^\d{10}$/;
/** An owner that is stopped (SIGSTOP, a debugger) does not tell its pid, and owns all the same. */
const pidTimeoutMs = 500;

/** Ownership of a spool folder; ends with `release` or with the process. */
export interface SpoolLock {
  release(): Promise<void>;
}

/**
 * Makes this process the one owner of a spool (HOSTILE C08).
 *
 * The owner listens on a Unix socket in the folder. A socket nobody listens on any more refuses
 * connections, whoever asks: unlike a pid in a file that holds across containers (pid namespaces,
 * pid 1 after pid 1), cannot be mistaken after a pid was used again, and needs no time-out.
 *
 * A dead owner's socket is never removed and replaced, which two starters could do to each other.
 * Sockets are numbered instead, and the highest number owns: who finds it dead links its own
 * listening socket to the next number, which succeeds for one starter only.
 *
 * @param folder - the folder for the sockets; exists.
 * @param folderOfSpool - named in the error, for the log.
 * @param nonce - unique among starters, of letters and digits.
 * @throws {@link SpoolLockedError} when another process (or this one) owns it; SpoolUnavailableError
 *   when the file system has no Unix sockets.
 */
export async function acquireLock(options: {
  readonly folder: string;
  readonly folderOfSpool: string;
  readonly nonce: string;
  readonly files: FileOperations;
}): Promise<SpoolLock> {
  const { folder, folderOfSpool, nonce, files } = options;
  let folderFd: number | undefined;
  try {
    // A socket address holds 107 bytes; through the descriptor the depth of the folder is no matter.
    folderFd = files.openExisting(folder);
    const near = `/proc/self/fd/${folderFd}`;
    const ownName = `starter-${nonce}`;
    const server = await listen(`${near}/${ownName}`);
    try {
      await claim(near, ownName, folderOfSpool);
      unlinkSync(`${near}/${ownName}`);
    } catch (error) {
      // Closing a server unlinks the path it listened on.
      await closeServer(server);
      throw error;
    }
    return { release: () => closeServer(server) };
  } catch (error) {
    throw diskError('take its lock', error);
  } finally {
    if (folderFd !== undefined) files.close(folderFd);
  }
}

/**
 * Says who owns a spool, without wanting to.
 *
 * @param folder - the folder for the sockets.
 * @returns `undefined` when nobody does, or the folder is not there; without a pid when its owner
 *   does not tell.
 */
export async function lockOwner(folder: string): Promise<{ readonly pid?: number } | undefined> {
  let folderFd: number | undefined;
  try {
    folderFd = openSync(folder, 'r');
    const near = `/proc/self/fd/${folderFd}`;
    const highest = generationsIn(near).at(-1) ?? 0;
    const owner = highest === 0 ? 'dead' : await askOwner(`${near}/${nameOf(highest)}`);
    return owner === 'dead' ? undefined : owner;
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw diskError('look at its lock', error);
  } finally {
    if (folderFd !== undefined) closeSync(folderFd);
  }
}

async function claim(near: string, ownName: string, folderOfSpool: string): Promise<void> {
  for (;;) {
    const highest = generationsIn(near).at(-1) ?? 0;
    if (highest > 0) {
      const owner = await askOwner(`${near}/${nameOf(highest)}`);
      if (owner !== 'dead') throw new SpoolLockedError({ ...owner, folder: folderOfSpool });
    }
    const generation = highest + 1;
    if (!linkUnlessTaken(`${near}/${ownName}`, `${near}/${nameOf(generation)}`)) continue;
    // A starter that was asleep since it looked may have linked a number already passed and cleared.
    const generations = generationsIn(near);
    if (generations.at(-1) === generation) {
      clearOld(near, generations);
      return;
    }
    unlinkSync(`${near}/${nameOf(generation)}`);
  }
}

function generationsIn(near: string): readonly number[] {
  return readdirSync(near)
    .filter((name) => generationPattern.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

function nameOf(generation: number): string {
  return generation.toString().padStart(10, '0');
}

function linkUnlessTaken(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

/** The last two stay, so that a listing taken during a change of owners sees one of them. */
function clearOld(near: string, generations: readonly number[]): void {
  for (const generation of generations.slice(0, -2)) {
    try {
      unlinkSync(`${near}/${nameOf(generation)}`);
    } catch {
      // Another starter cleared it.
    }
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.end(`${process.pid}\n`);
    });
    // The lock alone keeps no process alive.
    server.unref();
    server.once('error', reject);
    server.listen({ path, exclusive: true }, () => resolve(server));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

/** Asks whoever listens for its pid; only a refused connection proves that nobody does. */
function askOwner(path: string): Promise<'dead' | { readonly pid?: number }> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ path });
    let answer = '';
    const finish = (): void => {
      socket.destroy();
      resolve(/^\d+\n$/.test(answer) ? { pid: Number(answer) } : {});
    };
    socket.setTimeout(pidTimeoutMs, finish);
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text.slice(0, 16);
    });
    socket.on('end', finish);
    socket.on('error', (error) => {
      socket.destroy();
      const code = errorCode(error);
      // ENOENT: cleared since we looked, thus passed by a higher number; linking will find out.
      if (code === 'ECONNREFUSED' || code === 'ENOENT') resolve('dead');
      else if (code === 'EAGAIN' || code === 'ECONNRESET' || code === 'EPIPE') finish();
      else reject(error);
    });
  });
}
