import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import type { IndexedInstance } from './archive-index.ts';

/**
 * The index on disk: one JSON line an instance, the last one of a UID holds. It only saves reading
 * every file at start, so it is not synced, and a line that cannot be read is as good as none.
 */
export class IndexFile {
  readonly #path: string;
  /** Appends one after the other: two at once could write into each other's line. */
  #last: Promise<void> = Promise.resolve();

  constructor(path: string) {
    this.#path = path;
  }

  async read(): Promise<ReadonlyMap<string, IndexedInstance>> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const found = new Map<string, IndexedInstance>();
    for (const line of text.split('\n')) {
      const instance = parseLine(line);
      if (instance !== undefined) found.set(instance.sopInstanceUid, instance);
    }
    return found;
  }

  /** Never rejects: what is missing here is read from the file itself at the next start. */
  append(instance: IndexedInstance): Promise<void> {
    return this.#inTurn(() =>
      appendFile(this.#path, `${JSON.stringify(instance)}\n`, { mode: 0o600 }),
    );
  }

  /** Writes it anew, without the lines that do not hold any more. */
  rewrite(instances: Iterable<IndexedInstance>): Promise<void> {
    return this.#inTurn(async () => {
      const lines = Array.from(instances, (instance) => `${JSON.stringify(instance)}\n`);
      await writeFile(`${this.#path}.new`, lines.join(''), { mode: 0o600 });
      await rename(`${this.#path}.new`, this.#path);
    });
  }

  /** Resolves when nothing is being written any more. */
  settled(): Promise<void> {
    return this.#last;
  }

  #inTurn(write: () => Promise<void>): Promise<void> {
    this.#last = this.#last.then(write).catch(() => undefined);
    return this.#last;
  }
}

function parseLine(line: string): IndexedInstance | undefined {
  try {
    const instance = JSON.parse(line) as IndexedInstance;
    return typeof instance.sopInstanceUid === 'string' && typeof instance.attributes === 'object'
      ? instance
      : undefined;
  } catch {
    return undefined;
  }
}
