import { mkdir, open as openFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUid } from '../../dicom/uid.ts';
import { BridgeError } from '../../errors/bridge-error.ts';
import type { HeldSource, QueuedEntry, QueueFilter } from '../../spool/queue-desk.ts';
import { CommandError } from '../command-error.ts';
import { exitCodes } from '../print-error.ts';
import { ProgressBar } from '../progress-bar.ts';
import type { CommandIo } from '../terminal.ts';
import { printable } from '../terminal.ts';
import { shortId, walkEntries } from './find-entries.ts';
import type { OpenQueue } from './open-queue.ts';
import { objectWords, sizeWords } from './words.ts';

interface ExportOptions {
  readonly open: OpenQueue;
  readonly folder: string;
  readonly json: boolean;
  readonly io: CommandIo;
  /** For the progress bar. */
  readonly clock: () => number;
}

interface Failure {
  readonly id: string;
  readonly reason: string;
}

/**
 * `drawbridge queue export`: copies entries as `<SOP Instance UID>.dcm`. A file appears under its
 * name only when it is whole, and never in the place of another.
 *
 * @returns 0 when every entry was copied or had left the queue by itself, 1 otherwise.
 */
export async function exportEntries(filter: QueueFilter, options: ExportOptions): Promise<number> {
  const { open, folder, json, io, clock } = options;
  const { total, totalBytes } = await open.queue.list(filter, { limit: 1, offset: 0 });
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(cannotWrite);
  const bar = new ProgressBar({
    output: io.stderr,
    total: { objects: total, bytes: totalBytes },
    now: clock,
  });
  const done = { exported: 0, bytes: 0, renamed: 0, left: 0 };
  const failures: Failure[] = [];
  let seen = { objects: 0, bytes: 0 };
  for await (const entry of walkEntries(filter, open.queue)) {
    try {
      const file = await exportOne(entry, options);
      if (file === undefined) done.left += 1;
      else {
        done.exported += 1;
        done.bytes += entry.bytes;
        if (file.isRenamed) done.renamed += 1;
      }
    } catch (error) {
      if (!(error instanceof BridgeError)) cannotWrite(error);
      else failures.push({ id: entry.id, reason: error.message });
    }
    seen = { objects: seen.objects + 1, bytes: seen.bytes + entry.bytes };
    bar.update(seen);
  }
  if (total > 0) bar.finish();
  if (json) io.stdout.write(`${JSON.stringify({ folder, ...done, failures }, null, 2)}\n`);
  else printReport(done, failures, options);
  return failures.length === 0 ? exitCodes.fine : exitCodes.failed;
}

/** `undefined` when the entry has left the queue since it was listed. */
async function exportOne(
  { id }: QueuedEntry,
  { open, folder }: ExportOptions,
): Promise<{ readonly isRenamed: boolean } | undefined> {
  const source = await open.queue.open(id);
  if (source === undefined) return undefined;
  try {
    return await writeOnce(source, folder);
  } finally {
    source.close();
  }
}

async function writeOnce(
  source: HeldSource,
  folder: string,
): Promise<{ readonly isRenamed: boolean }> {
  // It becomes a path: read once more here, where that can be seen.
  const name = parseUid(source.sopInstanceUid);
  if (name === undefined) throw new CommandError('an entry has no valid SOP Instance UID');
  const { path, isRenamed } = await reserve(folder, name);
  const part = `${path}.part`;
  try {
    const bytes = await copy(source, part);
    if (bytes !== source.bytes)
      throw new CommandError('the bridge broke off in the midst of a file');
    await rename(part, path);
  } catch (error) {
    await rm(part, { force: true });
    await rm(path, { force: true });
    throw error;
  }
  return { isRenamed };
}

async function copy(source: HeldSource, path: string): Promise<number> {
  const file = await openFile(path, 'wx', 0o600);
  let bytes = 0;
  try {
    for await (const chunk of source.read()) {
      await file.writeFile(chunk);
      bytes += chunk.length;
    }
  } finally {
    await file.close();
  }
  return bytes;
}

/** The name is taken by an empty file first, which works on every file system. */
async function reserve(
  folder: string,
  name: string,
): Promise<{ readonly path: string; readonly isRenamed: boolean }> {
  for (let copyNumber = 1; ; copyNumber += 1) {
    const suffix = copyNumber === 1 ? '' : `_${copyNumber}`;
    const path = join(folder, `${name}${suffix}.dcm`);
    try {
      await (await openFile(path, 'wx', 0o600)).close();
      return { path, isRenamed: copyNumber > 1 };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function cannotWrite(error: unknown): never {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof CommandError || code === undefined) throw error;
  throw new CommandError(
    `cannot write to the export folder (${code}); what is there already is whole`,
  );
}

function printReport(
  {
    exported,
    bytes,
    renamed,
    left,
  }: Readonly<Record<'exported' | 'bytes' | 'renamed' | 'left', number>>,
  failures: readonly Failure[],
  { folder, io: { stdout, stderr } }: ExportOptions,
): void {
  for (const { id, reason } of failures) {
    stderr.write(`${shortId(id)}: ${printable(reason)}\n`);
  }
  stdout.write(`${objectWords(exported)} (${sizeWords(bytes)}) copied to ${printable(folder)}\n`);
  if (renamed > 0) {
    stdout.write(`${renamed} of them with _2, _3 … in the name, which was taken\n`);
  }
  if (left > 0) stdout.write(`${objectWords(left)} had left the queue meanwhile\n`);
}
