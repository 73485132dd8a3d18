import { spawnSync } from 'node:child_process';
import { open, rm, statfs } from 'node:fs/promises';
import path from 'node:path';
import { temporaryFolder } from '../../peers/peer.ts';

const MiB = 2 ** 20;

/** A file system of a few megabytes. */
export interface SmallDisk {
  readonly path: string;
  freeBytes(): Promise<number>;
  /** Somebody else takes every byte there is; again, what has become free since. */
  fill(): Promise<void>;
  /** Somebody else takes so many bytes. */
  take(bytes: number): Promise<void>;
  /** Nobody may write any more, or may again. */
  setReadOnly(isReadOnly: boolean): void;
  /** Gives back what somebody else took. */
  empty(): Promise<void>;
  remove(): Promise<void>;
}

/** Root in a container may still not mount: ask with `describe.skipIf`. */
export const canMountDisk = process.getuid?.() === 0 && canMountTmpfs();

export async function mountSmallDisk(size: string): Promise<SmallDisk> {
  const folder = await temporaryFolder('disk');
  const unmount = (): void => {
    // Also when it is not mounted any more.
    spawnSync('umount', ['--lazy', folder.path]);
  };
  mount('-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder.path);
  // A run that is broken off calls no afterEach.
  process.once('exit', unmount);

  const foreign = path.join(folder.path, 'foreign');
  return {
    path: folder.path,
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(folder.path);
      return bavail * bsize;
    },
    fill: () => writeUntilFull(foreign),
    take: async (bytes) => {
      const handle = await open(foreign, 'a');
      try {
        await handle.write(Buffer.alloc(bytes));
      } finally {
        await handle.close();
      }
    },
    setReadOnly: (isReadOnly) => mount('-o', `remount,${isReadOnly ? 'ro' : 'rw'}`, folder.path),
    empty: () => rm(foreign, { force: true }),
    remove: async () => {
      unmount();
      process.off('exit', unmount);
      await folder.remove();
    },
  };
}

function mount(...words: readonly string[]): void {
  const { status, stderr } = spawnSync('mount', words);
  if (status !== 0) throw new Error(`mount: ${stderr.toString()}`);
}

async function writeUntilFull(file: string): Promise<void> {
  const handle = await open(file, 'a');
  try {
    for (let size = MiB; size >= 1; size = Math.floor(size / 2)) {
      const piece = Buffer.alloc(size);
      try {
        for (;;) await handle.write(piece);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    await handle.close();
  }
}

function canMountTmpfs(): boolean {
  const tried = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']);
  return tried.status === 0;
}
