import { statfs } from 'node:fs/promises';
import { nearestFolder } from './disk-place.ts';
import { failed, ok, warning } from './probe.ts';
import type { Probe } from './probe.ts';
import { formatBytes } from './units.ts';

/** Each object is a file. */
const fewFiles = 10_000;

/** Whether the spool may take anything in, and how much. */
export const freeSpace: Probe = {
  id: 'data.space',
  title: 'Free space',
  needs: ['data.folder'],
  run: async ({ config }) => {
    const { minFreeBytes } = config.spool;
    const { bavail, bsize, ffree, files } = await statfs(await nearestFolder(config.spool.folder));
    const freeBytes = bavail * bsize;
    // File systems without a fixed number of files say 0 of 0.
    const freeFiles = files === 0 ? null : ffree;
    const facts = { freeBytes, minFreeBytes, freeFiles };
    const [free, limit] = [formatBytes(freeBytes), formatBytes(minFreeBytes)];
    if (freeBytes < minFreeBytes) {
      return failed(
        `${free} are free, ${limit} shall stay free: every object is refused (A700H, out of resources).`,
        'Make room on the disk of the spool, or lower DRAWBRIDGE_SPOOL_MIN_FREE.',
        facts,
      );
    }
    const usable = formatBytes(freeBytes - minFreeBytes);
    if (freeFiles !== null && freeFiles < fewFiles) {
      return warning(
        `${free} are free, but only for ${freeFiles} files (inodes).`,
        'Remove small files from the disk of the spool, or set DRAWBRIDGE_SPOOL_DIR to another one.',
        facts,
      );
    }
    if (freeBytes - minFreeBytes < Math.max(minFreeBytes, 10 ** 9)) {
      return warning(
        `Only ${usable} may still be filled while the archive is away: ${free} are free, ${limit} of them stay free.`,
        'Make room on the disk of the spool: a busy CT fills 10 GB a day.',
        facts,
      );
    }
    return ok(
      `${free} are free, so ${usable} may wait while the archive is away (${limit} stay free).`,
      facts,
    );
  },
};
