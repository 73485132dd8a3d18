import { describe, expect, it } from 'vitest';
import { DestinationPace } from '../../src/flows/destination-pace.ts';
import type { BreakerChange } from '../../src/flows/destination-pace.ts';

function newPace(random = 0.5) {
  const changes: BreakerChange[] = [];
  const pace = new DestinationPace({
    minMs: 1000,
    maxMs: 60_000,
    random: () => random,
    changed: (change) => changes.push(change),
  });
  return { pace, changes };
}

describe('the circuit breaker of a destination', () => {
  it('C15 opens at a failure, asks half-open, and tells at each change how long it was open', () => {
    const { pace, changes } = newPace();

    pace.sending(0);
    pace.failed(100, undefined);
    pace.sending(700);
    pace.failed(800, undefined);
    pace.failed(801, undefined);
    pace.sending(5_000);
    pace.succeeded(5_100);
    pace.succeeded(5_200);

    expect(changes).toEqual([
      { from: 'closed', to: 'open', openMs: 0 },
      { from: 'open', to: 'half-open', openMs: 600 },
      { from: 'half-open', to: 'open', openMs: 700 },
      { from: 'open', to: 'half-open', openMs: 4_900 },
      { from: 'half-open', to: 'closed', openMs: 5_000 },
    ]);
    expect(pace.waitMs(5_200)).toBe(0);
  });

  it('C12 is held while the bridge itself is refused, at the slowest pace', () => {
    const { pace, changes } = newPace();

    expect(pace.held(0)).toBe(45_000);
    pace.sending(45_000);
    pace.held(45_100);

    expect(changes.map(({ to }) => to)).toEqual(['held', 'half-open', 'held']);
    expect(pace.state).toBe('held');
  });

  it('C14 waits as long as it was asked to, or longer', () => {
    const { pace } = newPace();

    expect(pace.failed(0, 120_000)).toBe(120_000);
    expect(pace.waitMs(1_000)).toBe(119_000);
    pace.sending(120_000);
    expect(pace.failed(120_000, 1)).toBe(1_000);
  });

  it('C15 counts what fails together as one failure, and each question that fails as another', () => {
    const { pace } = newPace();
    const together = [1, 2, 3, 4].map(() => pace.failed(0, undefined));

    pace.sending(10_000);
    const next = pace.failed(10_000, undefined);

    expect(together).toEqual([500, 500, 500, 500]);
    expect(next).toBe(1_000);
  });

  it.each([0, 0.999])('keeps the slow lane slower than the backoff begins (%d)', (random) => {
    const { pace } = newPace(random);

    expect(pace.slowLaneMs(1)).toBeGreaterThanOrEqual(4_000);
    expect(pace.slowLaneMs(1)).toBeLessThanOrEqual(8_000);
    expect(pace.slowLaneMs(50)).toBeGreaterThanOrEqual(30_000);
    expect(pace.slowLaneMs(50)).toBeLessThanOrEqual(60_000);
  });
});
