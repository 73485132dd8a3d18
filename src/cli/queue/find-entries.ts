import type { QueuedEntry, QueueDesk, QueueFilter } from '../../spool/queue-desk.ts';
import { CommandError } from '../command-error.ts';
import { momentAt } from './moment.ts';
import type { Selection } from './queue-order.ts';

type Lister = Pick<QueueDesk, 'list'>;

/** Arrival and sequence: all that tells one entry from another, and short enough to type. */
const shortIdLength = 13 + 1 + 8;
const pageEntries = 1_000;

/** An entry's id as far as people see it. */
export function shortId(id: string): string {
  return id.slice(0, shortIdLength);
}

/**
 * What a selection means at this moment.
 *
 * @throws CommandError when one of its ids is no entry's.
 */
export async function filterOf(
  { ids, destination, study, states, olderThan, since }: Selection,
  { queue, now }: { readonly queue: Lister; readonly now: number },
): Promise<QueueFilter> {
  return {
    ...(ids !== undefined && { ids: await Promise.all(ids.map((id) => wholeId(id, queue))) }),
    ...(destination !== undefined && { destination }),
    ...(study !== undefined && { studyInstanceUid: study }),
    ...(states !== undefined && { states }),
    ...(since !== undefined && { arrivedFrom: momentAt(since, now) }),
    ...(olderThan !== undefined && { arrivedUntil: momentAt(olderThan, now) }),
  };
}

/**
 * The id that a person gave whole, or as far as the list prints it.
 *
 * @throws CommandError when it is no entry's.
 */
export async function wholeId(given: string, queue: Lister): Promise<string> {
  const unknown = (): CommandError =>
    new CommandError(
      `there is no entry ${given.slice(0, 160)} (any more); see: drawbridge queue list`,
    );
  if (!/^[0-9]{13}-[0-9a-f]{8}(?:-[0-9a-z-]+)?$/.test(given)) throw unknown();
  const arrivedAt = Number(given.slice(0, 13));
  const arrivedThen = { arrivedFrom: arrivedAt, arrivedUntil: arrivedAt };
  for await (const { id } of walkEntries(arrivedThen, queue)) {
    if (id === given || shortId(id) === given) return id;
  }
  throw unknown();
}

/**
 * Every entry a filter meets, oldest first, however many there are. Entries that leave or change
 * place while we go through them make us miss none of the others.
 */
export async function* walkEntries(
  filter: QueueFilter,
  queue: Lister,
): AsyncGenerator<QueuedEntry> {
  let from = filter.arrivedFrom ?? 0;
  let offset = 0;
  // Of the latest moment only: the next page begins with it once more.
  let met = new Set<string>();
  for (;;) {
    const page = { limit: pageEntries, offset };
    const { entries } = await queue.list({ ...filter, arrivedFrom: from }, page);
    const fresh = entries.filter(({ id }) => !met.has(id));
    yield* fresh;
    const last = entries.at(-1);
    if (last === undefined || entries.length < pageEntries) return;
    if (last.arrivedAt === from) {
      // More arrived in one millisecond than stand on a page.
      offset += entries.length;
      for (const { id } of fresh) met.add(id);
    } else {
      from = last.arrivedAt;
      offset = 0;
      met = new Set(entries.filter(({ arrivedAt }) => arrivedAt === from).map(({ id }) => id));
    }
  }
}
