import { describe, expect, it } from 'vitest';
import { BatchSize } from '../../src/flows/batch-size.ts';

const configured = { maxInstances: 50, maxBytes: 1000 };

describe('the size of a batch', () => {
  it('C13 is no more than the larger part of what was too large, by count and by bytes', () => {
    const size = new BatchSize(configured);

    size.tooLarge({ objects: 20, bytes: 400 });

    expect(size.limits).toEqual({ maxInstances: 20, maxBytes: 400 });
  });

  it('C13 is lowered once by batches that were under way together', () => {
    const size = new BatchSize(configured);

    for (let n = 0; n < 4; n += 1) size.tooLarge({ objects: 20, bytes: 400 });

    expect(size.limits).toEqual({ maxInstances: 20, maxBytes: 400 });
  });

  it('C13 is not raised by a batch that was cut into larger parts', () => {
    const size = new BatchSize(configured);
    size.tooLarge({ objects: 1, bytes: 400 });

    size.tooLarge({ objects: 20, bytes: 10 });

    expect(size.limits).toEqual({ maxInstances: 1, maxBytes: 10 });
  });

  it('C13 comes back slowly, and no further than configured', () => {
    const size = new BatchSize(configured);
    size.tooLarge({ objects: 20, bytes: 400 });
    const seen: number[] = [];
    for (let batch = 0; batch < 60; batch += 1) {
      size.passed();
      seen.push(size.limits.maxInstances);
    }

    expect(seen.slice(0, 9)).toEqual(Array<number>(9).fill(20));
    expect([...new Set(seen)]).toEqual([20, 30, 45, 50]);
    expect(size.limits).toEqual(configured);
  });
});
