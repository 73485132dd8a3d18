import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isEnough, shareOf } from '../../src/spool/batch-share.ts';

const limits = { maxInstances: 50, maxBytes: 64 * 2 ** 20, requests: 4 };
const ctBytes = 525_000;

/** Sizes of the batches that a stock of equal objects leaves in. */
function batchesOf(entries: number, bytesEach: number): readonly number[] {
  const sizes: number[] = [];
  for (let left = entries; left > 0;) {
    const share = shareOf(left * bytesEach, limits);
    const byBytes = Math.max(1, Math.floor(share.maxBytes / bytesEach));
    sizes.push(Math.min(left, share.maxInstances, byBytes));
    left -= sizes.at(-1) ?? left;
  }
  return sizes;
}

describe('the share of a batch', () => {
  it('is a full batch as long as there are enough for all requests', () => {
    expect(batchesOf(400, ctBytes).slice(0, 4)).toEqual([50, 50, 50, 50]);
  });

  it('becomes less at the end, so that all requests end together', () => {
    const sizes = batchesOf(200, ctBytes);

    expect(sizes).toEqual([...sizes].sort((a, b) => b - a));
    expect(sizes.at(-1)).toBeLessThanOrEqual(7);
  });

  it('does not tear a small study apart, nor a batch of small objects', () => {
    expect(batchesOf(7, ctBytes)).toEqual([7]);
    expect(batchesOf(100, 10_000)).toEqual([50, 50]);
  });

  it('gives large objects a request each', () => {
    expect(batchesOf(4, 20_000_000)).toEqual([1, 1, 1, 1]);
  });

  it('is everything where there is one request at a time', () => {
    const alone = { maxInstances: 50, maxBytes: 1000 };

    expect(shareOf(10_000, alone)).toEqual(alone);
  });

  it('never exceeds the limits of a batch, and never falls to nothing', () => {
    fc.assert(
      fc.property(
        fc.nat(1e12),
        fc.integer({ min: 1, max: 1e9 }),
        fc.integer({ min: 1, max: 256 }),
        (waitingBytes, maxBytes, requests) => {
          const share = shareOf(waitingBytes, { maxInstances: 50, maxBytes, requests });
          expect(share.maxInstances).toBe(50);
          expect(share.maxBytes).toBeLessThanOrEqual(maxBytes);
          expect(share.maxBytes).toBeGreaterThanOrEqual(Math.min(4 * 2 ** 20, maxBytes));
        },
      ),
    );
  });
});

describe('what gathers', () => {
  it.each([
    [{ entries: 49, bytes: 4_000_000 }, false],
    [{ entries: 50, bytes: 100 }, true],
    [{ entries: 1, bytes: 5_000_000 }, true],
  ])('%o is worth a request: %s', (gathered, expected) => {
    expect(isEnough(gathered, limits)).toBe(expected);
  });

  it('waits for a full batch where there is one request at a time', () => {
    const alone = { ...limits, requests: 1 };

    expect(isEnough({ entries: 49, bytes: 60_000_000 }, alone)).toBe(false);
    expect(isEnough({ entries: 50, bytes: 100 }, alone)).toBe(true);
    expect(isEnough({ entries: 2, bytes: limits.maxBytes }, alone)).toBe(true);
  });

  it('C13 is enough when it fills a batch that was made smaller', () => {
    expect(isEnough({ entries: 2, bytes: 100 }, { ...limits, maxInstances: 2 })).toBe(true);
  });
});
