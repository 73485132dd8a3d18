import { diskError, errorCode } from './disk-error.ts';
import type { BufferPool } from './buffer-pool.ts';
import { readDetails } from './entry-details.ts';
import { entryExtension, entryNamed, parseEntryName } from './entry-name.ts';
import { searchEntries } from './entry-search.ts';
import type { FoundEntry } from './entry-search.ts';
import { readReason } from './failed-reason.ts';
import type { Pauses } from './pauses.ts';
import type {
  EntryDetails,
  EntryState,
  HeldSource,
  QueueDesk,
  QueuedEntry,
  QueueEffect,
  QueueFilter,
  QueuePage,
} from './queue-desk.ts';
import { QueueOrders } from './queue-orders.ts';
import type { QueueOrdersParts } from './queue-orders.ts';
import { reasonExtension } from './set-aside.ts';
import { listEntries } from './spool-folders.ts';
import { holdSource } from './spool-source.ts';

interface DeskParts extends QueueOrdersParts {
  readonly pauses: Pauses;
  readonly pool: BufferPool;
}

/** A file may move on between two folders while it is looked for; it does so once, seldom twice. */
const looks = 3;

/**
 * The queue as an operator sees it: looks at the spool's names wherever they stand, and hands orders
 * on. Looking changes nothing and waits for nobody.
 */
export class DirectoryDesk implements QueueDesk {
  readonly #parts: DeskParts;
  readonly #orders: QueueOrders;
  /** One order after the other: between two of them only the forwarder moves entries. */
  #lastOrder: Promise<unknown> = Promise.resolve();

  constructor(parts: DeskParts) {
    this.#parts = parts;
    this.#orders = new QueueOrders(parts);
  }

  async list(
    filter: QueueFilter,
    { limit, offset }: { readonly limit: number; readonly offset: number },
  ): Promise<QueuePage> {
    const { found, bytes } = await this.#search(filter);
    const page = found.slice(offset, offset + limit);
    const entries: QueuedEntry[] = [];
    for (const each of page) entries.push(await this.#describe(each));
    return { entries, total: found.length, totalBytes: bytes };
  }

  async show(id: string): Promise<EntryDetails | undefined> {
    const { files } = this.#parts;
    return this.#withFile(id, async (fd, found) => {
      try {
        return await readDetails(await this.#describe(found), fd, files);
      } catch (error) {
        throw diskError('read an object', error);
      } finally {
        files.close(fd);
      }
    });
  }

  async open(id: string): Promise<HeldSource | undefined> {
    const entry = parseEntryName(id);
    return entry && this.#withFile(id, (fd) => holdSource(entry, fd, this.#parts));
  }

  retry(filter: QueueFilter): Promise<QueueEffect> {
    return this.#order(filter, ['failed', 'delayed', 'sending'], (found) =>
      this.#orders.retry(found),
    );
  }

  replay(filter: QueueFilter): Promise<QueueEffect> {
    return this.#order(filter, ['kept'], (found) => this.#orders.replay(found));
  }

  drop(filter: QueueFilter): Promise<QueueEffect> {
    return this.#order(filter, undefined, (found) => this.#orders.drop(found));
  }

  pause(destination: string): Promise<void> {
    return this.#exclusively(async () => {
      await this.#parts.pauses.add(destination);
      this.#parts.queue.pause(destination);
    });
  }

  resume(destination: string): Promise<void> {
    return this.#exclusively(async () => {
      await this.#parts.pauses.remove(destination);
      this.#parts.queue.resume(destination);
      this.#parts.dueChanged();
    });
  }

  paused(): readonly string[] {
    return this.#parts.pauses.destinations;
  }

  /** Waits for the orders that were given, and cuts them short. */
  async close(): Promise<void> {
    this.#orders.stop();
    await this.#lastOrder.catch(() => undefined);
  }

  #order(
    filter: QueueFilter,
    states: readonly EntryState[] | undefined,
    carryOut: (found: readonly FoundEntry[]) => Promise<QueueEffect>,
  ): Promise<QueueEffect> {
    return this.#exclusively(async () => {
      const wanted = filter.states ?? states;
      const meant = states === undefined ? wanted : wanted?.filter((each) => states.includes(each));
      const { found } = await this.#search(
        meant === undefined ? filter : { ...filter, states: meant },
      );
      return await carryOut(found);
    });
  }

  #exclusively<T>(action: () => Promise<T>): Promise<T> {
    const run = this.#lastOrder
      .catch(() => undefined)
      .then(action)
      .catch((error: unknown) => {
        throw error instanceof TypeError ? error : diskError('carry out an order', error);
      });
    this.#lastOrder = run;
    return run;
  }

  async #search(
    filter: QueueFilter,
  ): Promise<{ readonly found: readonly FoundEntry[]; readonly bytes: number }> {
    const wants = (state: EntryState): boolean => filter.states?.includes(state) ?? true;
    const candidates: FoundEntry[] = [];
    // In the order in which entries move, so that one on its way is met at least once.
    const { waiting, delayed, leased } = this.#parts.queue.snapshot();
    for (const id of waiting) candidates.push({ id, state: 'waiting' });
    for (const { id, notBefore } of delayed) candidates.push({ id, state: 'delayed', notBefore });
    for (const id of leased) candidates.push({ id, state: 'sending' });
    try {
      if (wants('failed'))
        for (const id of await this.#failedIds()) candidates.push({ id, state: 'failed' });
      if (wants('kept')) {
        for (const each of await this.#parts.kept.list())
          candidates.push({ ...each, state: 'kept' });
      }
    } catch (error) {
      throw diskError('list its objects', error);
    }
    return searchEntries(candidates, filter);
  }

  /** What is being set aside at this moment still counts as being sent. */
  async #failedIds(): Promise<readonly string[]> {
    const { files, folders, queue } = this.#parts;
    const { ours } = await listEntries(folders.failed, [entryExtension, reasonExtension], files);
    const ids = new Set(ours.flat());
    return [...ids].filter((id) => !queue.isLeased(id));
  }

  async #describe({ id, ...standing }: FoundEntry): Promise<QueuedEntry> {
    const { files, folders } = this.#parts;
    const entry = entryNamed(id);
    if (standing.state !== 'failed') return { ...entry, ...standing };
    const reason = await readReason(`${folders.failed}/${id}${reasonExtension}`, files);
    return { ...entry, ...standing, ...(reason && { reason }) };
  }

  /** Opens an entry's file wherever it stands; `undefined` when there is no such entry. */
  async #withFile<T>(
    id: string,
    use: (fd: number, found: FoundEntry) => Promise<T>,
  ): Promise<T | undefined> {
    // Also keeps every path below inside the spool.
    if (!parseEntryName(id)) return undefined;
    for (let look = 0; look < looks; look += 1) {
      for await (const { found, path } of this.#placesOf(id)) {
        const fd = this.#openIfThere(path);
        if (fd !== undefined) return await use(fd, found);
      }
    }
    return undefined;
  }

  async *#placesOf(
    id: string,
  ): AsyncGenerator<{ readonly found: FoundEntry; readonly path: string }> {
    const { folders, queue, kept } = this.#parts;
    const name = `${id}${entryExtension}`;
    const notBefore = queue.notBeforeOf(id);
    const standing = queue.isLeased(id)
      ? ({ state: 'sending' } as const)
      : notBefore === undefined
        ? ({ state: 'waiting' } as const)
        : ({ state: 'delayed', notBefore } as const);
    yield { found: { id, ...standing }, path: `${folders.ready}/${name}` };
    yield { found: { id, state: 'failed' }, path: `${folders.failed}/${name}` };
    for (const { id: keptId, deliveredAt } of await kept.list()) {
      if (keptId !== id) continue;
      yield { found: { id, state: 'kept', deliveredAt }, path: kept.pathOf(id, deliveredAt) };
    }
  }

  #openIfThere(path: string): number | undefined {
    try {
      return this.#parts.files.openExisting(path);
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return undefined;
      throw diskError('open an object', error);
    }
  }
}
