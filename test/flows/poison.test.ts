import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ObjectStore } from '../../src/archive/archive.ts';
import { Forwarder } from '../../src/flows/forward.ts';
import type { InstanceOutcome, StowVerdict } from '../../src/translate/stow-verdict.ts';
import { InMemorySpool } from '../support/in-memory-spool.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { uid } from '../support/uid.ts';

type Batch = readonly string[];
/** What an archive does with a batch; it may take its time. */
type Answer = (batch: Batch) => StowVerdict | Promise<StowVerdict>;

interface Run {
  readonly spool: InMemorySpool;
  readonly requests: Batch[];
  readonly states: string[];
  readonly log: readonly string[];
  /** Lets time pass until nothing waits any longer, or that much has passed. */
  readonly until: (ms: number) => Promise<void>;
}

/** Sends objects `1.1`, `1.2` … through a forwarder to a made-up archive, in made-up time. */
async function forward(
  count: number,
  answer: Answer,
  options: {
    readonly maxInstances?: number;
    readonly concurrency?: number;
    readonly random?: () => number;
    readonly answers?: () => boolean | undefined;
    readonly retryMaxMs?: number;
  },
  judge: (run: Run) => Promise<void>,
): Promise<void> {
  const { maxInstances = 100, concurrency = 1, random = () => 0.5, answers } = options;
  const spool = new InMemorySpool(() => Date.now());
  const requests: Batch[] = [];
  const states: string[] = [];
  const log = recordingLogger();
  const archive: ObjectStore = {
    store: async (batch) => {
      const names = batch.map(({ sopInstanceUid }) => sopInstanceUid);
      requests.push(names);
      return answer(names);
    },
    ...(answers && { answers: () => Promise.resolve(answers()) }),
    close: () => Promise.resolve(),
  };
  let lastId = 0;
  const forwarder = new Forwarder({
    spool,
    archive,
    settings: {
      batch: { maxInstances, maxBytes: 1_000_000 },
      concurrency,
      retryMinMs: 10,
      retryMaxMs: options.retryMaxMs ?? 80,
    },
    events: {
      objectDelivered: () => undefined,
      objectSetAside: () => undefined,
      contentContradicted: () => undefined,
      batchRetried: () => undefined,
      batchTook: () => undefined,
      breakerChanged: (state) => states.push(state),
    },
    log,
    now: () => Date.now(),
    random,
    newId: () => String((lastId += 1)),
  });
  for (const name of namesOf(count)) addTo(spool, name);
  forwarder.start();
  try {
    const until = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms && spool.ready.length > 0; passed += 5) {
        await vi.advanceTimersByTimeAsync(5);
      }
    };
    await judge({ spool, requests, states, log: log.lines, until });
  } finally {
    await forwarder.stop(AbortSignal.abort());
  }
}

function addTo(spool: InMemorySpool, name: string): void {
  const identity = {
    sopInstanceUid: uid(name),
    sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
    studyInstanceUid: uid('1'),
    seriesInstanceUid: uid('1.1'),
  };
  spool.add(identity, Buffer.from(name));
}

const namesOf = (count: number): readonly string[] =>
  Array.from({ length: count }, (_, index) => `1.${index + 1}`);
const each = (batch: Batch, outcome: (name: string) => InstanceOutcome): StowVerdict => ({
  kind: 'each',
  outcomes: new Map(batch.map((name) => [uid(name), outcome(name)])),
});
const all = (batch: Batch): StowVerdict => each(batch, () => ({ kind: 'delivered' }));
const broke: StowVerdict = { kind: 'retry', message: 'it broke', suspicion: 'broke' };
const away: StowVerdict = { kind: 'retry', message: 'nobody there' };
const silent: StowVerdict = { kind: 'retry', message: 'names nobody', suspicion: 'silent' };
const sorted = (names: readonly string[]): readonly string[] => [...names].sort();
const failedOf = (spool: InMemorySpool): readonly string[] =>
  spool.failed.map(({ sopInstanceUid }) => sopInstanceUid);

/** A poison among so many objects. */
const onePoison = fc
  .integer({ min: 2, max: 100 })
  .chain((count) => fc.tuple(fc.constant(count), fc.integer({ min: 1, max: count })));

describe('an object the archive cannot take', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('C10 is found among n by 2 log n + 1 requests at most, and all others are delivered', async () => {
    await fc.assert(
      fc.asyncProperty(onePoison, async ([count, at]) => {
        const poison = `1.${at}`;
        const refuse = (batch: Batch): StowVerdict => {
          if (!batch.includes(poison)) return all(batch);
          if (batch.length > 1) return { kind: 'split', message: 'no', httpStatus: 400 };
          return each(batch, () => ({ kind: 'set-aside', message: 'no', httpStatus: 400 }));
        };
        await forward(count, refuse, {}, async ({ spool, requests, until }) => {
          await until(200);

          expect(failedOf(spool)).toEqual([poison]);
          expect(spool.settled).toHaveLength(count - 1);
          expect(requests.length).toBeLessThanOrEqual(1 + 2 * Math.ceil(Math.log2(count)));
        });
      }),
      { numRuns: 40 },
    );
  });

  it('C13 makes later batches smaller when it was their size, and slowly larger again', async () => {
    const refuse = (batch: Batch): StowVerdict =>
      batch.length > 20 ? { kind: 'split', message: 'large', httpStatus: 413 } : all(batch);

    await forward(400, refuse, { maxInstances: 50 }, async ({ spool, requests, until }) => {
      await until(200);

      expect([spool.settled.length, spool.failed.length]).toEqual([400, 0]);
      const lengths = requests.map(({ length }) => length);
      expect(lengths.slice(0, 4)).toEqual([50, 25, 13, 12]);
      expect(lengths.filter((length) => length > 20).length).toBeLessThan(8);
    });
  });

  it('C15 is found among n when the archive dies of it, and costs it O(log n) lives', async () => {
    await fc.assert(
      fc.asyncProperty(onePoison, fc.integer(), async ([count, at], seed) => {
        const poison = `1.${at}`;
        let deaths = 0;
        const die = (batch: Batch): StowVerdict => {
          if (!batch.includes(poison)) return all(batch);
          deaths += 1;
          return broke;
        };
        const random = seededRandom(seed);
        // As far apart as by default: the slow lane leaves the others time to pass.
        const options = { random, answers: () => true, retryMaxMs: 3_000 };
        await forward(count, die, options, async ({ spool, until }) => {
          await until(30_000);

          expect(failedOf(spool)).toEqual([poison]);
          expect(spool.failed[0]?.reason).toMatchObject({ code: 'breaks-archive' });
          expect(spool.settled).toHaveLength(count - 1);
          expect(deaths).toBeLessThanOrEqual(5 + Math.ceil(Math.log2(count)));
        });
      }),
      { numRuns: 30 },
    );
  });

  it('C15 alone is condemned, whatever else an archive takes down when it dies', async () => {
    const poisons = fc.uniqueArray(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 2 });
    await fc.assert(
      fc.asyncProperty(poisons, fc.integer(), async (at, seed) => {
        const poison = at.map((n) => `1.${n}`);
        const archive = mortalArchive(poison);
        const options = {
          maxInstances: 8,
          concurrency: 4,
          random: seededRandom(seed),
          answers: archive.answers,
        };
        await forward(60, archive.answer, options, async ({ spool, until }) => {
          await until(20_000);

          expect(archive.witnesses()).toBe(0);
          expect(sorted(failedOf(spool))).toEqual(sorted(poison));
          expect(spool.settled).toHaveLength(60 - poison.length);
        });
      }),
      { numRuns: 20 },
    );
  }, 30_000);

  it.each([
    ['breaks off', broke],
    ['names nobody', silent],
    ['is not there', away],
  ])('C15 C17 none is condemned while an archive %s at everything', async (_what, verdict) => {
    let up = false;
    const options = { maxInstances: 10, concurrency: 4, answers: () => true };
    const answer: Answer = (batch) => (up ? all(batch) : verdict);
    await forward(60, answer, options, async ({ spool, requests, states, until }) => {
      await until(5_000);
      expect([spool.failed, spool.settled]).toEqual([[], []]);
      expect(states.slice(0, 3)).toEqual(['open', 'half-open', 'open']);
      const before = requests.length;
      up = true;
      await until(5_000);

      expect(sorted(spool.settled)).toEqual(sorted(namesOf(60)));
      expect(states.at(-1)).toBe('closed');
      expect(requests.length - before).toBeLessThan(25);
    });
  });

  it('C10 C15 is explained in failed/, and the interruption in the log', async () => {
    const answer = { mediaType: 'text/plain', bytes: 2 };
    const refusal = { kind: 'set-aside', message: 'no', httpStatus: 400, answer } as const;
    let calls = 0;
    const reply: Answer = (batch) => ((calls += 1) === 1 ? away : each(batch, () => refusal));
    await forward(1, reply, {}, async ({ spool, log, until }) => {
      await until(1_000);

      expect(spool.failed[0]?.reason).toEqual({
        ...{ code: 'refused', message: 'no', httpStatus: 400, attempts: 2, answer },
      });
      const changes = log.filter((line) => line.includes('"openMs"'));
      expect(changes.map((line) => line.split(' ')[0])).toEqual(['warn', 'debug', 'info']);
      expect(changes[2]).toMatch(/"to":"closed","openMs":[1-9]\d*\} delivery goes on/);
    });
  });

  it('C17 is kept for ever when the archive says yes and does not store it; nobody waits', async () => {
    const answer: Answer = (batch) => (batch.includes('1.7') ? silent : all(batch));
    await forward(50, answer, {}, async ({ spool, requests, states, until }) => {
      await until(5_000);

      expect(sorted(spool.settled)).toEqual(sorted(namesOf(50).filter((name) => name !== '1.7')));
      expect(spool.failed).toEqual([]);
      const [asked, changed] = [requests.length, states.length];
      await until(1_000);
      expect(requests.length).toBeGreaterThan(asked + 5);
      expect(states).toHaveLength(changed);
      addTo(spool, '1.99');
      await vi.advanceTimersByTimeAsync(200);
      expect(spool.settled).toContain('1.99');
    });
  });

  it('C15 C17 is found though it comes in an outage, to an object that is never named', async () => {
    let up = true;
    const answer: Answer = (batch) => {
      if (!up || batch.includes('1.5')) return broke;
      return batch.includes('1.1') ? silent : all(batch);
    };
    await forward(1, answer, { answers: () => up }, async ({ spool, until }) => {
      await until(500);
      up = false;
      await until(500);
      for (const name of ['1.2', '1.3', '1.4', '1.5']) addTo(spool, name);
      await until(500);
      up = true;
      await until(5_000);

      expect(sorted(spool.settled)).toEqual(['1.2', '1.3', '1.4']);
      expect(failedOf(spool)).toEqual(['1.5']);
      expect(spool.ready).toHaveLength(1);
    });
  });

  it('is not sent to an archive that is not there: that would count against it', async () => {
    let there = true;
    const answer: Answer = (batch) => (batch.includes('1.2') ? broke : all(batch));
    const options = { answers: () => there };
    await forward(2, answer, options, async ({ spool, requests, until }) => {
      await vi.waitFor(() => expect(spool.settled).toEqual(['1.1']));
      there = false;
      const before = requests.length;
      await until(2_000);
      expect(requests).toHaveLength(before);
      expect(spool.failed).toEqual([]);
      there = true;
      await until(2_000);

      expect(spool.failed).toMatchObject([{ sopInstanceUid: '1.2' }]);
    });
  });

  it('whatever an archive answers, each object ends delivered or in failed/, once', async () => {
    const outcome = fc.constantFrom<InstanceOutcome>(
      { kind: 'delivered' },
      { kind: 'retry', message: 'later' },
      { kind: 'set-aside', message: 'no' },
    );
    const reply = fc.oneof(
      fc.array(outcome, { minLength: 1, maxLength: 5 }),
      fc.constantFrom<StowVerdict>(
        broke,
        away,
        silent,
        { kind: 'hold', message: 'forbidden' },
        { kind: 'split', message: 'no', httpStatus: 400 },
        { kind: 'split', message: 'large', httpStatus: 413 },
        { kind: 'retry', message: 'busy', httpStatus: 503, retryAfterMs: 30 },
      ),
    );
    const chance = fc.double({ min: 0, max: 0.99, noNaN: true });
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 30 }),
        fc.array(reply, { maxLength: 25 }),
        fc.integer({ min: 1, max: 4 }),
        chance,
        async (count, replies, concurrency, random) => {
          const rest = [...replies];
          const answer: Answer = async (batch) => {
            const next = rest.shift();
            await new Promise((resolve) => setTimeout(resolve, 1 + random * 20));
            if (next === undefined) return all(batch);
            if ('kind' in next) return next;
            let at = 0;
            return each(batch, () => next[at++ % next.length] ?? { kind: 'retry', message: '' });
          };
          const options = { concurrency, maxInstances: 8, random: () => random };
          await forward(count, answer, options, async ({ spool, log, until }) => {
            await until(20_000);

            const ended = [...spool.settled, ...failedOf(spool)];
            expect(sorted(ended)).toEqual(sorted(namesOf(count)));
            expect(log.filter((line) => line.includes('inside the bridge'))).toEqual([]);
          });
        },
      ),
      { numRuns: 60 },
    );
  }, 30_000);
});

/** Dies of certain objects with all it has in hand, and is away for a while then. */
function mortalArchive(poison: readonly string[]) {
  let awayUntil = 0;
  let lives = 0;
  let witnesses = 0;
  const inHand = new Set<Batch>();
  const live = async (batch: Batch): Promise<StowVerdict> => {
    const life = lives;
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (life !== lives) return broke;
    if (!batch.some((name) => poison.includes(name))) return all(batch);
    lives += 1;
    awayUntil = Date.now() + 60;
    return broke;
  };
  const answer: Answer = async (batch) => {
    if (Date.now() < awayUntil) return away;
    inHand.add(batch);
    // Single objects are what suspects come down to; none may have company then.
    if (inHand.size > 1 && [...inHand].some(({ length }) => length === 1)) witnesses += 1;
    const verdict = await live(batch);
    inHand.delete(batch);
    return verdict;
  };
  return { answer, answers: () => Date.now() >= awayUntil, witnesses: () => witnesses };
}
