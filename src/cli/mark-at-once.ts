import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from marking its heap step by step. Socket chunks, which lie outside the heap, make it
 * begin, though they die young and the young generation's collector frees them: some 20 MB were marked
 * anew for every 40 MB that passed, for nothing. Now the heap is marked when it has grown.
 *
 * Measured on Node 20, with answers of 512 MB relayed: 1.25 s of processor time per GB instead of
 * 2.63, at the same peak of memory.
 */
export function markAtOnce(): void {
  setFlagsFromString('--no-incremental-marking');
}
