import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ConnectionLine } from '../../../src/archive/dicomweb/connection-line.ts';
import { OriginUnavailableError } from '../../../src/errors/origin-errors.ts';

const { signal } = new AbortController();
const waitOver = 5000;
let line: ConnectionLine;

beforeEach(() => {
  vi.useFakeTimers();
  line = new ConnectionLine({ places: 2, waiting: 2, timeoutMs: waitOver });
});
afterEach(() => {
  vi.useRealTimers();
});

/** Enters, and says so in the list. */
async function enter(entered: string[], name: string, wait = signal): Promise<() => void> {
  const leave = await line.enter(wait);
  entered.push(name);
  return leave;
}

describe('the line before the archive', () => {
  it('lets in as many as there are places, and the others in order as these leave', async () => {
    const entered: string[] = [];
    const [first, second] = await Promise.all([enter(entered, 'a'), enter(entered, 'b')]);
    const third = enter(entered, 'c');
    const fourth = enter(entered, 'd');
    expect(entered).toEqual(['a', 'b']);

    second();
    const leaveThird = await third;
    expect(entered).toEqual(['a', 'b', 'c']);

    first();
    leaveThird();
    await fourth;
    expect(entered).toEqual(['a', 'b', 'c', 'd']);
  });

  it('has its places again when all have left', async () => {
    for (let round = 0; round < 3; round += 1) {
      const leaving = await Promise.all([line.enter(signal), line.enter(signal)]);
      leaving.forEach((leave) => {
        leave();
      });
    }

    await Promise.all([line.enter(signal), line.enter(signal)]);
    const third = line.enter(signal);
    await expect(Promise.race([third, Promise.resolve('waits')])).resolves.toBe('waits');
  });

  it('sends away who comes when it is full, and says when to come again', async () => {
    const all = Array.from({ length: 4 }, () => line.enter(signal));
    await all[1];

    const fifth = line.enter(signal);

    await expect(fifth).rejects.toBeInstanceOf(OriginUnavailableError);
    await expect(fifth).rejects.toMatchObject({ retryAfterMs: 1000 });
  });

  it('lets nobody wait for ever', async () => {
    const leave = await line.enter(signal);
    await line.enter(signal);
    const third = line.enter(signal);
    const fourth = expect(third).rejects.toBeInstanceOf(OriginUnavailableError);

    await vi.advanceTimersByTimeAsync(waitOver);
    await fourth;

    leave();
    await expect(line.enter(signal)).resolves.toBeTypeOf('function');
  });

  it('keeps no place for who has gone while waiting', async () => {
    const gone = new AbortController();
    const entered: string[] = [];
    const leave = await line.enter(signal);
    await line.enter(signal);
    const third = enter(entered, 'c', gone.signal);
    const fourth = enter(entered, 'd');
    gone.abort(new Error('gone'));
    await expect(third).rejects.toThrow('gone');

    leave();
    await fourth;

    expect(entered).toEqual(['d']);
    expect(vi.getTimerCount()).toBe(0);
  });
});
