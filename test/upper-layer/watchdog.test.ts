import { describe, expect, it } from 'vitest';
import { Watchdog } from '../../src/upper-layer/watchdog.ts';
import type { Overdue, Vitals } from '../../src/upper-layer/watchdog.ts';

const timeouts = {
  artimMs: 30_000,
  idleMs: 60_000,
  writeStallMs: 20_000,
  minimumBytesPerSecond: 100,
  rateWindowMs: 10_000,
};

const still: Vitals = {
  bytesReceived: 0,
  writesCompleted: 0,
  writesPending: false,
  paused: false,
  workingLocally: false,
  peerOwesBytes: false,
};

/** Seconds until it barks, each second looking like `vitals` of that second. */
function barksAfter(vitals: (second: number) => Partial<Vitals>): [number, Overdue] | undefined {
  const watchdog = new Watchdog(timeouts);
  expect(watchdog.tickMs).toBe(1000);
  for (let second = 1; second <= 600; second += 1) {
    const overdue = watchdog.tick({ ...still, ...vitals(second) });
    if (overdue !== undefined) return [second, overdue];
  }
  return undefined;
}

describe('watchdog', () => {
  it('A53 barks when nothing has moved for the idle time', () => {
    expect(barksAfter(() => ({}))).toEqual([60, 'idle']);
  });

  it('A53 starts over with every byte in either direction', () => {
    expect(barksAfter((second) => ({ bytesReceived: Math.floor(second / 50) }))).toBeUndefined();
    expect(barksAfter((second) => ({ writesCompleted: Math.floor(second / 50) }))).toBeUndefined();
  });

  it.each(['paused', 'workingLocally'] as const)('A53 holds still while %s', (excuse) => {
    expect(barksAfter(() => ({ [excuse]: true }))).toBeUndefined();
  });

  it('A54 barks when a begun message comes too slowly', () => {
    const drip = (bytesPerSecond: number) => (second: number) => ({
      peerOwesBytes: true,
      bytesReceived: second * bytesPerSecond,
    });

    expect(barksAfter(drip(99))).toEqual([10, 'too-slow']);
    expect(barksAfter(drip(100))).toBeUndefined();
  });

  it('A54 does not blame the peer for a pause of ours', () => {
    expect(
      barksAfter((second) => ({ peerOwesBytes: true, paused: second % 9 === 0 })),
    ).toBeUndefined();
  });

  it('A59 barks when a write makes no progress', () => {
    expect(barksAfter(() => ({ writesPending: true }))).toEqual([20, 'write-stall']);
    expect(
      barksAfter((second) => ({ writesPending: true, writesCompleted: Math.floor(second / 19) })),
    ).toBeUndefined();
  });
});
