/**
 * A binary heap over a plain array, as functions: a queue of 200,000 entries in as many studies has
 * as many heaps, and an object around each would weigh more than what is in it.
 */

/** Says whether `a` comes out before `b`. */
export type Before<T> = (a: T, b: T) => boolean;

/** Told where an item now lies, for items that have to be found again. */
export type Placed<T> = (item: T, index: number) => void;

/** Adds an item; O(1) when it comes after all others, O(log n) at worst. */
export function heapPush<T>(heap: T[], item: T, before: Before<T>, placed?: Placed<T>): void {
  heap.push(item);
  placed?.(item, heap.length - 1);
  heapRise(heap, heap.length - 1, before, placed);
}

/** Removes and returns the first item; O(log n). */
export function heapPop<T>(heap: T[], before: Before<T>, placed?: Placed<T>): T | undefined {
  const first = heap[0];
  const last = heap.pop();
  if (heap.length === 0 || last === undefined) return first;
  heap[0] = last;
  placed?.(last, 0);
  sink(heap, 0, before, placed);
  return first;
}

/** Removes the items that are not to stay and restores the order; O(n). */
export function heapKeep<T>(
  heap: T[],
  stays: (item: T) => boolean,
  before: Before<T>,
  placed?: Placed<T>,
): void {
  let kept = 0;
  for (const item of heap) {
    if (!stays(item)) continue;
    heap[kept] = item;
    placed?.(item, kept);
    kept += 1;
  }
  heap.length = kept;
  for (let at = (kept >> 1) - 1; at >= 0; at -= 1) sink(heap, at, before, placed);
}

/** Restores the order after the item at this index has come to stand before others. */
export function heapRise<T>(heap: T[], index: number, before: Before<T>, placed?: Placed<T>): void {
  let at = index;
  const item = heap[at] as T;
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt] as T;
    if (!before(item, parent)) break;
    heap[at] = parent;
    placed?.(parent, at);
    at = parentAt;
  }
  heap[at] = item;
  placed?.(item, at);
}

function sink<T>(heap: T[], start: number, before: Before<T>, placed?: Placed<T>): void {
  let at = start;
  const item = heap[start] as T;
  for (;;) {
    let childAt = 2 * at + 1;
    if (childAt >= heap.length) break;
    if (childAt + 1 < heap.length && before(heap[childAt + 1] as T, heap[childAt] as T)) {
      childAt += 1;
    }
    const child = heap[childAt] as T;
    if (!before(child, item)) break;
    heap[at] = child;
    placed?.(child, at);
    at = childAt;
  }
  heap[at] = item;
  placed?.(item, at);
}
