import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { errorCode } from './disk-error.ts';
import { ofOnePiece, parseEntryName } from './entry-name.ts';
import type { FileOperations } from './file-operations.ts';

/** Where the spool keeps what. */
export interface SpoolFolders {
  /** Being received; never acknowledged. */
  readonly incoming: string;
  /** Acknowledged, to be delivered. */
  readonly ready: string;
  /** Given up with a reason. */
  readonly failed: string;
  /** Delivered, and kept for a while. */
  readonly kept: string;
  /** Holds a file for each destination that gets nothing for now. */
  readonly paused: string;
  /** Says which process owns the spool. */
  readonly lock: string;
}

const incomingPattern = /^[0-9a-f]{8}\.part$/;

/** Name of a file in `incoming/`. */
export function incomingName(sequence: number): string {
  return `${sequence.toString(16).padStart(8, '0')}.part`;
}

/** Creates what is missing, for its owner only, each new folder durable in the one above it. */
export async function createSpoolFolders(
  folder: string,
  files: FileOperations,
): Promise<SpoolFolders> {
  const root = resolve(folder);
  const folders = {
    incoming: join(root, 'incoming'),
    ready: join(root, 'ready'),
    failed: join(root, 'failed'),
    kept: join(root, 'kept'),
    paused: join(root, 'paused'),
    lock: join(root, 'lock'),
  };
  for (const path of Object.values(folders)) await createFolder(path, files);
  return folders;
}

async function createFolder(path: string, files: FileOperations): Promise<void> {
  try {
    mkdirSync(path, 0o700);
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return;
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    await createFolder(dirname(path), files);
    await createFolder(path, files);
    return;
  }
  const parent = files.openExisting(dirname(path));
  try {
    await files.fsync(parent);
  } finally {
    files.close(parent);
  }
}

/** What a folder holds: names of entries, and how many files are somebody else's. */
export interface FolderListing {
  /** One list for each extension asked for, oldest first. */
  readonly ours: readonly (readonly string[])[];
  readonly foreignCount: number;
}

/** Entries of `ready/` or `failed/`: their names alone, which say all and weigh least. */
export async function listEntries(
  folder: string,
  extensions: readonly string[],
  files: FileOperations,
): Promise<FolderListing> {
  const ours = extensions.map((): string[] => []);
  let foreignCount = 0;
  for await (const name of files.list(folder)) {
    const index = extensions.findIndex((extension) => name.endsWith(extension));
    const id = name.slice(0, -(extensions[index]?.length ?? name.length));
    if (parseEntryName(id)) ours[index]?.push(ofOnePiece(id));
    else foreignCount += 1;
  }
  for (const ids of ours) ids.sort();
  return { ours, foreignCount };
}

/** Removes what a process that is no more was receiving; nobody was told that we have it. */
export async function sweepIncoming(
  folder: string,
  files: FileOperations,
): Promise<{ readonly sweptCount: number; readonly foreignCount: number }> {
  const names: string[] = [];
  for await (const name of files.list(folder)) names.push(name);
  const ours = names.filter((name) => incomingPattern.test(name));
  for (const name of ours) await files.unlink(join(folder, name));
  return { sweptCount: ours.length, foreignCount: names.length - ours.length };
}
