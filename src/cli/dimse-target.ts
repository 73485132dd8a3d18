import type { AeTitle } from '../dicom/ae-title.ts';
import type { DimseTarget } from '../dimse/associate.ts';
import type { Destination } from './destination.ts';

/** How the commands call a peer: with the patience of a person at a terminal. */
export function dimseTarget(destination: Destination, callingAeTitle: AeTitle): DimseTarget {
  return {
    ...destination,
    callingAeTitle,
    maxPduBytes: 131_072,
    connectTimeoutMs: 10_000,
    timeouts: {
      artimMs: 30_000,
      // A peer may fsync, or wait for its own archive, before it answers.
      idleMs: 300_000,
      writeStallMs: 60_000,
      minimumBytesPerSecond: 0,
    },
  };
}
