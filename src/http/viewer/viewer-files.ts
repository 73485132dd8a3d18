import { realpath, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';

/** A file of the viewer. */
export interface ViewerFile {
  /** Absolute, every link followed. */
  readonly path: string;
  readonly bytes: number;
  /** Milliseconds since the epoch, as the next; what npm packs says 1985 of every version. */
  readonly modifiedAt: number;
  /** When it came to be what it is here. */
  readonly changedAt: number;
}

/** What may be in the name of a file: nothing that is another folder, and nothing hidden. */
const plainName = /^(?!\.)[A-Za-z0-9._@~ +()-]{1,255}$/;

/** Says more of a program than its users need (HOSTILE D48). */
const keptBack = /\.map$/i;

/** The files below one folder, and nothing else of the machine. */
export class ViewerFiles {
  readonly #folder: string;

  /** @param folder - absolute. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Finds a file.
   *
   * @param urlPath - the path of a URL, still encoded.
   * @returns nothing when there is no such file, or none to be shown.
   */
  async find(urlPath: string): Promise<ViewerFile | undefined> {
    const names = namesOf(urlPath);
    if (names === undefined || keptBack.test(urlPath)) return undefined;
    try {
      const root = await realpath(this.#folder);
      const path = await realpath(join(root, ...names));
      // A link may lead anywhere; whoever put it there need not have meant the world to see.
      if (!path.startsWith(root + sep)) return undefined;
      const found = await stat(path);
      return found.isFile()
        ? { path, bytes: found.size, modifiedAt: found.mtimeMs, changedAt: found.ctimeMs }
        : undefined;
    } catch (error) {
      const { code = '' } = error as NodeJS.ErrnoException;
      if (['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ELOOP'].includes(code)) return undefined;
      throw error;
    }
  }
}

function namesOf(urlPath: string): readonly string[] | undefined {
  let path: string;
  try {
    path = decodeURIComponent(urlPath);
  } catch {
    return undefined;
  }
  const names = path.split('/').slice(1);
  return names.every((name) => plainName.test(name)) ? names : undefined;
}
