import type { Uid } from '../dicom/uid.ts';
import { readStoreInstancesResponse } from './store-instances-response.ts';
import type { StoreInstancesResponse } from './store-instances-response.ts';
import { formatFailureReason, summariseAnswer } from './answer-summary.ts';
import type { InstanceOutcome, StowVerdict, Suspicion } from './stow-verdict.ts';

/** What it means that the archive has an object already: delivered, or for somebody to look at. */
export type DuplicatePolicy = 'accept' | 'fail';

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
    return { kind: 'each', outcomes: new Map(answer.sent.map((uid) => [uid, duplicate(answer)])) };
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
  return { kind: 'each', outcomes: new Map(sent.map((uid) => [uid, outcome])) };
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
  return {
    kind: 'each',
    outcomes: new Map(answer.sent.map((uid) => [uid, outcomeOf(uid, answer, response)])),
  };
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
  if (failed) return outcomeOfFailure(failed.failureReason, answer);
  return { kind: 'retry', message: sentence(answer, 'named other objects but not this one') };
}

const processingFailure = 0x0110;
const duplicateSopInstance = 0x0111;

/** PS3.4 Table B.2-1 and PS3.7 Annex C, as far as they tell "later" from "never". */
function outcomeOfFailure(reason: number | undefined, answer: StowAnswer): InstanceOutcome {
  if (reason === undefined) return setAside(answer, 'refused the object and gave no reason');
  if (reason === duplicateSopInstance) return duplicate(answer, reason);
  const outOfResources = reason >> 8 === 0xa7;
  const why = `refused the object with failure reason ${formatFailureReason(reason)}`;
  return reason === processingFailure || outOfResources
    ? { kind: 'retry', message: sentence(answer, why), failureReason: reason }
    : setAside(answer, why, reason);
}

function duplicate(answer: StowAnswer, reason?: number): InstanceOutcome {
  if (answer.duplicates === 'accept') return delivered();
  return setAside(answer, 'has the object already, which is set to count as a failure', reason);
}

function setAside(answer: StowAnswer, why: string, failureReason?: number): InstanceOutcome {
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
