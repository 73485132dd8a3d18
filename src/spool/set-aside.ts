import type { DirectorySync } from './directory-sync.ts';
import { diskError, errorCode } from './disk-error.ts';
import { entryExtension } from './entry-name.ts';
import type { FileOperations } from './file-operations.ts';
import type { SetAsideReason, SpoolEntry } from './spool.ts';
import type { SpoolFolders } from './spool-folders.ts';
import { writeFully } from './write-fully.ts';

/** Extension of the reason that stands beside an entry in `failed/`. */
export const reasonExtension = '.json';

interface SetAsideParts {
  readonly files: FileOperations;
  readonly folders: SpoolFolders;
  readonly readySync: DirectorySync;
  readonly failedSync: DirectorySync;
  readonly now: () => number;
}

/**
 * Moves an entry to `failed/`, its reason beside it, durably.
 *
 * The reason goes first: an object in `failed/` without one could not be explained, whereas a reason
 * whose object is still in `ready/` is written anew the next time. When somebody has removed the
 * object by hand, the reason alone remains and says so.
 *
 * @throws SpoolFullError, SpoolUnavailableError; the entry then stays where it was.
 */
export async function setAside(
  entry: SpoolEntry,
  reason: SetAsideReason,
  parts: SetAsideParts,
): Promise<void> {
  const { files, folders, readySync, failedSync } = parts;
  const reasonPath = `${folders.failed}/${entry.id}${reasonExtension}`;
  try {
    await writeReason(reasonPath, reasonText(entry, reason, parts.now()), files);
    moveObject(entry, folders, files);
    // First where it arrives, then where it left: a power cut may show it twice, never not at all.
    await failedSync.sync();
    await readySync.sync();
  } catch (error) {
    throw diskError('set an object aside', error);
  }
}

function reasonText(entry: SpoolEntry, reason: SetAsideReason, now: number): string {
  const facts = {
    setAsideAt: new Date(now).toISOString(),
    arrivedAt: new Date(entry.arrivedAt).toISOString(),
    destination: entry.destination,
    bytes: entry.bytes,
    ...reason,
  };
  return `${JSON.stringify(facts, undefined, 2)}\n`;
}

async function writeReason(path: string, text: string, files: FileOperations): Promise<void> {
  // One may stand there from an attempt that did not get as far as moving the object.
  await files.unlink(path).catch(ignoreMissing);
  const fd = files.create(path);
  try {
    await writeFully(fd, [Buffer.from(text)], 0, files);
    await files.fdatasync(fd);
  } catch (error) {
    await files.unlink(path).catch(() => undefined);
    throw error;
  } finally {
    files.close(fd);
  }
}

function moveObject({ id }: SpoolEntry, folders: SpoolFolders, files: FileOperations): void {
  const name = `${id}${entryExtension}`;
  try {
    files.rename(`${folders.ready}/${name}`, `${folders.failed}/${name}`);
  } catch (error) {
    ignoreMissing(error);
  }
}

function ignoreMissing(error: unknown): void {
  if (errorCode(error) !== 'ENOENT') throw error;
}
