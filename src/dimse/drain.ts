import { setTimeout as wait } from 'node:timers/promises';
import type { DataSetStream } from '../upper-layer/association.ts';

/** How a refused data set is read away. */
export interface DrainBounds {
  /** `undefined` = as fast as it comes. */
  readonly bytesPerSecond: number | undefined;
  /** A peer that sends more than this has its association aborted instead. */
  readonly maxBytes: number;
}

/**
 * Reads the rest of a refused data set away, so that the refusal reaches a peer that only listens
 * after its last fragment.
 *
 * The bounded rate is for a full disk: a modality that retries at wire speed would keep the link
 * and this process busy with bytes nobody wants.
 *
 * @returns false when `maxBytes` went by and the data set is still not over.
 */
export async function drain(dataSet: DataSetStream, bounds: DrainBounds): Promise<boolean> {
  let drained = 0;
  for (;;) {
    const fragments = await dataSet.read();
    if (fragments === undefined) return true;
    let bytes = 0;
    for (const fragment of fragments) bytes += fragment.length;
    drained += bytes;
    if (drained > bounds.maxBytes) return false;
    if (bounds.bytesPerSecond !== undefined) await wait((bytes / bounds.bytesPerSecond) * 1000);
  }
}
