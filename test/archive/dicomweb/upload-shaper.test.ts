import { Buffer } from 'node:buffer';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { UploadShaper } from '../../../src/archive/dicomweb/upload-shaper.ts';
import { ArchiveServer, keepAll, watchedSource } from './archive-server.ts';

/** A shaper in a time of its own: it passes when all that is under way sleeps. */
function inOwnTime(rates: (hour: number) => number | undefined) {
  let now = 0;
  const sleepers: { readonly until: number; readonly wake: () => void }[] = [];
  const shaper = new UploadShaper({
    bytesPerSecond: Array.from({ length: 24 }, (_, hour) => rates(hour)),
    hour: () => Math.floor(now / 3_600_000) % 24,
    now: () => now,
    sleep: (ms, signal) =>
      new Promise<void>((wake, reject) => {
        signal.throwIfAborted();
        const fail = (): void => reject(signal.reason as Error);
        signal.addEventListener('abort', fail, { once: true });
        sleepers.push({
          until: now + ms,
          wake: () => {
            signal.removeEventListener('abort', fail);
            wake();
          },
        });
      }),
  });
  const passTime = async (): Promise<void> => {
    // Every microtask of the uploads runs before the clock goes on.
    await new Promise((resolve) => setImmediate(resolve));
    sleepers.sort((a, b) => a.until - b.until);
    const next = sleepers.shift();
    if (next === undefined) return;
    now = Math.max(now, next.until);
    next.wake();
  };
  const until = async (done: Promise<unknown>): Promise<number> => {
    const state = { isDone: false };
    void done.finally(() => (state.isDone = true)).catch(() => undefined);
    while (!state.isDone) await passTime();
    return now;
  };
  return { shaper, until, passTime, setNow: (ms: number) => (now = ms), sleepers };
}

async function* chunks(count: number, bytes: number): AsyncGenerator<Buffer> {
  for (let n = 0; n < count; n += 1) yield await Promise.resolve(Buffer.alloc(bytes, n));
}

async function read(body: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of body) all.push(Buffer.from(chunk));
  return Buffer.concat(all);
}

const { signal } = new AbortController();
const perSecond = 100_000;

describe('the rate of uploads', () => {
  it('is kept, in small slices, and no byte changes', async () => {
    const { shaper, until } = inOwnTime(() => perSecond);
    const sizes: number[] = [];
    const upload = (async () => {
      const all: Buffer[] = [];
      for await (const slice of shaper.shape(chunks(10, 100_000), signal)) {
        sizes.push(slice.length);
        all.push(Buffer.from(slice));
      }
      return Buffer.concat(all);
    })();

    const tookMs = await until(upload);

    expect(tookMs).toBeGreaterThan(9_800);
    expect(tookMs).toBeLessThan(10_000);
    expect(Math.max(...sizes)).toBe(5_000);
    expect((await upload).equals(await read(chunks(10, 100_000)))).toBe(true);
  });

  it('is shared by all that run at once, alike', async () => {
    const { shaper, until } = inOwnTime(() => perSecond);
    const uploads = [1, 2, 3, 4].map(() => read(shaper.shape(chunks(1, 100_000), signal)));

    const first = await until(Promise.race(uploads));
    const last = await until(Promise.all(uploads));

    expect(last).toBeGreaterThan(3_800);
    expect(last).toBeLessThan(4_000);
    expect(first).toBeGreaterThan(3_500);
  });

  it('gives no credit for a time without uploads', async () => {
    const { shaper, until, setNow } = inOwnTime(() => perSecond);
    await until(read(shaper.shape(chunks(1, 1_000), signal)));
    setNow(600_000);

    expect(await until(read(shaper.shape(chunks(1, 100_000), signal)))).toBeGreaterThan(600_800);
  });

  it('changes with the hour, in the middle of an upload', async () => {
    const { shaper, until, setNow } = inOwnTime((hour) => (hour === 0 ? 10_000 : 1_000_000));
    setNow(3_590_000);

    // 100 kB in the 10 s before the hour, 1 MB in the second after it.
    const ended = await until(read(shaper.shape(chunks(11, 100_000), signal)));

    expect(ended).toBeGreaterThan(3_600_800);
    expect(ended).toBeLessThan(3_601_300);
  });

  it('does not hold up what has no limit', async () => {
    const { shaper, sleepers } = inOwnTime(() => undefined);

    expect(await read(shaper.shape(chunks(3, 1_000_000), signal))).toHaveLength(3_000_000);
    expect(sleepers).toEqual([]);
  });

  it('lets an upload go that is aborted while it waits, and closes its source', async () => {
    const { shaper, passTime } = inOwnTime(() => 1_000);
    const stop = new AbortController();
    let isClosed = false;
    async function* source(): AsyncGenerator<Buffer> {
      try {
        yield* chunks(1, 1_000_000);
      } finally {
        isClosed = true;
      }
    }
    const upload = read(shaper.shape(source(), stop.signal));
    upload.catch(() => undefined);
    await passTime();

    stop.abort(new Error('shutting down'));

    await expect(upload).rejects.toThrow('shutting down');
    expect(isClosed).toBe(true);
  });
});

describe('uploads of a shaped archive', () => {
  let server: ArchiveServer;
  beforeAll(async () => {
    server = await ArchiveServer.start();
  });
  afterEach(() => server.closeClients());
  afterAll(() => server.stop());
  const shaperOf = (rate: number): UploadShaper =>
    new UploadShaper({
      bytesPerSecond: [rate],
      hour: () => 0,
      now: () => performance.now(),
    });

  it('are not taken for a silent archive when they take longer than its time-out', async () => {
    const archive = server.play(keepAll, {
      timeoutMs: 150,
      shaper: shaperOf(200_000),
    });
    const begun = performance.now();

    const verdict = await archive.store([watchedSource(150_000)], { signal });

    expect(verdict).toMatchObject({ kind: 'each' });
    expect(performance.now() - begun).toBeGreaterThan(450);
  });

  it('C15 still end when the archive stops taking them', async () => {
    const archive = server.play((request) => void request.once('data', () => request.pause()), {
      timeoutMs: 150,
      shaper: shaperOf(400_000_000),
    });

    expect(await archive.store([watchedSource(32_000_000)], { signal })).toMatchObject({
      kind: 'retry',
      fault: 'timeout',
    });
  });

  it('go at once when they are urgent', async () => {
    const archive = server.play(keepAll, { shaper: shaperOf(1_000) });
    const begun = performance.now();

    const verdict = await archive.store([watchedSource(1_000_000)], { signal, urgent: true });

    expect(verdict).toMatchObject({ kind: 'each' });
    expect(performance.now() - begun).toBeLessThan(10_000);
  });

  it('end with the caller while they wait for their turn', async () => {
    const stop = new AbortController();
    const archive = server.play(() => stop.abort(new Error('shutting down')), {
      shaper: shaperOf(1_000),
    });
    const source = watchedSource(1_000_000);

    await expect(archive.store([source], { signal: stop.signal })).rejects.toThrow('shutting down');
    await source.closed;
  });
});
