import type { Suspicion } from '../translate/stow-verdict.ts';

/** Deaths of a working archive over one object before that object is set aside. */
export const mostStrikes = 3;

/** What is known when a batch failed in a way its objects may have brought about. */
export interface FailureFacts {
  readonly suspicion: Suspicion;
  readonly objects: number;
  /** It left while the archive took what it was sent. */
  readonly leftInHealth: boolean;
  /** A suspect was under way at the same time, and would take others down with it. */
  readonly besideSuspect: boolean;
  /** Another batch is being taken apart on mere suspicion. */
  readonly isOtherTakenApart: boolean;
  /** Present when this batch failed so before. */
  readonly before: PriorFailure | undefined;
}

/** What is known of a suspect. */
export interface PriorFailure {
  /** Some batch was delivered since it failed last. */
  readonly passedSince: boolean;
  /** Some batch was delivered since it, or the batch it was cut from, failed first. */
  readonly passedSinceFirst: boolean;
  /** Whether the archive answered a harmless question just before; `undefined`: nobody could ask. */
  readonly answered: boolean | undefined;
  /** No other batch is being taken apart on mere suspicion. */
  readonly mayTakeApart: boolean;
  readonly strikes: number;
}

/**
 * What to do with it:
 * - `retry`: the same again, nothing follows from it;
 * - `suspect`: from now on it keeps to itself, and is watched;
 * - `halve`: the one half will pass, or both will;
 * - `slow-lane`: alone, and seldom; `strike`: the same, and it counts;
 * - `condemn`: set aside.
 */
export type FailureStep = 'retry' | 'suspect' | 'halve' | 'slow-lane' | 'strike' | 'condemn';

/**
 * Decides whether a batch broke the archive or the archive broke the batch (DESIGN §6, last row).
 *
 * Nothing is condemned but a single object, sent by itself, that failed three times while the archive
 * took others. Nothing at all while everything fails: then no batch passes, and no strike counts.
 * Taking apart costs requests only, so one batch at a time may be without such proof; the archive may
 * die of the only batch there is.
 */
export function judgeFailure(facts: FailureFacts): FailureStep {
  const { before, objects } = facts;
  if (before === undefined) {
    if (facts.besideSuspect) return 'retry';
    return facts.leftInHealth || !facts.isOtherTakenApart ? 'suspect' : 'retry';
  }
  if (objects > 1) return before.passedSince || before.mayTakeApart ? 'halve' : 'retry';
  if (facts.suspicion === 'silent' || !wasWorking(facts, before)) return 'slow-lane';
  return before.strikes + 1 >= mostStrikes ? 'condemn' : 'strike';
}

function wasWorking({ leftInHealth }: FailureFacts, before: PriorFailure): boolean {
  if (!before.passedSinceFirst) return false;
  return before.answered ?? (leftInHealth && before.passedSince);
}
