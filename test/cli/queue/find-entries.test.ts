import { describe, expect, it } from 'vitest';
import { filterOf, shortId, walkEntries, wholeId } from '../../../src/cli/queue/find-entries.ts';
import { InMemoryQueue } from '../../support/in-memory-queue.ts';
import { uid } from '../../support/uid.ts';

describe('a selection', () => {
  it('becomes a filter at the moment it is used', async () => {
    const queue = new InMemoryQueue();
    const { id } = queue.add({ arrivedAt: 1_795_271_543_335 });
    const selection = {
      ...{
        ids: [shortId(id)],
        destination: 'main',
        study: uid('1.2'),
        states: ['failed'] as const,
      },
      ...{ since: { at: 500 }, olderThan: { agoMs: 1_000 } },
    };

    expect(await filterOf(selection, { queue, now: 10_000 })).toEqual({
      ...{ ids: [id], destination: 'main', studyInstanceUid: '1.2', states: ['failed'] },
      ...{ arrivedFrom: 500, arrivedUntil: 9_000 },
    });
    expect(await filterOf({}, { queue, now: 10_000 })).toEqual({});
  });
});

describe('an id as it is typed', () => {
  it('is found whole and short, among others of the same millisecond', async () => {
    const queue = new InMemoryQueue();
    queue.add({ arrivedAt: 1_795_271_543_335 });
    const { id } = queue.add({ arrivedAt: 1_795_271_543_335 });

    expect(shortId(id)).toBe('1795271543335-00000001');
    expect(await wholeId(shortId(id), queue)).toBe(id);
    expect(await wholeId(id, queue)).toBe(id);
  });

  it.each(['', 'x', '1795271543335', '1795271543335-0000000f', '1795271543335-00000000-../..'])(
    '%j is no entry',
    async (given) => {
      const queue = new InMemoryQueue();
      queue.add({ arrivedAt: 1_795_271_543_335 });

      await expect(wholeId(given, queue)).rejects.toThrow('there is no entry');
    },
  );
});

describe('a walk through the queue', () => {
  it('meets every entry once and in order, however they share their milliseconds', async () => {
    const queue = new InMemoryQueue();
    const arrivals = Array.from({ length: 3_300 }, (_, index) =>
      index < 2_300 ? 1_000 : 1_000 + index,
    );
    const added = arrivals.map((arrivedAt) => queue.add({ arrivedAt }).id);

    expect(await met(queue)).toEqual(added);
  });

  it('misses nobody when entries leave meanwhile', async () => {
    const queue = new InMemoryQueue();
    const added = Array.from({ length: 2_500 }, (_, index) => queue.add({ arrivedAt: index }).id);

    const seen: string[] = [];
    for await (const { id } of walkEntries({}, queue)) {
      seen.push(id);
      // What we have seen is delivered behind our back.
      if (seen.length % 100 === 0) await queue.drop({ ids: seen.slice(-100) });
    }

    expect(seen).toEqual(added);
  });

  it('keeps to its filter', async () => {
    const queue = new InMemoryQueue();
    queue.add({ arrivedAt: 1 });
    const { id } = queue.add({ arrivedAt: 2, state: 'failed' });
    queue.add({ arrivedAt: 3, state: 'failed' });

    expect(await met(queue, { states: ['failed'], arrivedUntil: 2 })).toEqual([id]);
  });
});

async function met(queue: InMemoryQueue, filter: Parameters<typeof walkEntries>[0] = {}) {
  const ids: string[] = [];
  for await (const { id } of walkEntries(filter, queue)) ids.push(id);
  return ids;
}
