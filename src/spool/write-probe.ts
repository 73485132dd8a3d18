import type { FileOperations } from './file-operations.ts';
import { writeFully } from './write-fully.ts';

/** More than an empty disk block's worth, so that a full disk says so. */
const probeBytes = 64 * 1024;

/** Rejects when a file of some length cannot be written and synced in this place; leaves nothing there. */
export async function probeWriting(path: string, files: FileOperations): Promise<void> {
  const fd = files.create(path);
  try {
    await writeFully(fd, [Buffer.alloc(probeBytes)], 0, files);
    await files.fdatasync(fd);
  } finally {
    files.close(fd);
    await files.unlink(path);
  }
}
