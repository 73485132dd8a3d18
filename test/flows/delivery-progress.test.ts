import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DeliveryProgress } from '../../src/flows/delivery-progress.ts';

describe('the progress of delivery', () => {
  it('knows no rate before the first delivery, and an empty queue needs no time', () => {
    const { progress } = begin();

    expect(progress.rate()).toBeUndefined();
    expect(progress.secondsToEmpty({ entries: 1, bytes: 10 })).toBeUndefined();
    expect(progress.secondsToEmpty({ entries: 0, bytes: 0 })).toBe(0);
  });

  it('measures since the first delivery of the last minute', () => {
    const { progress, clock } = begin();

    for (let second = 0; second < 20; second += 1) {
      progress.objectDelivered(1_000);
      clock.now += 1_000;
    }

    expect(progress.rate()).toEqual({ objectsPerSecond: 1, bytesPerSecond: 1_000 });
  });

  it('takes the later of what objects and bytes suggest', () => {
    const { progress, clock } = begin();
    for (let count = 0; count < 10; count += 1) progress.objectDelivered(100);
    clock.now += 10_000;

    // One object and a hundred bytes a second.
    expect(progress.secondsToEmpty({ entries: 30, bytes: 100 })).toBe(30);
    expect(progress.secondsToEmpty({ entries: 1, bytes: 100_000 })).toBe(1_000);
  });

  it.each(['open', 'half-open', 'held'] as const)('promises nothing while it is %s', (state) => {
    const { progress } = begin();
    progress.objectDelivered(100);

    progress.breakerChanged(state);
    const meanwhile = progress.secondsToEmpty({ entries: 1, bytes: 1 });
    progress.breakerChanged('closed');

    expect(meanwhile).toBeUndefined();
    expect(progress.secondsToEmpty({ entries: 1, bytes: 1 })).toBe(1);
  });

  it('forgets what is older than a minute, and a clock that was set back', () => {
    const { progress, clock } = begin();
    progress.objectDelivered(100);
    clock.now += 60_001;
    const later = progress.rate();
    progress.objectDelivered(100);
    clock.now -= 3_600_000;

    expect(later).toBeUndefined();
    expect(progress.rate()).toBeUndefined();
  });

  it('never has a rate that is no number, whatever the clock does', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -100_000, max: 100_000 })), (steps) => {
        const { progress, clock } = begin();
        for (const step of steps) {
          clock.now = Math.max(0, clock.now + step);
          progress.objectDelivered(5);
        }
        const rate = progress.rate();
        expect(rate === undefined || rate.objectsPerSecond > 0).toBe(true);
        expect(Number.isFinite(rate?.bytesPerSecond ?? 0)).toBe(true);
      }),
    );
  });
});

function begin() {
  const clock = { now: 1_000_000 };
  return { clock, progress: new DeliveryProgress({ now: () => clock.now }) };
}
