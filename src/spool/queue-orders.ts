import { SpoolUnavailableError } from '../errors/spool-errors.ts';
import type { DirectorySync } from './directory-sync.ts';
import { errorCode } from './disk-error.ts';
import { entryExtension, entryNamed } from './entry-name.ts';
import type { FoundEntry } from './entry-search.ts';
import type { FileOperations } from './file-operations.ts';
import type { KeptFolder } from './kept-folder.ts';
import type { LeaseQueue } from './lease-queue.ts';
import type { EntryState, QueueEffect } from './queue-desk.ts';
import { reasonExtension } from './set-aside.ts';
import type { SpoolFolders } from './spool-folders.ts';
import type { SpoolEntry } from './spool.ts';

/** What orders are carried out on; the spool's own. */
export interface QueueOrdersParts {
  readonly files: FileOperations;
  readonly folders: SpoolFolders;
  readonly readySync: DirectorySync;
  readonly failedSync: DirectorySync;
  readonly keptSync: DirectorySync;
  readonly queue: LeaseQueue;
  readonly kept: KeptFolder;
  /** Told how many entries came to `failed/` or left it. */
  readonly failedChanged: (difference: number) => void;
  /** Told when there may be something to lease. */
  readonly dueChanged: () => void;
}

/** So many entries share the fsync of their folder, and are out of the queue at a time. */
const entriesAtOnce = 1_000;

/** What was met so far. */
class Tally implements QueueEffect {
  entries = 0;
  bytes = 0;
  busy = 0;

  count({ bytes }: SpoolEntry): void {
    this.entries += 1;
    this.bytes += bytes;
  }
}

/**
 * Carries out what an operator ordered, on entries found before. What became of one meanwhile is
 * looked at again right before it is touched, in the same turn of the event loop.
 *
 * The rule against loss: an entry leaves one place by a rename into the next, or by the unlink that
 * was asked for; whatever a failing disk leaves in `ready/` is in the queue again.
 */
export class QueueOrders {
  readonly #parts: QueueOrdersParts;
  #stopped = false;

  constructor(parts: QueueOrdersParts) {
    this.#parts = parts;
  }

  stop(): void {
    this.#stopped = true;
  }

  async retry(found: readonly FoundEntry[]): Promise<QueueEffect> {
    const { queue, failedSync, dueChanged } = this.#parts;
    const tally = new Tally();
    for (const { id } of found) if (queue.isLeased(id)) tally.busy += 1;
    for (const part of this.#partsOf(found, ['delayed'])) {
      for (const entry of queue.hasten(part.map(({ id }) => id))) tally.count(entry);
      dueChanged();
    }
    for (const part of this.#partsOf(found, ['failed'])) {
      const moved = await this.#backIntoQueue(part, failedSync, (id) => this.#failedPath(id));
      for (const entry of moved) {
        tally.count(entry);
        this.#parts.failedChanged(-1);
        // Should the process end before: a reason without its object is removed at the next start.
        await this.#unlink(this.#reasonPath(entry.id));
      }
    }
    return tally;
  }

  async replay(found: readonly FoundEntry[]): Promise<QueueEffect> {
    const { kept, keptSync } = this.#parts;
    const tally = new Tally();
    const deliveredAt = new Map(found.map((each) => [each.id, each.deliveredAt ?? 0]));
    for (const part of this.#partsOf(found, ['kept'])) {
      const pathOf = (id: string): string => kept.pathOf(id, deliveredAt.get(id) ?? 0);
      for (const entry of await this.#backIntoQueue(part, keptSync, pathOf)) tally.count(entry);
    }
    return tally;
  }

  async drop(found: readonly FoundEntry[]): Promise<QueueEffect> {
    const { kept, keptSync, failedSync } = this.#parts;
    const tally = new Tally();
    for (const part of this.#partsOf(found, ['waiting', 'delayed', 'sending'])) {
      await this.#dropQueued(part, tally);
    }
    for (const part of this.#partsOf(found, ['failed'])) {
      for (const { id } of part) {
        const object = await this.#unlink(this.#failedPath(id));
        if (!(await this.#unlink(this.#reasonPath(id))) && !object) continue;
        this.#parts.failedChanged(-1);
        tally.count(entryNamed(id));
      }
      await failedSync.sync();
    }
    for (const part of this.#partsOf(found, ['kept'])) {
      for (const { id, deliveredAt = 0 } of part) {
        if (await kept.remove({ id, deliveredAt })) tally.count(entryNamed(id));
      }
      await keptSync.sync();
    }
    return tally;
  }

  /** Nobody else can take them from the moment they are withdrawn until they are gone, or back. */
  async #dropQueued(part: readonly FoundEntry[], tally: Tally): Promise<void> {
    const { queue, readySync, dueChanged } = this.#parts;
    const ids = part.map(({ id }) => id);
    tally.busy += ids.filter((id) => queue.isLeased(id)).length;
    const entries = queue.withdraw(ids);
    const gone: SpoolEntry[] = [];
    try {
      for (const entry of entries) {
        await this.#unlink(this.#readyPath(entry.id));
        gone.push(entry);
      }
      await readySync.sync();
    } finally {
      for (const entry of gone) {
        queue.remove(entry);
        tally.count(entry);
      }
      // Only what could not be unlinked is still held.
      for (const entry of entries) queue.release(entry, { notBefore: 0 });
      dueChanged();
    }
  }

  /** Renames into `ready/`, makes it durable, and only then lets it be sent. */
  async #backIntoQueue(
    part: readonly FoundEntry[],
    leftSync: DirectorySync,
    pathOf: (id: string) => string,
  ): Promise<readonly SpoolEntry[]> {
    const { files, queue, readySync, dueChanged } = this.#parts;
    const moved: SpoolEntry[] = [];
    try {
      for (const { id } of part) {
        try {
          files.rename(pathOf(id), this.#readyPath(id));
          moved.push(entryNamed(id));
        } catch (error) {
          // Swept, or removed by hand.
          if (errorCode(error) !== 'ENOENT') throw error;
        }
      }
      // First where it arrives, then where it left: a power cut may show it twice, never not at all.
      await readySync.sync();
      await leftSync.sync();
    } finally {
      // They are in `ready/` whether this is durable yet or not: to be sent in any case.
      for (const entry of moved) queue.add(entry);
      dueChanged();
    }
    return moved;
  }

  /** The entries in these states, in handy parts; ends early when the spool is closing. */
  *#partsOf(
    found: readonly FoundEntry[],
    states: readonly EntryState[],
  ): Generator<readonly FoundEntry[]> {
    const meant = found.filter(({ state }) => states.includes(state));
    for (let at = 0; at < meant.length; at += entriesAtOnce) {
      if (this.#stopped) throw new SpoolUnavailableError('the spool is closed', undefined);
      yield meant.slice(at, at + entriesAtOnce);
    }
  }

  async #unlink(path: string): Promise<boolean> {
    try {
      await this.#parts.files.unlink(path);
      return true;
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return false;
      throw error;
    }
  }

  #readyPath(id: string): string {
    return `${this.#parts.folders.ready}/${id}${entryExtension}`;
  }

  #failedPath(id: string): string {
    return `${this.#parts.folders.failed}/${id}${entryExtension}`;
  }

  #reasonPath(id: string): string {
    return `${this.#parts.folders.failed}/${id}${reasonExtension}`;
  }
}
