import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffBoundMs, backoffDelayMs } from '../../src/translate/backoff.ts';

const range = fc.record({
  minMs: fc.integer({ min: 1, max: 60_000 }),
  moreMs: fc.integer({ min: 0, max: 3_600_000 }),
});

describe('backoff', () => {
  it('C15 stays between nothing and its bound, and the bound between least and most', () => {
    const attempt = fc.integer({ min: 1, max: 100_000 });
    const share = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(attempt, range, share, (attempt, { minMs, moreMs }, share) => {
        const maxMs = minMs + moreMs;
        const bound = backoffBoundMs({ attempt, minMs, maxMs });
        const delay = backoffDelayMs({ attempt, minMs, maxMs, random: () => share });
        expect(bound >= minMs && bound <= maxMs).toBe(true);
        expect(Number.isInteger(delay) && delay >= 0 && delay <= bound).toBe(true);
      }),
    );
  });

  it('C15 has a bound that never shrinks from one failure to the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2_000 }), range, (attempt, { minMs, moreMs }) => {
        const maxMs = minMs + moreMs;
        expect(backoffBoundMs({ attempt: attempt + 1, minMs, maxMs })).toBeGreaterThanOrEqual(
          backoffBoundMs({ attempt, minMs, maxMs }),
        );
      }),
    );
  });

  it('doubles its bound with each failure', () => {
    const bounds = [1, 2, 3, 4, 5].map((attempt) =>
      backoffBoundMs({ attempt, minMs: 1_000, maxMs: 10_000 }),
    );

    expect(bounds).toEqual([1_000, 2_000, 4_000, 8_000, 10_000]);
  });
});
