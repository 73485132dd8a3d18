import { open, readdir, realpath, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CommandError } from './command-error.ts';
import { printable } from './terminal.ts';

/** A file to be sent. */
export interface DicomFile {
  readonly path: string;
  readonly bytes: number;
}

/** What was found below the paths of a command line. */
export interface FoundFiles {
  /** In the order of the arguments, each folder sorted by name; no file twice. */
  readonly files: readonly DicomFile[];
  /** Files that are not DICOM Part 10, and DICOMDIRs, which describe files rather than being one. */
  readonly skipped: number;
  /** What could not be looked at. */
  readonly unreadable: readonly string[];
}

/**
 * Expands files and folders, however deep, into the DICOM files there are.
 *
 * Symbolic links are followed; a folder that links to its own parent is visited once.
 *
 * @throws {@link CommandError} when one of the paths itself does not exist.
 */
export async function findDicomFiles(paths: readonly string[]): Promise<FoundFiles> {
  const search: Search = { seen: new Set(), files: [], skipped: 0, unreadable: [] };
  for (const path of paths) {
    await stat(path).catch((error: unknown) => {
      const { code } = error as NodeJS.ErrnoException;
      throw new CommandError(`cannot read ${printable(path)} (${code ?? 'unknown error'})`);
    });
    await visit(path, search);
  }
  return search;
}

interface Search {
  readonly seen: Set<string>;
  readonly files: DicomFile[];
  skipped: number;
  readonly unreadable: string[];
}

async function visit(path: string, search: Search): Promise<void> {
  try {
    const real = await realpath(path);
    if (search.seen.has(real)) return;
    search.seen.add(real);
    const facts = await stat(real);
    if (facts.isDirectory()) {
      const names = (await readdir(real)).sort();
      for (const name of names) await visit(join(path, name), search);
    } else if (facts.isFile() && (await isDicomObject(real))) {
      search.files.push({ path, bytes: facts.size });
    } else search.skipped += 1;
  } catch {
    search.unreadable.push(path);
  }
}

/** Media Storage Directory Storage: a DICOMDIR (PS3.10 §8.6). */
const directorySopClass = '1.2.840.10008.1.3.10';

async function isDicomObject(path: string): Promise<boolean> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(512), 0, 512, 0);
    const head = buffer.toString('latin1', 0, bytesRead);
    return head.slice(128, 132) === 'DICM' && !head.includes(`${directorySopClass}\0`);
  } finally {
    await file.close();
  }
}
