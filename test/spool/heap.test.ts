import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { heapKeep, heapPop, heapPush } from '../../src/spool/heap.ts';

interface Item {
  readonly value: number;
  place: number;
}

const smaller = (a: Item, b: Item): boolean => a.value < b.value;
const placed = (item: Item, index: number): void => {
  item.place = index;
};

describe('heap', () => {
  it('gives back in order what was not removed from its middle, and knows where each lies', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.func(fc.boolean()), (values, stays) => {
        const heap: Item[] = [];
        for (const value of values) heapPush(heap, { value, place: -1 }, smaller, placed);
        heapKeep(heap, ({ value }) => stays(value), smaller, placed);

        expect(heap.map(({ place }) => place)).toEqual([...heap.keys()]);
        const out: number[] = [];
        for (let item = heapPop(heap, smaller); item; item = heapPop(heap, smaller)) {
          out.push(item.value);
        }
        expect(out).toEqual(values.filter((value) => stays(value)).sort((a, b) => a - b));
      }),
    );
  });
});
