import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatEntryName } from '../../src/spool/entry-name.ts';
import { LeaseQueue } from '../../src/spool/lease-queue.ts';
import type { Lease, SpoolEntry } from '../../src/spool/spool.ts';

const digest = (text: string): string =>
  createHash('sha256').update(text).digest('hex').slice(0, 32);

let sequence = 0;
function entry(
  options: {
    readonly study?: string;
    readonly instance?: string;
    readonly urgent?: boolean;
    readonly bytes?: number;
    readonly arrivedAt?: number;
  } = {},
): SpoolEntry {
  sequence += 1;
  const facts = {
    arrivedAt: options.arrivedAt ?? 1_000,
    sequence,
    urgent: options.urgent ?? false,
    destination: 'main',
    bytes: options.bytes ?? 10,
    studyDigest: digest(options.study ?? 'study'),
    instanceDigest: digest(options.instance ?? `instance ${sequence}`),
  };
  return { id: formatEntryName(facts), ...facts };
}

function newQueue(): { readonly queue: LeaseQueue; readonly clock: { now: number } } {
  const clock = { now: 1_000 };
  return { queue: new LeaseQueue({ now: () => clock.now, batchIdleMs: 100 }), clock };
}

const many = { maxInstances: 50, maxBytes: 1_000_000 };
const idsOf = (lease: Lease | undefined): readonly string[] | undefined =>
  lease?.entries.map(({ id }) => id);

describe('lease queue', () => {
  it('lets entries gather until nothing came for the idle time', () => {
    const { queue, clock } = newQueue();
    const [a, b] = [entry(), entry()];
    queue.add(a);
    clock.now += 60;
    queue.add(b);
    clock.now += 60;

    expect(queue.lease(many)).toBeUndefined();
    expect(queue.nextDueAt()).toBe(1_160);
    clock.now = 1_160;
    expect(idsOf(queue.lease(many))).toEqual([a.id, b.id]);
    expect(queue.nextDueAt()).toBeUndefined();
  });

  it('hands out at once what is flushed', () => {
    const { queue } = newQueue();
    const a = entry();
    queue.add(a);
    queue.flush();

    expect(queue.nextDueAt()).toBe(-Infinity);
    expect(idsOf(queue.lease(many))).toEqual([a.id]);
  });

  it('hands out a flushed study to its last entry, and lets what came later gather', () => {
    const { queue } = newQueue();
    const flushed = [entry(), entry(), entry()];
    for (const one of flushed) queue.add(one);
    queue.flush();
    const two = { ...many, maxInstances: 2 };

    expect(queue.lease(two)?.entries).toHaveLength(2);
    expect(idsOf(queue.lease(two))).toEqual([flushed[2]?.id]);
    queue.add(entry());
    expect(queue.lease(two)).toBeUndefined();
  });

  it('hands out a batch that is full by count or by bytes without waiting', () => {
    const { queue } = newQueue();
    expect(queue.lease({ maxInstances: 2, maxBytes: 100 })).toBeUndefined();
    queue.add(entry());
    expect(queue.nextDueAt()).toBe(1_100);
    queue.add(entry());
    expect(queue.lease({ maxInstances: 2, maxBytes: 100 })?.entries).toHaveLength(2);

    queue.add(entry({ bytes: 99 }));
    expect(queue.lease({ maxInstances: 2, maxBytes: 100 })).toBeUndefined();
    queue.add(entry({ bytes: 1 }));
    expect(queue.lease({ maxInstances: 2, maxBytes: 100 })?.entries).toHaveLength(2);
  });

  it('shares what waits among the requests there may be', () => {
    const { queue } = newQueue();
    const four = { maxInstances: 50, maxBytes: 64_000_000, requests: 4 };
    for (let n = 0; n < 24; n += 1) queue.add(entry({ bytes: 1_000_000 }));
    queue.flush();
    const sizes = [1, 2, 3, 4, 5, 6].map(() => queue.lease(four)?.entries.length);

    // A quarter, then the least that is worth a request.
    expect(sizes).toEqual([6, 4, 4, 4, 4, 2]);
  });

  it('does not wait for a full batch where there is enough for a request', () => {
    const { queue } = newQueue();
    const four = { maxInstances: 50, maxBytes: 64_000_000, requests: 4 };
    for (let n = 0; n < 3; n += 1) queue.add(entry({ bytes: 1_300_000 }));
    expect(queue.lease(four)).toBeUndefined();
    queue.add(entry({ bytes: 1_300_000 }));

    expect(queue.lease(four)?.entries).toHaveLength(3);
    expect(queue.lease(four)).toBeUndefined();
  });

  it('shares by what is there, not by what is under way, delayed or withdrawn', () => {
    const { queue } = newQueue();
    const four = { maxInstances: 50, maxBytes: 64_000_000, requests: 4 };
    const all = Array.from({ length: 80 }, () => entry({ bytes: 1_000_000 }));
    for (const one of all) queue.add(one);

    const first = queue.lease(four)?.entries ?? [];
    for (const one of first) queue.release(one, { notBefore: 5_000 });
    queue.withdraw(all.slice(60).map(({ id }) => id));

    expect(first).toHaveLength(20);
    expect(queue.lease(four)?.entries).toHaveLength(10);
  });

  it('sees that a batch is full when the limits were lowered', () => {
    const { queue } = newQueue();
    queue.add(entry());
    queue.add(entry());
    expect(queue.lease(many)).toBeUndefined();
    expect(queue.lease({ ...many, maxInstances: 2 })?.entries).toHaveLength(2);
  });

  it('keeps a batch within its bytes, but hands out an object longer than that alone', () => {
    const { queue } = newQueue();
    for (const bytes of [60, 60, 500]) queue.add(entry({ bytes }));
    queue.flush();
    const sizes = [1, 2, 3].map(() => queue.lease({ ...many, maxBytes: 100 })?.entries.length);
    expect(sizes).toEqual([1, 1, 1]);
  });

  it('never mixes studies, and takes the oldest first', () => {
    const { queue } = newQueue();
    const [a, b, c] = [entry({ study: 'A' }), entry({ study: 'B' }), entry({ study: 'A' })];
    for (const one of [a, b, c]) queue.add(one);
    queue.flush();

    expect(idsOf(queue.lease(many))).toEqual([a.id, c.id]);
    expect(idsOf(queue.lease(many))).toEqual([b.id]);
  });

  it('takes urgent entries before older ones', () => {
    const { queue } = newQueue();
    const [slow, urgent] = [entry(), entry({ urgent: true })];
    queue.add(slow);
    queue.add(urgent);
    queue.flush();
    expect(idsOf(queue.lease(many))).toEqual([urgent.id]);
  });

  it('B08 leases a second entry of an instance only after the first has left, in order', () => {
    const { queue } = newQueue();
    const first = entry({ instance: 'X', study: 'A' });
    const second = entry({ instance: 'X', study: 'B', urgent: true });
    queue.add(first);
    queue.add(second);
    queue.flush();

    expect(idsOf(queue.lease(many))).toEqual([first.id]);
    expect(queue.lease(many)).toBeUndefined();
    queue.release(first, { notBefore: 5_000 });
    expect(queue.lease(many)).toBeUndefined();
    queue.release(first, { notBefore: 0 });
    expect(queue.lease(many)).toBeUndefined();
  });

  it('B08 hands out the second entry of an instance at once when the first has left', () => {
    const { queue } = newQueue();
    const [first, second] = [entry({ instance: 'X' }), entry({ instance: 'X' })];
    queue.add(first);
    queue.add(second);
    queue.flush();
    queue.lease(many);

    expect(queue.remove(first)).toBe(true);
    expect(queue.remove(first)).toBe(false);
    expect(idsOf(queue.lease(many))).toEqual([second.id]);
  });

  it('returns what is released at its time, before what came later', () => {
    const { queue, clock } = newQueue();
    const [old, young] = [entry(), entry()];
    queue.add(old);
    queue.flush();
    queue.lease(many);
    queue.release(old, { notBefore: 3_000 });
    expect(queue.lease(many)).toBeUndefined();
    expect(queue.nextDueAt()).toBe(3_000);
    clock.now = 3_000;
    queue.add(young);
    expect(idsOf(queue.lease(many))).toEqual([old.id, young.id]);
  });

  it('leases what is to go alone in a batch of its own from then on', () => {
    const { queue } = newQueue();
    const [lonely, other] = [entry(), entry()];
    queue.add(lonely);
    queue.add(other);
    queue.flush();
    queue.lease(many);
    queue.release(lonely, { notBefore: 0, company: 'lonely' });
    queue.release(other, { notBefore: 0 });
    expect(idsOf(queue.lease(many))).toEqual([lonely.id]);
    expect(idsOf(queue.lease(many))).toEqual([other.id]);

    queue.release(lonely, { notBefore: 0 });
    queue.release(other, { notBefore: 0 });
    expect(idsOf(queue.lease(many))).toEqual([lonely.id]);
  });

  it('leases what keeps company together, apart from all else, even after a wait', () => {
    const { queue, clock } = newQueue();
    const [a, b, c, d] = [entry(), entry(), entry(), entry()];
    for (const one of [a, b, c, d]) queue.add(one);
    queue.flush();
    queue.lease(many);
    queue.release(c, { notBefore: 2_000, company: 'right' });
    queue.release(d, { notBefore: 2_000, company: 'right' });
    queue.release(a, { notBefore: 0, company: 'left' });
    queue.release(b, { notBefore: 0, company: 'left' });
    queue.add(entry());

    expect(idsOf(queue.lease(many))).toEqual([a.id, b.id]);
    clock.now = 2_000;
    expect(idsOf(queue.lease(many))).toEqual([c.id, d.id]);
    queue.release(c, { notBefore: 0 });
    queue.release(d, { notBefore: 0 });
    expect(idsOf(queue.lease(many))).toEqual([c.id, d.id]);
  });

  it('never mixes studies, though the same word be given to entries of two', () => {
    const { queue } = newQueue();
    const [a, b] = [entry({ study: 'A' }), entry({ study: 'B' })];
    for (const one of [a, b]) queue.add(one);
    queue.flush();
    for (const one of [a, b]) {
      queue.lease(many);
      queue.release(one, { notBefore: 5_000, company: 'same' });
    }
    queue.flush();
    expect(queue.lease(many)).toBeUndefined();
  });

  it('does not wait for an idle time that a clock set back has put far away', () => {
    const { queue, clock } = newQueue();
    queue.add(entry());
    clock.now = 10;
    expect(queue.lease(many)?.entries).toHaveLength(1);
  });

  it('tells how much waits, leased entries included, and since when', () => {
    const { queue } = newQueue();
    const old = entry({ arrivedAt: 500, bytes: 7 });
    queue.add(old);
    queue.add(entry({ study: 'B', bytes: 5 }));
    queue.flush();
    queue.lease(many);

    expect([queue.entries, queue.bytes, queue.oldestArrivedAt()]).toEqual([2, 12, 500]);
    queue.remove(old);
    expect([queue.entries, queue.bytes, queue.oldestArrivedAt()]).toEqual([1, 5, 1_000]);
  });

  it('B08 hands out every entry once, in order by instance, whatever happens in between', () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('add' as const),
        study: fc.nat(2),
        instance: fc.nat(4),
        urgent: fc.boolean(),
      }),
      fc.record({ do: fc.constant('lease' as const), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({
        do: fc.constant('release' as const),
        later: fc.boolean(),
        company: fc.constantFrom(undefined, 'A', 'B'),
      }),
      fc.record({ do: fc.constant('settle' as const) }),
      fc.record({ do: fc.constant('flush' as const) }),
      fc.record({ do: fc.constant('wait' as const) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const { queue, clock } = newQueue();
        const added: SpoolEntry[] = [];
        const settled: SpoolEntry[] = [];
        const leased: SpoolEntry[] = [];
        const take = (maxInstances: number): boolean => {
          const lease = queue.lease({ maxInstances, maxBytes: 1_000 });
          if (!lease) return false;
          expect(lease.entries.length).toBeLessThanOrEqual(maxInstances);
          expect(new Set(lease.entries.map((one) => one.studyDigest)).size).toBe(1);
          expect(idsOf(lease)).toEqual([...(idsOf(lease) ?? [])].sort());
          leased.push(...lease.entries);
          expect(new Set(leased.map((one) => one.instanceDigest)).size).toBe(leased.length);
          return true;
        };
        const settle = (): void => {
          const one = leased.shift();
          if (one && queue.remove(one)) settled.push(one);
        };
        for (const one of steps) {
          if (one.do === 'add') {
            const made = entry({ ...one, study: `S${one.study}`, instance: `I${one.instance}` });
            added.push(made);
            queue.add(made);
          } else if (one.do === 'lease') take(one.count);
          else if (one.do === 'settle') settle();
          else if (one.do === 'flush') queue.flush();
          else if (one.do === 'wait') clock.now += 60;
          else {
            const back = leased.pop();
            if (back)
              queue.release(back, {
                notBefore: one.later ? clock.now + 100 : 0,
                company: one.company,
              });
          }
          expect(queue.entries).toBe(added.length - settled.length);
        }
        for (clock.now += 1_000; take(3) || leased.length > 0; clock.now += 1_000) settle();

        expect(settled.map(({ id }) => id).sort()).toEqual(added.map(({ id }) => id));
        for (const { instanceDigest } of added) {
          const ofInstance = settled.filter((one) => one.instanceDigest === instanceDigest);
          expect(ofInstance.map(({ id }) => id)).toEqual(ofInstance.map(({ id }) => id).sort());
        }
        expect([queue.bytes, queue.nextDueAt()]).toEqual([0, undefined]);
      }),
    );
  });

  it('drains 200,000 entries in seconds', () => {
    const { queue } = newQueue();
    for (let at = 0; at < 200_000; at += 1) queue.add(entry({ study: `S${at % 2_000}` }));
    queue.flush();
    const began = performance.now();
    let drained = 0;
    for (let lease = queue.lease(many); lease; lease = queue.lease(many)) {
      drained += lease.entries.length;
      for (const one of lease.entries) queue.remove(one);
    }
    expect(drained).toBe(200_000);
    expect(performance.now() - began).toBeLessThan(10_000);
  });
});
