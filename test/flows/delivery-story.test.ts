import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { ObjectStore } from '../../src/archive/archive.ts';
import type { OutcomeListener } from '../../src/flows/archive-confirmation.ts';
import { Forwarder } from '../../src/flows/forward.ts';
import type { SpoolEntry } from '../../src/spool/spool.ts';
import type { InstanceOutcome, StowVerdict } from '../../src/translate/stow-verdict.ts';
import { InMemorySpool } from '../support/in-memory-spool.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { uid } from '../support/uid.ts';

type Batch = readonly string[];

/** A forwarder to a made-up archive, and what it told those who wait. */
function bench(answer: (batch: Batch) => StowVerdict, answers?: () => Promise<boolean>) {
  const spool = new InMemorySpool(() => Date.now());
  const log = recordingLogger();
  const traces: (string | undefined)[] = [];
  const told: [entry: string, outcome: InstanceOutcome][] = [];
  const pauses: number[] = [];
  const contradictions: string[] = [];
  let onward = 0;
  const outcomes: OutcomeListener = {
    entryAnswered: ({ id }: SpoolEntry, outcome) => told.push([id, outcome]),
    deliveryPaused: ({ until }) => pauses.push(until - Date.now()),
    deliveryGoesOn: () => (onward += 1),
  };
  const archive: ObjectStore = {
    store: (batch, { trace }) => {
      traces.push(trace);
      return Promise.resolve(answer(batch.map(({ sopInstanceUid }) => sopInstanceUid)));
    },
    ...(answers && {
      answers: ({ trace }) => {
        traces.push(trace);
        return answers();
      },
    }),
    close: () => Promise.resolve(),
  };
  let lastId = 0;
  const forwarder = new Forwarder({
    spool,
    archive,
    settings: {
      batch: { maxInstances: 50, maxBytes: 1_000_000 },
      concurrency: 1,
      retryMinMs: 1000,
      retryMaxMs: 60_000,
    },
    events: {
      objectDelivered: () => undefined,
      objectSetAside: () => undefined,
      contentContradicted: (destination) => contradictions.push(destination),
      batchRetried: () => undefined,
      batchTook: () => undefined,
      breakerChanged: () => undefined,
    },
    outcomes,
    log,
    now: () => Date.now(),
    random: () => 0.5,
    newId: () => String((lastId += 1)),
  });
  const add = (sopInstanceUid: string, association?: string, content = sopInstanceUid): string => {
    const identity = {
      sopInstanceUid: uid(sopInstanceUid),
      sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
      studyInstanceUid: uid('1'),
      seriesInstanceUid: uid('1.1'),
    };
    return spool.add(identity, Buffer.from(content), { association }).id;
  };
  forwarders.push(forwarder);
  const onwards = (): number => onward;
  return { spool, log, traces, told, pauses, contradictions, onwards, forwarder, add };
}

const forwarders: Forwarder[] = [];
const each = (batch: Batch, outcome: (name: string) => InstanceOutcome): StowVerdict => ({
  kind: 'each',
  outcomes: new Map(batch.map((name) => [uid(name), outcome(name)])),
  httpStatus: 200,
});
const all = (batch: Batch): StowVerdict => each(batch, () => ({ kind: 'delivered' }));

function fieldsOf(line: string | undefined): Record<string, unknown> {
  return JSON.parse(/\{.*\}/.exec(line ?? '')?.[0] ?? '{}') as Record<string, unknown>;
}

describe('the story of a delivery', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(async () => {
    await Promise.all(forwarders.splice(0).map((each) => each.stop(AbortSignal.abort())));
    vi.useRealTimers();
  });

  describe('in the log', () => {
    it('is one line a batch: how much, how it went, from whom, and its trace', async () => {
      const { spool, log, traces, forwarder, add } = bench(all);
      add('1.1', 'aaaaaaaa', 'four');
      add('1.2', 'bbbbbbbb', 'four');
      add('1.3', 'aaaaaaaa', 'four');

      forwarder.start();
      await vi.waitFor(() => expect(spool.settled).toHaveLength(3));

      expect(log.lines).toHaveLength(1);
      expect(log.lines[0]).toMatch(/^info .* batch delivered$/);
      expect(fieldsOf(log.lines[0])).toMatchObject({
        objects: 3,
        bytes: 12,
        delivered: 3,
        durationMs: expect.any(Number) as number,
        httpStatus: 200,
        associations: ['aaaaaaaa', 'bbbbbbbb'],
        trace: traces[0],
      });
      expect(traces[0]).toMatch(/^[0-9a-f]{32}$/);
    });

    it('names eight associations at most, and how many more there are', async () => {
      const { log, forwarder, add } = bench(all);
      for (let n = 0; n < 12; n += 1) add(`1.${n}`, `assoc${String(n).padStart(3, '0')}`);

      forwarder.start();
      await vi.waitFor(() => expect(log.lines).toHaveLength(1));

      const { associations, moreAssociations } = fieldsOf(log.lines[0]);
      expect(associations).toHaveLength(8);
      expect(moreAssociations).toBe(4);
    });

    it.each<StowVerdict>([
      { kind: 'retry', message: 'down' },
      { kind: 'hold', message: 'forbidden', httpStatus: 403 },
    ])('is one line a failure, beside that of the breaker: $kind', async (verdict) => {
      const { log, pauses, forwarder, add } = bench(() => verdict);
      add('1.1', 'aaaaaaaa');

      forwarder.start();
      await vi.waitFor(() => expect(pauses).toHaveLength(1));

      const lines = log.lines.filter((line) => !line.includes('delivery is interrupted'));
      expect(lines).toHaveLength(1);
      expect(fieldsOf(lines[0])).toMatchObject({ associations: ['aaaaaaaa'], objects: 1 });
      expect(fieldsOf(lines[0])['trace']).toMatch(/^[0-9a-f]{32}$/);
    });

    it('gives each attempt a trace of its own, and what is asked for it the same', async () => {
      const broke: StowVerdict = { kind: 'retry', message: 'it broke', suspicion: 'broke' };
      let left = 2;
      const { spool, traces, forwarder, add } = bench(
        (batch) => ((left -= 1) < 0 ? all(batch) : broke),
        () => Promise.resolve(true),
      );
      add('1.1');

      forwarder.start();
      for (let s = 0; s < 120 && spool.settled.length === 0; s += 1) {
        await vi.advanceTimersByTimeAsync(1000);
      }

      // A first attempt, then twice a question with the attempt that follows it.
      expect(traces).toHaveLength(5);
      expect(traces[1]).toBe(traces[2]);
      expect(traces[3]).toBe(traces[4]);
      expect(new Set(traces).size).toBe(3);
    });
  });

  describe('for whoever waits for the archive', () => {
    it('C18 C19 is the outcome of each entry', async () => {
      const outcomes: Record<string, InstanceOutcome> = {
        '1.1': { kind: 'delivered', warningReason: 0xb007 },
        '1.2': { kind: 'set-aside', message: 'no', failureReason: 0xa900 },
        '1.3': { kind: 'retry', message: 'full', failureReason: 0xa700 },
      };
      const { told, onwards, forwarder, add } = bench((batch) =>
        each(batch, (name) => outcomes[name] ?? { kind: 'delivered' }),
      );
      const ids = Object.keys(outcomes).map((name) => add(name));

      forwarder.start();
      await vi.waitFor(() => expect(told).toHaveLength(3));

      expect(told).toEqual(Object.values(outcomes).map((outcome, n) => [ids[n], outcome]));
      expect(onwards()).toBe(1);
    });

    it('is the first failed attempt, with how long nothing more is sent', async () => {
      const { told, pauses, forwarder, add } = bench(() => ({
        kind: 'retry',
        message: 'busy',
        httpStatus: 503,
        retryAfterMs: 120_000,
      }));
      const id = add('1.1');

      forwarder.start();
      await vi.waitFor(() => expect(pauses).toEqual([120_000]));

      expect(told).toEqual([[id, { kind: 'retry', message: 'busy' }]]);
    });

    it('is nothing yet while a batch is cut into halves', async () => {
      const { told, spool, forwarder, add } = bench((batch) =>
        batch.length > 1 ? { kind: 'split', message: 'no', httpStatus: 400 } : all(batch),
      );
      const ids = [add('1.1'), add('1.2')];

      forwarder.start();
      await vi.waitFor(() => expect(spool.settled).toHaveLength(2));

      expect(told).toEqual(ids.map((id) => [id, { kind: 'delivered' }]));
    });

    it('is trouble of our own when the file cannot be read', async () => {
      const { told, spool, forwarder, add } = bench(all);
      const ids = [add('1.1'), add('1.2')];
      spool.unreadable.add('1.1');

      forwarder.start();
      await vi.waitFor(() => expect(told).toHaveLength(2));

      expect(told[0]).toMatchObject([ids[0], { kind: 'retry' }]);
      expect(told[1]).toMatchObject([ids[1], { kind: 'delivered' }]);
    });
  });

  describe('of two objects with one SOP Instance UID', () => {
    it('flags different contents, and delivers both', async () => {
      const { log, contradictions, spool, forwarder, add } = bench((batch) => all(batch));
      const first = add('1.1', 'aaaaaaaa', 'one content');
      const second = add('1.1', 'bbbbbbbb', 'another');

      forwarder.start();
      await vi.waitFor(() => expect(spool.settled).toEqual(['1.1', '1.1']));

      expect(contradictions).toEqual(['main']);
      const flags = log.lines.filter((line) => line.includes('two different contents under one'));
      expect(flags).toHaveLength(1);
      expect(fieldsOf(flags[0])).toMatchObject({
        entry: first,
        association: 'aaaaaaaa',
        next: second,
        nextAssociation: 'bbbbbbbb',
      });
      expect(flags[0]).not.toContain('1.1"');
    });

    it('does not flag the same object sent twice', async () => {
      const { log, contradictions, spool, forwarder, add } = bench((batch) => all(batch));
      add('1.1', 'aaaaaaaa', 'same');
      add('1.1', 'bbbbbbbb', 'same');

      forwarder.start();
      await vi.waitFor(() => expect(spool.settled).toEqual(['1.1', '1.1']));

      expect(contradictions).toEqual([]);
      expect(log.lines.join()).not.toContain('two different');
    });
  });
});
