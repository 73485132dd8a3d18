import type { InstanceIdentity } from '../dicom/instance.ts';
import { digestUid, formatEntryName } from './entry-name.ts';
import type { NamedEntry } from './entry-name.ts';

const sequences = 0x1_0000_0000;

/**
 * Gives entries names that never repeat and always sort by arrival, even when the clock is set back
 * or the process starts anew within the same millisecond: a rename onto an existing name would
 * destroy an acknowledged object without a word.
 */
export class EntryNamer {
  readonly #destination: string;
  readonly #now: () => number;
  #lastArrivedAt = 0;
  #nextSequence = 0;

  constructor(options: { readonly destination: string; readonly now: () => number }) {
    this.#destination = options.destination;
    this.#now = options.now;
  }

  /** Names from now on come after this one, which is already in the spool. */
  passOver({ arrivedAt, sequence }: NamedEntry): void {
    if (arrivedAt < this.#lastArrivedAt) return;
    this.#nextSequence =
      arrivedAt === this.#lastArrivedAt
        ? Math.max(this.#nextSequence, (sequence + 1) % sequences)
        : (sequence + 1) % sequences;
    this.#lastArrivedAt = arrivedAt;
  }

  name(
    identity: InstanceIdentity,
    {
      bytes,
      urgent,
      association,
    }: {
      readonly bytes: number;
      readonly urgent: boolean;
      readonly association?: string | undefined;
    },
  ): NamedEntry {
    const arrivedAt = Math.max(Math.trunc(this.#now()), this.#lastArrivedAt);
    // Wraps only across milliseconds: within one, the sequence must not begin again.
    if (this.#nextSequence >= sequences) this.#nextSequence = 0;
    const facts = {
      arrivedAt,
      sequence: this.#nextSequence,
      urgent,
      destination: this.#destination,
      studyDigest: digestUid(identity.studyInstanceUid),
      bytes,
      instanceDigest: digestUid(identity.sopInstanceUid),
      ...(association !== undefined && { association }),
    };
    this.#lastArrivedAt = arrivedAt;
    this.#nextSequence += 1;
    return { id: formatEntryName(facts), ...facts };
  }
}
