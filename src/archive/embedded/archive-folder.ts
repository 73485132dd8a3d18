import { constants } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceIdentity, Part10Source } from '../../dicom/instance.ts';
import { parseUid } from '../../dicom/uid.ts';

/** Where one instance lies. */
type Place = Omit<InstanceIdentity, 'sopClassUid'>;

const readChunkBytes = 262_144;
const { O_CREAT, O_EXCL, O_WRONLY } = constants;

/**
 * The folder of an embedded archive: `<study>/<series>/<instance>.dcm`, and `.incoming/` with what
 * is being written. Nothing but parsed UIDs ever becomes part of a path.
 */
export class ArchiveFolder {
  readonly root: string;
  readonly #incoming: string;
  #counter = 0;

  constructor(root: string) {
    this.root = root;
    this.#incoming = join(root, '.incoming');
  }

  /** Makes the folder and sweeps what a crash left half written. */
  async open(): Promise<void> {
    await mkdir(this.root, { recursive: true, mode: 0o700 });
    await rm(this.#incoming, { recursive: true, force: true });
    await mkdir(this.#incoming, { mode: 0o700 });
    await syncDirectory(this.root);
  }

  /** @throws RangeError when a part is no UID; only a programming error can bring that about. */
  pathOf({ studyInstanceUid, seriesInstanceUid, sopInstanceUid }: Place): string {
    const parts = [studyInstanceUid, seriesInstanceUid, sopInstanceUid];
    if (parts.some((part) => parseUid(part) !== part)) throw new RangeError('not a UID');
    return `${join(this.root, ...parts)}.dcm`;
  }

  /** Writes an object and its data to stable storage; it is not part of the archive yet. */
  async receive(source: Pick<Part10Source, 'read'>, signal: AbortSignal): Promise<string> {
    this.#counter += 1;
    const path = join(this.#incoming, `${process.pid}-${this.#counter}`);
    try {
      const file = await open(path, O_CREAT | O_EXCL | O_WRONLY, 0o600);
      try {
        for await (const chunk of source.read()) {
          signal.throwIfAborted();
          await file.writeFile(chunk);
        }
        await file.datasync();
      } finally {
        await file.close();
      }
      return path;
    } catch (error) {
      await this.discard(path);
      throw error;
    }
  }

  async discard(path: string): Promise<void> {
    await rm(path, { force: true });
  }

  /** Moves a received object to its place; durable when it resolves, whatever was there before. */
  async commit(received: string, place: Place): Promise<string> {
    const path = this.pathOf(place);
    const study = join(this.root, place.studyInstanceUid);
    const series = join(study, place.seriesInstanceUid);
    await mkdir(series, { recursive: true, mode: 0o700 });
    await rename(received, path);
    // From the leaf up, every time: who made which folder is not known after a crash.
    for (const folder of [series, study, this.root]) await syncDirectory(folder);
    return path;
  }

  /** Removes an instance, and folders that became empty. */
  async remove(place: Place): Promise<void> {
    await rm(this.pathOf(place), { force: true });
    const study = join(this.root, place.studyInstanceUid);
    const removed = await rmdir(join(study, place.seriesInstanceUid)).then(
      () => true,
      () => false,
    );
    if (removed) await rmdir(study).catch(() => undefined);
  }

  /** Every instance that lies in its place; other files are none of ours. */
  async *places(): AsyncGenerator<Place> {
    for (const study of await uidFolders(this.root)) {
      for (const series of await uidFolders(join(this.root, study))) {
        for (const entry of await readdir(join(this.root, study, series), {
          withFileTypes: true,
        })) {
          const instance = parseUid(/^(.+)\.dcm$/.exec(entry.name)?.[1] ?? '');
          if (!entry.isFile() || instance === undefined) continue;
          yield { studyInstanceUid: study, seriesInstanceUid: series, sopInstanceUid: instance };
        }
      }
    }
  }
}

/** Reads a file in chunks that share one buffer. */
export async function* readFileInChunks(path: string): AsyncGenerator<Buffer> {
  const file = await open(path, 'r');
  try {
    const buffer = Buffer.allocUnsafe(readChunkBytes);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}

async function uidFolders(folder: string) {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => parseUid(entry.name))
    .filter((uid) => uid !== undefined);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
