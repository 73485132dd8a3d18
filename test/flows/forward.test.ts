import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Archive } from '../../src/archive/archive.ts';
import type { Part10Source } from '../../src/dicom/instance.ts';
import { Forwarder } from '../../src/flows/forward.ts';
import type { InstanceOutcome, StowVerdict } from '../../src/translate/stow-verdict.ts';
import { InMemorySpool } from '../support/in-memory-spool.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { uid } from '../support/uid.ts';

type Answer = (batch: readonly string[], signal: AbortSignal) => StowVerdict | Promise<StowVerdict>;

const running: Forwarder[] = [];

function bench(
  answer: Answer,
  settings: { readonly concurrency?: number; readonly random?: () => number } = {},
) {
  vi.useFakeTimers();
  const spool = new InMemorySpool(() => Date.now());
  const log = recordingLogger();
  const requests: string[][] = [];
  const archive = {
    store: async (batch: readonly Part10Source[], { signal }: { readonly signal: AbortSignal }) => {
      const names = batch.map(({ sopInstanceUid }) => sopInstanceUid);
      requests.push(names);
      return answer(names, signal);
    },
  } as Pick<Archive, 'store'> as Archive;
  let lastId = 0;
  const forwarder = new Forwarder({
    spool,
    archive,
    settings: {
      batch: { maxInstances: 50, maxBytes: 1_000_000 },
      concurrency: settings.concurrency ?? 1,
      retryMinMs: 1000,
      retryMaxMs: 60_000,
    },
    events: {
      objectDelivered: () => undefined,
      objectSetAside: () => undefined,
      contentContradicted: () => undefined,
      batchRetried: () => undefined,
      batchTook: () => undefined,
      breakerChanged: () => undefined,
    },
    log,
    now: () => Date.now(),
    random: settings.random ?? (() => 0.5),
    newId: () => String((lastId += 1)),
  });
  running.push(forwarder);
  const add = (...uids: string[]): void => {
    for (const each of uids) {
      spool.add(
        {
          sopInstanceUid: uid(each),
          sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
          studyInstanceUid: uid('1'),
          seriesInstanceUid: uid('1.1'),
        },
        Buffer.from(each),
      );
    }
  };
  return { spool, log, forwarder, requests, add };
}

function each(batch: readonly string[], outcomeOf: (sop: string) => InstanceOutcome): StowVerdict {
  return { kind: 'each', outcomes: new Map(batch.map((sop) => [uid(sop), outcomeOf(sop)])) };
}

/** In steps: a single leap would be over before the forwarder has set its first timer. */
async function passTime(ms: number, step = 1000): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) await vi.advanceTimersByTimeAsync(step);
}

const delivered = (): InstanceOutcome => ({ kind: 'delivered' });

afterEach(async () => {
  await Promise.all(running.splice(0).map((forwarder) => forwarder.stop(AbortSignal.abort())));
  vi.useRealTimers();
});

describe('Forwarder', () => {
  it('settles what the archive confirmed', async () => {
    const { spool, forwarder, add } = bench((batch) => each(batch, delivered));
    add('1.1', '1.2');

    forwarder.start();

    await vi.waitFor(() => expect(spool.settled).toEqual(['1.1', '1.2']));
    expect(spool.ready).toEqual([]);
  });

  it('SAFE-3 keeps an object the answer does not name and sends it again', async () => {
    let calls = 0;
    const { spool, forwarder, requests, add } = bench((batch) => {
      calls += 1;
      const named = calls === 1 ? batch.slice(1) : batch;
      return each(named, delivered);
    });
    add('1.1', '1.2');

    forwarder.start();
    await vi.waitFor(() => expect(spool.settled).toEqual(['1.2']));
    await passTime(1000);
    await vi.waitFor(() => expect(spool.settled).toEqual(['1.2', '1.1']));

    expect(requests).toEqual([['1.1', '1.2'], ['1.1']]);
  });

  it('C18 retries, sets aside and settles by the outcome of each', async () => {
    const { spool, forwarder, add } = bench((batch) =>
      each(batch, (sop) => {
        if (sop === '1.1')
          return { kind: 'retry', message: 'out of resources', failureReason: 0xa700 };
        if (sop === '1.2') return { kind: 'set-aside', message: 'no', failureReason: 0xa900 };
        return { kind: 'delivered' };
      }),
    );
    add('1.1', '1.2', '1.3');

    forwarder.start();

    await vi.waitFor(() => expect(spool.settled).toEqual(['1.3']));
    expect(spool.failed).toEqual([
      {
        sopInstanceUid: '1.2',
        reason: { code: 'refused', message: 'no', failureReason: 0xa900, attempts: 1 },
      },
    ]);
    expect(spool.ready.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual(['1.1']);
    expect(spool.releases.at(-1)?.notBefore).toBeGreaterThan(Date.now());
  });

  it('sets an object aside for the reason its outcome gives, when that is no refusal', async () => {
    const code = 'differs-from-archived';
    const { spool, forwarder, add } = bench((batch) =>
      each(batch, () => ({ kind: 'set-aside', code, message: 'another', httpStatus: 409 })),
    );
    add('1.1');

    forwarder.start();

    await vi.waitFor(() => expect(spool.failed).toMatchObject([{ reason: { code } }]));
    expect(spool.settled).toEqual([]);
  });

  it('C10 halves a batch refused as a whole, and sets the culprit aside', async () => {
    const { spool, forwarder, requests, add } = bench((batch) =>
      batch.includes('1.2')
        ? { kind: 'split', message: 'bad request', httpStatus: 400 }
        : each(batch, delivered),
    );
    add('1.1', '1.2', '1.3');

    forwarder.start();

    await vi.waitFor(() => expect(spool.settled).toEqual(['1.1', '1.3']));
    expect(requests).toEqual([['1.1', '1.2', '1.3'], ['1.1', '1.2'], ['1.1'], ['1.2'], ['1.3']]);
    expect(spool.failed).toMatchObject([
      { sopInstanceUid: '1.2', reason: { httpStatus: 400, attempts: 3 } },
    ]);
  });

  it('C14 waits as long as Retry-After says, and longer each time without it', async () => {
    const verdicts: StowVerdict[] = [
      { kind: 'retry', message: 'busy', httpStatus: 503, retryAfterMs: 120_000 },
      { kind: 'retry', message: 'down' },
      { kind: 'retry', message: 'down' },
    ];
    const times: number[] = [];
    const { spool, forwarder, add } = bench((batch) => {
      times.push(Date.now());
      return verdicts.shift() ?? each(batch, delivered);
    });
    add('1.1');

    forwarder.start();
    await passTime(300_000);

    expect(spool.settled).toEqual(['1.1']);
    const waits = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(waits[0]).toBeGreaterThanOrEqual(120_000);
    expect(waits[1]).toBeLessThan(waits[2] ?? 0);
    expect(waits[2]).toBeLessThanOrEqual(60_000);
  });

  it('asks a failing archive with one batch at a time', async () => {
    let up = false;
    let inFlight = 0;
    let most = 0;
    const { spool, forwarder, add } = bench(
      async (batch) => {
        inFlight += 1;
        most = Math.max(most, inFlight);
        await Promise.resolve();
        inFlight -= 1;
        return up ? each(batch, delivered) : { kind: 'retry', message: 'down' };
      },
      { concurrency: 4 },
    );
    add('1.1');
    forwarder.start();
    await vi.waitFor(() => expect(spool.releases.length).toBeGreaterThan(0));
    most = 0;
    for (let n = 2; n < 200; n += 1) add(`1.${n}`);

    await passTime(120_000);
    expect(most).toBe(1);
    up = true;
    await passTime(120_000);

    expect(spool.settled).toHaveLength(199);
  });

  it('C15 asks at the slowest pace through a weekend without archive, then delivers all at once', async () => {
    let up = false;
    const times: number[] = [];
    const { spool, forwarder, add } = bench(
      (batch) => {
        times.push(Date.now());
        return up
          ? each(batch, delivered)
          : { kind: 'retry', message: 'down', fault: 'connect-refused' };
      },
      { concurrency: 4 },
    );
    for (let n = 1; n <= 400; n += 1) add(`1.${n}`);
    forwarder.start();
    const hours = 60;
    for (let minute = 0; minute < hours * 60; minute += 0.5) await passTime(30_000, 30_000);
    const asked = times.length;
    const longest = Math.max(...times.slice(1).map((time, n) => time - (times[n] ?? 0)));
    up = true;
    await passTime(65_000);

    expect(spool.settled).toHaveLength(400);
    expect(spool.failed).toEqual([]);
    // Full jitter over a minute: every half minute on average.
    expect(asked).toBeGreaterThan(hours * 60);
    expect(asked).toBeLessThan(hours * 60 * 2.5);
    expect(longest).toBeLessThanOrEqual(62_000);
  });

  it('C15 lets those that asked in vain go with the others once the archive is back', async () => {
    let up = false;
    let draws = 0;
    const passed: number[] = [];
    const { spool, forwarder, add } = bench(
      (batch) => {
        if (!up) return { kind: 'retry', message: 'down', fault: 'connect-refused' };
        passed.push(Date.now());
        return each(batch, delivered);
      },
      // Short waits of the destination, long ones of whatever else there is.
      { concurrency: 4, random: () => ((draws += 1) % 2 === 1 ? 0.02 : 0.95) },
    );
    for (let n = 1; n <= 400; n += 1) add(`1.${n}`);
    forwarder.start();
    await passTime(600_000);
    up = true;
    await passTime(65_000);

    expect(spool.settled).toHaveLength(400);
    expect(Math.max(...passed) - Math.min(...passed)).toBeLessThan(3_000);
  });

  it('C12 holds the destination on a refusal of ours and condemns no object', async () => {
    let allowed = false;
    const { spool, forwarder, log, add } = bench((batch) =>
      allowed ? each(batch, delivered) : { kind: 'hold', message: 'forbidden', httpStatus: 403 },
    );
    add('1.1');

    forwarder.start();
    await passTime(600_000);
    expect(spool.failed).toEqual([]);
    expect(log.lines.filter((line) => line.startsWith('error')).length).toBeGreaterThan(1);
    allowed = true;
    await passTime(60_000);

    expect(spool.settled).toEqual(['1.1']);
  });

  it('puts back what a fault inside the bridge left over, and nothing that was settled', async () => {
    let calls = 0;
    const { spool, forwarder, add } = bench((batch) => {
      calls += 1;
      if (calls === 2) delete spool.faults.settle;
      return each(batch, delivered);
    });
    spool.faults.settle = new Error('EIO');
    add('1.1', '1.2');

    forwarder.start();
    await passTime(60_000);

    expect(calls).toBe(3);
    expect(spool.settled).toEqual(['1.1', '1.2']);
  });

  it('sets a file aside that cannot be read three times, and delivers the others meanwhile', async () => {
    const { spool, forwarder, add } = bench((batch) => each(batch, delivered));
    add('1.1', '1.2');
    spool.unreadable.add('1.1');

    forwarder.start();
    await passTime(20_000);

    expect(spool.settled).toEqual(['1.2']);
    expect(spool.failed).toMatchObject([
      { sopInstanceUid: '1.1', reason: { code: 'unreadable', attempts: 3 } },
    ]);
  });

  it('breaks off what is in flight when the grace is over; the object stays', async () => {
    const { spool, forwarder, requests, add } = bench(
      (_batch, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => reject(signal.reason as Error));
        }),
    );
    add('1.1');
    forwarder.start();
    await vi.waitFor(() => expect(requests).toHaveLength(1));

    await forwarder.stop(AbortSignal.abort());

    expect(spool.ready).toHaveLength(1);
    expect(spool.settled).toEqual([]);
  });
});
