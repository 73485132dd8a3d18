import { join } from 'node:path';
import { errorCode } from './disk-error.ts';
import { entryExtension } from './entry-name.ts';
import type { FileOperations } from './file-operations.ts';
import type { KeptFolder } from './kept-folder.ts';
import { reasonExtension } from './set-aside.ts';
import { listEntries, sweepIncoming } from './spool-folders.ts';
import type { SpoolFolders } from './spool-folders.ts';

/** What a spool that is being opened holds: names of entries, oldest first. */
export interface Stock {
  readonly waiting: readonly string[];
  readonly setAside: readonly string[];
  readonly kept: readonly string[];
  readonly sweptCount: number;
  readonly foreignCount: number;
}

/**
 * Clears what was never acknowledged, and lists what was.
 *
 * A move between folders that a power cut came into may show an object twice. What stands in `ready/`
 * counts then: sent once too often is no harm.
 */
export async function takeStock(
  folders: SpoolFolders,
  keptFolder: KeptFolder,
  files: FileOperations,
): Promise<Stock> {
  const swept = await sweepIncoming(folders.incoming, files);
  const ready = await listEntries(folders.ready, [entryExtension], files);
  const failed = await listEntries(folders.failed, [entryExtension, reasonExtension], files);
  const kept = new Map((await keptFolder.list()).map((each) => [each.id, each]));
  const [waiting = []] = ready.ours;
  const setAside = new Set(failed.ours.flat());
  for (const id of setAside.size + kept.size > 0 ? waiting : []) {
    // A reason was written, but its object not moved, or not for good: it is still to be delivered.
    if (setAside.delete(id)) {
      for (const extension of [entryExtension, reasonExtension]) {
        await unlinkIfThere(join(folders.failed, `${id}${extension}`), files);
      }
    }
    const delivered = kept.get(id);
    if (!delivered) continue;
    kept.delete(id);
    await keptFolder.remove(delivered);
  }
  return {
    waiting,
    setAside: [...setAside],
    kept: [...kept.keys()],
    sweptCount: swept.sweptCount,
    foreignCount: swept.foreignCount + ready.foreignCount + failed.foreignCount,
  };
}

async function unlinkIfThere(path: string, files: FileOperations): Promise<void> {
  try {
    await files.unlink(path);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}
