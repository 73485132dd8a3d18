import type { SpoolEntry } from '../spool/spool.ts';
import type { Suspicion } from '../translate/stow-verdict.ts';
import type { PriorFailure } from './judge-failure.ts';

/** A batch that failed first, and all it was cut into since. */
interface Case {
  readonly passesAtStart: number;
}

/** Objects that go together and failed together; the entries of one suspect share it. */
export interface Suspect {
  readonly case: Case;
  readonly suspicion: Suspicion;
  readonly passesAtFailure: number;
  readonly strikes: number;
}

/**
 * The batches of one destination whose objects may be what makes them fail.
 *
 * One suspect at a time is under way, so that what an archive takes down with it can be told from
 * what took it down. Holds a few batches at most: in an outage only those it caught under way.
 */
export class Suspects {
  readonly #byEntry = new Map<string, Suspect>();
  /** Batches delivered so far: proof that the archive works, for what failed before. */
  #passes = 0;
  #begun = 0;
  #ended = 0;
  /** Being taken apart though nothing passed since it failed. */
  #unproven: Case | undefined;

  /** The suspect a lease consists of. */
  of(entries: readonly SpoolEntry[]): Suspect | undefined {
    if (this.#byEntry.size === 0) return undefined;
    for (const { id } of entries) {
      const suspect = this.#byEntry.get(id);
      if (suspect) return suspect;
    }
    return undefined;
  }

  /** One is being cut to pieces though nothing passed since it failed. */
  get isTakingApart(): boolean {
    return this.#unproven !== undefined;
  }

  get isOneUnderWay(): boolean {
    return this.#begun > this.#ended;
  }

  /** What a delivery keeps from its beginning to ask {@link wasBeside} at its end. */
  get mark(): number {
    return this.#ended;
  }

  /** Whether a suspect was under way at any time since. */
  wasBeside(mark: number): boolean {
    return this.#begun > mark;
  }

  begin(): void {
    this.#begun += 1;
  }

  end(): void {
    this.#ended += 1;
  }

  /** A batch was delivered, in part at least. */
  passed(): void {
    this.#passes += 1;
    this.#unproven = undefined;
  }

  prior(suspect: Suspect, answered: boolean | undefined): PriorFailure {
    return {
      passedSince: this.#passes > suspect.passesAtFailure,
      passedSinceFirst: this.#passes > suspect.case.passesAtStart,
      answered,
      mayTakeApart: this.#unproven === undefined || this.#unproven === suspect.case,
      strikes: suspect.strikes,
    };
  }

  /** The first failure of a batch, or the next of a suspect or of a part of it. */
  note(
    entries: readonly SpoolEntry[],
    failure: {
      readonly suspicion: Suspicion;
      readonly before: Suspect | undefined;
      readonly strikes: number;
    },
  ): void {
    const { suspicion, before, strikes } = failure;
    const suspect = {
      case: before?.case ?? { passesAtStart: this.#passes },
      passesAtFailure: this.#passes,
      suspicion,
      strikes,
    };
    for (const { id } of entries) this.#byEntry.set(id, suspect);
  }

  /** It is cut in two; when nothing passed since it failed, no other is meanwhile. */
  takeApart(suspect: Suspect): void {
    if (this.#passes === suspect.passesAtFailure) this.#unproven = suspect.case;
  }

  /** It was delivered or set aside, or the archive said something of it after all. */
  clear({ id }: SpoolEntry): void {
    this.#byEntry.delete(id);
    if (this.#byEntry.size === 0) this.#unproven = undefined;
  }
}
