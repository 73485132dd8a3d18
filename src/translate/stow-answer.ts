import type { Uid } from '../dicom/uid.ts';
import { readStoreInstancesResponse } from './store-instances-response.ts';
import type { StoreInstancesResponse } from './store-instances-response.ts';
import { formatFailureReason, summariseAnswer } from './answer-summary.ts';
import type { InstanceOutcome, StowVerdict, Suspicion } from './stow-verdict.ts';

/**
 * What it means that the archive has an object already: delivered, for somebody to look at, or the one
 * or the other once the two have been compared.
 */
export type DuplicatePolicy = 'accept' | 'verify' | 'fail';

/** What comparing an object with the one the archive has under its UID came to. */
export type Comparison =
  | { readonly kind: 'same' | 'different' }
  /** `why` goes on after "the archive has the object already, but ": built from our own words only. */
  | { readonly kind: 'impossible' | 'not-now'; readonly why: string };

/** An HTTP answer to a STOW-RS request, as far as its meaning depends on it. */
export interface StowAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  /** What Retry-After came to, if it said anything. */
  readonly retryAfterMs: number | undefined;
  /** `undefined` when it could not be read whole: cut off, or far too long. */
  readonly body: string | undefined;
  /** SOP Instance UIDs that were sent, without repetition. */
  readonly sent: readonly Uid[];
  readonly duplicates: DuplicatePolicy;
  /**
   * Whether a search found the one object in the archive. Only asked after {@link isPlainConflict}
   * said yes; `undefined` while nobody has looked, or could.
   */
  readonly foundBySearch?: boolean | undefined;
  /** For the instances {@link duplicatesIn} named. */
  readonly comparisons?: ReadonlyMap<Uid, Comparison>;
}

/**
 * Says what the archive's answer to a STOW-RS request means for each instance that was sent.
 *
 * An instance counts as delivered only where the answer names it. A 200 alone proves nothing: the
 * spool deletes its copy on `delivered`, so silence must not look like success. Nothing an archive
 * can answer makes this function throw.
 *
 * @returns with `each`, one outcome for every element of `sent`.
 * @see PS3.18 §10.5.3 and Annex I; PS3.4 Table B.2-1; DESIGN §6 has the table this implements.
 */
export function readStowAnswer(answer: StowAnswer): StowVerdict {
  const { status } = answer;
  if (status >= 200 && status <= 299) return readAcceptance(answer);
  if (status >= 300 && status <= 399) {
    return retry(answer, 'answered with a redirect, which is never followed');
  }
  if (busyStatuses.has(status)) return retry(answer, 'cannot take objects at the moment');
  if (status >= 500 || status === requestTimeout) {
    return retry(answer, 'failed over the objects, or cannot take any at the moment', 'broke');
  }
  if (objectStatuses.has(status)) return readRefusal(answer);
  return hold(answer, holdReasons[status] ?? 'refuses requests of this kind');
}

/**
 * True when the archive answered 409 to a single object and does not say why.
 *
 * That may mean it has the object already, or that nothing could be stored (PS3.18 Table 10.5.3-1
 * has one status for both). Only a search tells, so the caller looks and reads the answer again with
 * `foundBySearch`.
 */
export function isPlainConflict(answer: StowAnswer): boolean {
  const { status, body, sent } = answer;
  return status === 409 && sent.length === 1 && body !== undefined && !namedBy(answer);
}

/**
 * The instances the archive says it has already and that have to be compared with what it has, before
 * the answer is read with `comparisons`: none unless duplicates are to be verified.
 */
export function duplicatesIn(answer: StowAnswer): readonly Uid[] {
  if (answer.duplicates !== 'verify') return [];
  if (isPlainConflict(answer)) return answer.foundBySearch === true ? answer.sent : [];
  const verdict = readStowAnswer({ ...answer, duplicates: 'fail' });
  if (verdict.kind !== 'each') return [];
  return answer.sent.filter((uid) => {
    const outcome = verdict.outcomes.get(uid);
    return outcome?.kind === 'set-aside' && outcome.failureReason === duplicateSopInstance;
  });
}

/** "Later", whatever was sent: Too Early, Too Many Requests, Unavailable, Insufficient Storage. */
const busyStatuses: ReadonlySet<number> = new Set([425, 429, 503, 507]);

/** What was sent may have taken too long to arrive. */
const requestTimeout = 408;

/** What may be said of the objects rather than of us; 422 is what some archives say for 400. */
const objectStatuses: ReadonlySet<number> = new Set([400, 409, 413, 422]);

/** Where to look; whatever else is refused holds the destination as well. */
const holdReasons: Readonly<Record<number, string>> = {
  401: 'does not accept our credentials; check DRAWBRIDGE_UPSTREAM_AUTH and what belongs to it',
  403: 'knows our credentials but does not let us store; the client lacks a right or a scope',
  404: 'has no STOW-RS service at this address; check DRAWBRIDGE_UPSTREAM_URL',
  405: 'does not take STOW-RS at this address; check DRAWBRIDGE_UPSTREAM_URL',
  415: 'does not take multipart/related with application/dicom',
};

function readAcceptance(answer: StowAnswer): StowVerdict {
  const named = namedBy(answer);
  if (named) return each(answer, named);
  return retry(
    answer,
    'accepted the request but named none of the objects, so none counts as stored',
    'silent',
  );
}

function readRefusal(answer: StowAnswer): StowVerdict {
  const named = namedBy(answer);
  if (named) return each(answer, named);
  if (answer.body === undefined && answer.status !== 413) {
    return retry(answer, 'refused the request for reasons that could not be read whole');
  }
  if (isPlainConflict(answer) && answer.foundBySearch === true) {
    return eachOf(answer, new Map(answer.sent.map((uid) => [uid, duplicate(uid, answer)])));
  }
  return refusedAsAWhole(answer);
}

function refusedAsAWhole(answer: StowAnswer): StowVerdict {
  const { status, sent } = answer;
  if (sent.length > 1) {
    const message = sentence(answer, 'refused the batch without saying which object it minds');
    return { kind: 'split', message, httpStatus: status, answer: summariseAnswer(answer) };
  }
  const why = status === 413 ? 'finds the object too large' : 'refused the object';
  const outcome = setAside(answer, why);
  return eachOf(answer, new Map(sent.map((uid) => [uid, outcome])));
}

/** The lists, when they speak of at least one object we sent. */
function namedBy({ body, contentType, sent }: StowAnswer): StoreInstancesResponse | undefined {
  const response = readStoreInstancesResponse(body, contentType);
  if (!response) return undefined;
  return sent.some((uid) => response.kept.has(uid) || response.failed.has(uid))
    ? response
    : undefined;
}

function each(answer: StowAnswer, response: StoreInstancesResponse): StowVerdict {
  const { sent } = answer;
  return eachOf(answer, new Map(sent.map((uid) => [uid, outcomeOf(uid, answer, response)])));
}

function eachOf({ status }: StowAnswer, outcomes: ReadonlyMap<Uid, InstanceOutcome>): StowVerdict {
  return { kind: 'each', outcomes, httpStatus: status };
}

function outcomeOf(
  uid: Uid,
  answer: StowAnswer,
  response: StoreInstancesResponse,
): InstanceOutcome {
  const kept = response.kept.get(uid);
  const failed = response.failed.get(uid);
  if (kept && failed) {
    return { kind: 'retry', message: sentence(answer, 'lists the object as kept and as failed') };
  }
  if (kept) return delivered(kept.warningReason);
  if (failed) return outcomeOfFailure(uid, failed.failureReason, answer);
  return { kind: 'retry', message: sentence(answer, 'named other objects but not this one') };
}

const processingFailure = 0x0110;
const duplicateSopInstance = 0x0111;

/** PS3.4 Table B.2-1 and PS3.7 Annex C, as far as they tell "later" from "never". */
function outcomeOfFailure(
  uid: Uid,
  reason: number | undefined,
  answer: StowAnswer,
): InstanceOutcome {
  if (reason === undefined) return setAside(answer, 'refused the object and gave no reason');
  if (reason === duplicateSopInstance) return duplicate(uid, answer, reason);
  const outOfResources = reason >> 8 === 0xa7;
  const why = `refused the object with failure reason ${formatFailureReason(reason)}`;
  return reason === processingFailure || outOfResources
    ? { kind: 'retry', message: sentence(answer, why), failureReason: reason }
    : setAside(answer, why, reason);
}

function duplicate(uid: Uid, answer: StowAnswer, reason?: number): InstanceOutcome {
  switch (answer.duplicates) {
    case 'accept':
      return delivered();
    case 'fail':
      return setAside(answer, 'has the object already, which is set to count as a failure', reason);
    case 'verify':
      return compared(answer.comparisons?.get(uid) ?? notCompared, answer, reason);
  }
}

const notCompared: Comparison = { kind: 'not-now', why: 'nobody has compared the two yet' };

function compared(comparison: Comparison, answer: StowAnswer, reason?: number): InstanceOutcome {
  switch (comparison.kind) {
    case 'same':
      return delivered();
    case 'different':
      return {
        ...setAside(answer, 'has another object under the same SOP Instance UID', reason),
        code: 'differs-from-archived',
      };
    case 'impossible':
      return {
        ...setAside(answer, `has the object already, but ${comparison.why}`, reason),
        code: 'could-not-be-verified',
      };
    case 'not-now': {
      const message = sentence(answer, `has the object already, but ${comparison.why}`);
      return { kind: 'retry', message, ...(reason === undefined ? {} : { failureReason: reason }) };
    }
  }
}

function setAside(
  answer: StowAnswer,
  why: string,
  failureReason?: number,
): Extract<InstanceOutcome, { readonly kind: 'set-aside' }> {
  return {
    kind: 'set-aside',
    message: sentence(answer, why),
    ...(failureReason === undefined ? {} : { failureReason }),
    httpStatus: answer.status,
    answer: summariseAnswer(answer),
  };
}

function delivered(warningReason?: number): InstanceOutcome {
  return { kind: 'delivered', ...(warningReason === undefined ? {} : { warningReason }) };
}

function retry(answer: StowAnswer, what: string, suspicion?: Suspicion): StowVerdict {
  const { status, retryAfterMs } = answer;
  return {
    kind: 'retry',
    message: sentence(answer, what),
    httpStatus: status,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(suspicion === undefined ? {} : { suspicion }),
  };
}

function hold(answer: StowAnswer, what: string): StowVerdict {
  return { kind: 'hold', message: sentence(answer, what), httpStatus: answer.status };
}

/** Built from numbers and our own words only: an archive's text may hold anything. */
function sentence({ status }: StowAnswer, what: string): string {
  return `the archive ${what} (HTTP ${status})`;
}
