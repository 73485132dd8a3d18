import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { errorCode } from './disk-error.ts';
import { parseEntryName } from './entry-name.ts';
import type { NamedEntry } from './entry-name.ts';
import type { FileOperations } from './file-operations.ts';

/** Where the spool keeps what. */
export interface SpoolFolders {
  /** Being received; never acknowledged. */
  readonly incoming: string;
  /** Acknowledged, to be delivered. */
  readonly ready: string;
  /** Given up with a reason. */
  readonly failed: string;
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

/** What a folder holds: names of ours, and how many are somebody else's. */
export interface FolderListing {
  /** One list for each extension asked for, oldest first. */
  readonly ours: readonly (readonly NamedEntry[])[];
  readonly foreignCount: number;
}

/** Entries of `ready/` or `failed/`, read from names alone. */
export async function listEntries(
  folder: string,
  extensions: readonly string[],
  files: FileOperations,
): Promise<FolderListing> {
  const ours = extensions.map((): NamedEntry[] => []);
  let foreignCount = 0;
  for (const bytes of await files.list(folder)) {
    const name = bytes.toString('latin1');
    const index = extensions.findIndex((extension) => name.endsWith(extension));
    const entry = parseEntryName(name.slice(0, -(extensions[index]?.length ?? name.length)));
    if (entry) ours[index]?.push(entry);
    else foreignCount += 1;
  }
  for (const list of ours) list.sort((a, b) => (a.id < b.id ? -1 : 1));
  return { ours, foreignCount };
}

/** Removes what a process that is no more was receiving; nobody was told that we have it. */
export async function sweepIncoming(
  folder: string,
  files: FileOperations,
): Promise<{ readonly sweptCount: number; readonly foreignCount: number }> {
  const names = (await files.list(folder)).map((name) => name.toString('latin1'));
  const ours = names.filter((name) => incomingPattern.test(name));
  for (const name of ours) await files.unlink(join(folder, name));
  return { sweptCount: ours.length, foreignCount: names.length - ours.length };
}
