import type { SpoolEntry } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';
import { formatFailureReason } from '../translate/answer-summary.ts';
import type { InstanceOutcome, StowVerdict, Suspicion } from '../translate/stow-verdict.ts';
import type { OutcomeListener } from './archive-confirmation.ts';
import type { BatchSize } from './batch-size.ts';
import type { DestinationPace } from './destination-pace.ts';
import { judgeFailure } from './judge-failure.ts';
import type { FailureStep } from './judge-failure.ts';
import { halvesOf } from './lease-in-hand.ts';
import type { LeaseInHand, OpenEntry } from './lease-in-hand.ts';
import type { Suspect, Suspects } from './suspects.ts';

/** What the journey counts. */
export interface DeliveryEvents {
  objectDelivered(destination: string, bytes: number): void;
  objectSetAside(destination: string, reason: string): void;
  /** Two different contents came under one SOP Instance UID. */
  contentContradicted(destination: string): void;
  batchRetried(destination: string, reason: string): void;
  /** @param outcome - `answered`, or what came in place of an answer for each object. */
  batchTook(destination: string, seconds: number, outcome: string): void;
}

/** One batch on its way. */
export interface Delivery {
  /** Unique; names the company its objects keep when they have to be kept apart. */
  readonly id: string;
  readonly hand: LeaseInHand;
  readonly batch: readonly OpenEntry[];
  readonly log: Logger;
  readonly begun: number;
  /** The destination took what it was sent when the batch left. */
  readonly leftInHealth: boolean;
  readonly suspect: Suspect | undefined;
  readonly suspectMark: number;
  /** Whether the archive answered a question just before; asked for suspects of one object only. */
  readonly answered: boolean | undefined;
}

interface Collaborators {
  readonly pace: DestinationPace;
  readonly size: BatchSize;
  readonly suspects: Suspects;
  readonly events: DeliveryEvents;
  /** Whoever waits for what the archive says of an entry; nobody unless `STORE_ACK` is `archived`. */
  readonly outcomes: OutcomeListener | undefined;
  readonly now: () => number;
}

type Verdict<Kind extends StowVerdict['kind']> = Extract<StowVerdict, { readonly kind: Kind }>;
type Facts = Readonly<Record<string, unknown>> & { readonly bytes: number };

/** Does to a batch, and to the pace of its destination, what the archive's verdict calls for. */
export class VerdictEffects {
  readonly #pace: DestinationPace;
  readonly #size: BatchSize;
  readonly #suspects: Suspects;
  readonly #events: DeliveryEvents;
  readonly #outcomes: OutcomeListener | undefined;
  readonly #now: () => number;

  constructor({ pace, size, suspects, events, outcomes, now }: Collaborators) {
    this.#pace = pace;
    this.#size = size;
    this.#suspects = suspects;
    this.#events = events;
    this.#outcomes = outcomes;
    this.#now = now;
  }

  async apply(verdict: StowVerdict, delivery: Delivery): Promise<void> {
    const { batch } = delivery;
    const facts = {
      objects: batch.length,
      bytes: batch.reduce((sum, { entry }) => sum + entry.bytes, 0),
      durationMs: this.#now() - delivery.begun,
      ...('httpStatus' in verdict && { httpStatus: verdict.httpStatus }),
      ...associationsOf(batch.map(({ entry }) => entry)),
    };
    const { destination } = delivery.hand;
    this.#events.batchTook(destination, facts.durationMs / 1000, attemptOutcome(verdict));
    switch (verdict.kind) {
      case 'each':
        await this.#each(verdict, delivery, facts);
        return;
      case 'split':
        await this.#split(verdict, delivery, facts);
        return;
      case 'retry':
        await this.#retry(verdict, delivery, facts);
        return;
      case 'hold':
        this.#hold(verdict, delivery, facts);
        return;
    }
  }

  async #each({ outcomes }: Verdict<'each'>, delivery: Delivery, facts: Facts): Promise<void> {
    const { hand, batch, log } = delivery;
    this.#deliveryGoesOn();
    const counts = { delivered: 0, retried: 0, setAside: 0 };
    for (const { entry, source } of batch) {
      const outcome = outcomes.get(source.sopInstanceUid) ?? unnamed;
      switch (outcome.kind) {
        case 'delivered':
          this.#outcomes?.entryAnswered(entry, outcome);
          await hand.settle(entry);
          counts.delivered += 1;
          this.#events.objectDelivered(hand.destination, entry.bytes);
          if (outcome.warningReason !== undefined) {
            const warningReason = formatFailureReason(outcome.warningReason);
            log.warn({ entry: entry.id, warningReason }, 'object stored with a warning');
          }
          break;
        case 'retry':
          counts.retried += 1;
          this.#events.batchRetried(hand.destination, 'instance');
          this.#outcomes?.entryAnswered(entry, outcome);
          log.warn({ entry: entry.id }, `object not stored, tried again: ${outcome.message}`);
          this.#suspects.clear(entry);
          hand.retry(entry);
          break;
        case 'set-aside': {
          counts.setAside += 1;
          const { code = 'refused', message, failureReason, httpStatus, answer } = outcome;
          const reason = { code, message, failureReason, httpStatus, answer };
          await hand.setAside(entry, reason);
          this.#outcomes?.entryAnswered(entry, outcome);
          break;
        }
      }
    }
    if (counts.delivered > 0) {
      this.#suspects.passed();
      this.#size.passed();
    }
    const line = { ...facts, ...counts };
    if (counts.delivered === batch.length) log.info(line, 'batch delivered');
    else log.warn(line, 'batch delivered in part');
  }

  /** Refused with a reason, if not a list: the archive is well, and one half or both will pass. */
  async #split(verdict: Verdict<'split'>, delivery: Delivery, facts: Facts): Promise<void> {
    const { id, hand, batch, log } = delivery;
    const { message, httpStatus, answer } = verdict;
    this.#deliveryGoesOn();
    const [only, ...others] = batch;
    if (only !== undefined && others.length === 0) {
      await hand.setAside(only.entry, { code: 'refused', message, httpStatus, answer });
      this.#outcomes?.entryAnswered(only.entry, { kind: 'set-aside', message, httpStatus });
      return;
    }
    if (httpStatus === 413) this.#size.tooLarge(largerHalf(batch));
    log.warn(
      { ...facts, answer, batchLimits: this.#size.limits },
      `batch refused as a whole, sent again in halves: ${message}`,
    );
    this.#events.batchRetried(hand.destination, 'split');
    for (const { entry } of batch) this.#suspects.clear(entry);
    hand.retryInHalves(id, () => 0);
  }

  async #retry(verdict: Verdict<'retry'>, delivery: Delivery, facts: Facts): Promise<void> {
    const { hand, suspect, leftInHealth, log } = delivery;
    const { suspicion, message, retryAfterMs } = verdict;
    const step = suspicion === undefined ? 'retry' : this.#judge(suspicion, delivery);
    // Who is known to bring trouble makes nobody else wait for it, while the others are served.
    const isItsOwnTrouble =
      suspicion !== undefined && suspect !== undefined && leftInHealth && !retryAfterMs;
    const waitMs = isItsOwnTrouble ? 0 : this.#pace.failed(this.#now(), retryAfterMs);
    this.#troubled(delivery, message);
    if (suspicion !== undefined && step !== 'retry') {
      await this.#pursue(step, suspicion, { ...delivery, verdict });
      if (step === 'condemn') return;
    } else {
      // A little later than what else waits, so that the next question can be another batch's. Who
      // asked in vain, in an outage of days perhaps, does not wait longer for it than the others.
      const isOutage = suspicion === undefined && !leftInHealth;
      const delayMs = (): number => waitMs + this.#pace.backoffMs(1);
      hand.retryTogether(isOutage ? { delayMs } : {});
    }
    log.warn({ ...facts, waitMs, step }, `batch not delivered, ${stepWords[step]}: ${message}`);
    this.#events.batchRetried(hand.destination, 'unavailable');
  }

  #judge(suspicion: Suspicion, delivery: Delivery): FailureStep {
    const { suspect } = delivery;
    return judgeFailure({
      suspicion,
      objects: delivery.batch.length,
      leftInHealth: delivery.leftInHealth,
      besideSuspect: this.#suspects.wasBeside(delivery.suspectMark),
      isOtherTakenApart: this.#suspects.isTakingApart,
      before: suspect && this.#suspects.prior(suspect, delivery.answered),
    });
  }

  async #pursue(
    step: Exclude<FailureStep, 'retry'>,
    suspicion: Suspicion,
    delivery: Delivery & { readonly verdict: Verdict<'retry'> },
  ): Promise<void> {
    const { id, hand, batch, suspect: before, verdict } = delivery;
    const slowly = (attempt: number): number => this.#pace.slowLaneMs(attempt);
    const backoff = (attempt: number): number => this.#pace.backoffMs(attempt);
    const strikes = (before?.strikes ?? 0) + (step === 'strike' || step === 'condemn' ? 1 : 0);
    const entries = batch.map(({ entry }) => entry);
    if (step === 'halve' && before) this.#suspects.takeApart(before);
    const parts = step === 'halve' ? halvesOf(entries) : [entries];
    for (const part of parts) this.#suspects.note(part, { suspicion, before, strikes });
    switch (step) {
      case 'suspect':
        hand.retryTogether({ company: id });
        return;
      case 'halve':
        hand.retryInHalves(id, backoff);
        return;
      case 'slow-lane':
      case 'strike':
        hand.retryTogether({ delayMs: slowly });
        return;
      case 'condemn':
        for (const entry of entries) {
          await hand.setAside(entry, {
            code: 'breaks-archive',
            message: `sent by itself it failed ${strikes} times while the archive took others: ${verdict.message}`,
            httpStatus: verdict.httpStatus,
          });
        }
        return;
    }
  }

  #hold(verdict: Verdict<'hold'>, delivery: Delivery, facts: Facts): void {
    const { hand, log } = delivery;
    const waitMs = this.#pace.held(this.#now());
    this.#troubled(delivery, verdict.message);
    log.error(
      { ...facts, waitMs },
      `delivery is on hold, nothing is lost, somebody must look: ${verdict.message}`,
    );
    this.#events.batchRetried(hand.destination, 'held');
    hand.putBack();
  }

  #deliveryGoesOn(): void {
    this.#pace.succeeded(this.#now());
    this.#outcomes?.deliveryGoesOn();
  }

  /** To be called when the pace knows of it: a longer wait may have been agreed before. */
  #troubled({ batch }: Delivery, message: string): void {
    for (const { entry } of batch) {
      this.#outcomes?.entryAnswered(entry, { kind: 'retry', message });
    }
    const now = this.#now();
    this.#outcomes?.deliveryPaused({ until: now + this.#pace.waitMs(now), message });
  }
}

const mostAssociations = 8;

/** The associations the objects of a batch came by: the first few, and how many more there are. */
function associationsOf(entries: readonly SpoolEntry[]): Readonly<Record<string, unknown>> {
  const all = [...new Set(entries.flatMap(({ association }) => association ?? []))];
  const associations = all.slice(0, mostAssociations);
  const more = all.length - associations.length;
  return { associations, ...(more > 0 && { moreAssociations: more }) };
}

/** The same words as in docs/metrics.md; each of them is a label value. */
function attemptOutcome(verdict: StowVerdict): string {
  if (verdict.kind === 'each') return 'answered';
  if ('fault' in verdict) return verdict.fault;
  return verdict.httpStatus === undefined ? 'other' : `http-${verdict.httpStatus}`;
}

function largerHalf(batch: readonly OpenEntry[]): { objects: number; bytes: number } {
  const halves = halvesOf(batch);
  const bytes = halves.map((half) => half.reduce((sum, { entry }) => sum + entry.bytes, 0));
  return { objects: halves[0].length, bytes: Math.max(...bytes) };
}

/** SAFE-3: an instance the archive did not name was not stored, whatever the status said. */
const unnamed: InstanceOutcome = { kind: 'retry', message: 'the answer does not name it' };

const stepWords: Readonly<Record<FailureStep, string>> = {
  retry: 'tried again',
  suspect: 'tried again by itself',
  halve: 'tried again in halves',
  'slow-lane': 'tried again seldom',
  strike: 'tried again seldom and counted against the object',
  condemn: 'set aside',
};
