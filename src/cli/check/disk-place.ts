import { access, constants, mkdtemp, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** The folder itself, or the nearest one above it that is there: where it would be created. */
export async function nearestFolder(folder: string): Promise<string> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      if ((await stat(path)).isDirectory()) return path;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error;
    }
    if (dirname(path) === path) return path;
  }
}

/** @returns the code of the error that stands in the way, or `undefined`. */
export async function obstacleToWriting(folder: string): Promise<string | undefined> {
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    await inScratchFolder(folder, () => Promise.resolve());
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  }
}

/** Does something in a folder of its own that is gone afterwards. */
export async function inScratchFolder<T>(
  folder: string,
  work: (scratch: string) => Promise<T>,
): Promise<T> {
  const scratch = await mkdtemp(join(folder, '.drawbridge-check-'));
  try {
    return await work(scratch);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** What a file system is, as far as it matters to whoever must not lose anything. */
interface FileSystemKind {
  readonly name: string;
  readonly danger?: 'memory' | 'network' | 'layer';
}

/** `f_type` of statfs(2), as linux/magic.h has it. */
const kinds: Readonly<Record<number, FileSystemKind>> = {
  0xef53: { name: 'ext4' },
  0x58465342: { name: 'XFS' },
  0x9123683e: { name: 'Btrfs' },
  0x2fc12fc1: { name: 'ZFS' },
  0xf2f52010: { name: 'F2FS' },
  0x01021994: { name: 'tmpfs', danger: 'memory' },
  0x858458f6: { name: 'ramfs', danger: 'memory' },
  0x6969: { name: 'NFS', danger: 'network' },
  0xff534d42: { name: 'CIFS', danger: 'network' },
  0xfe534d42: { name: 'SMB', danger: 'network' },
  0x01021997: { name: '9p', danger: 'network' },
  0x65735546: { name: 'FUSE', danger: 'network' },
  0x794c7630: { name: 'overlayfs', danger: 'layer' },
};

export async function fileSystemOf(folder: string): Promise<FileSystemKind> {
  const { type } = await statfs(folder);
  return kinds[type >>> 0] ?? { name: `file system 0x${(type >>> 0).toString(16)}` };
}
