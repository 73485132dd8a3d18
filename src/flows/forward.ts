import type { ObjectStore } from '../archive/archive.ts';
import type { Lease, LeaseLimits, Spool } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { InstanceOutcome, StowVerdict } from '../translate/stow-verdict.ts';
import { DestinationPace } from './destination-pace.ts';
import { LeaseInHand } from './lease-in-hand.ts';
import type { OpenEntry } from './lease-in-hand.ts';

/** How hard the forwarder tries. */
export interface ForwardSettings {
  readonly batch: LeaseLimits;
  readonly concurrency: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

/** What the journey counts. */
export interface ForwardEvents {
  objectDelivered(destination: string, bytes: number): void;
  objectSetAside(reason: string): void;
  batchRetried(reason: string): void;
  batchTook(destination: string, seconds: number): void;
}

/**
 * Spool entry → STOW-RS → settle, retry or set aside.
 *
 * Takes batches from the spool as they fall due, at most `concurrency` at a time, and does to each
 * entry what the archive's verdict says. An entry leaves the spool only when the archive named its
 * own SOP Instance UID; whatever else happens, it stays and is tried again, for ever.
 */
export class Forwarder {
  readonly #spool: Spool;
  readonly #archive: ObjectStore;
  readonly #settings: ForwardSettings;
  readonly #pace: DestinationPace;
  readonly #events: ForwardEvents;
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #newId: () => string;
  readonly #inFlight = new Set<Promise<void>>();
  /** Attempts of entries that failed before; an entry that passes at once never stands here. */
  readonly #attempts = new Map<string, number>();
  readonly #stopping = new AbortController();
  readonly #aborting = new AbortController();
  #running: Promise<void> | undefined;

  constructor(collaborators: {
    readonly spool: Spool;
    readonly archive: ObjectStore;
    readonly settings: ForwardSettings;
    readonly events: ForwardEvents;
    readonly log: Logger;
    readonly now: () => number;
    readonly random: () => number;
    readonly newId: () => string;
  }) {
    this.#spool = collaborators.spool;
    this.#archive = collaborators.archive;
    this.#settings = collaborators.settings;
    this.#events = collaborators.events;
    this.#log = collaborators.log;
    this.#now = collaborators.now;
    this.#newId = collaborators.newId;
    const { retryMinMs, retryMaxMs } = collaborators.settings;
    this.#pace = new DestinationPace({
      minMs: retryMinMs,
      maxMs: retryMaxMs,
      random: collaborators.random,
    });
  }

  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Takes no more batches, lets those in flight finish until `deadline` aborts, then breaks them
   * off; their entries stay in the spool.
   */
  async stop(deadline: AbortSignal): Promise<void> {
    this.#stopping.abort();
    const abort = (): void => this.#aborting.abort(new Error('shutting down'));
    if (deadline.aborted) abort();
    else deadline.addEventListener('abort', abort, { once: true });
    await this.#running;
    await Promise.all(this.#inFlight);
    deadline.removeEventListener('abort', abort);
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const waitMs = this.#pace.waitMs(this.#now());
      // While the destination is failing, one batch at a time asks whether it is back.
      const slots = this.#pace.isFailing ? 1 : this.#settings.concurrency;
      if (this.#inFlight.size >= slots) {
        await Promise.race(this.#inFlight);
        continue;
      }
      if (waitMs > 0) {
        await pause(waitMs, signal);
        continue;
      }
      const lease = this.#spool.lease(this.#settings.batch);
      if (lease === undefined) {
        await this.#somethingChanges(signal);
        continue;
      }
      const delivery = this.#deliver(lease).finally(() => this.#inFlight.delete(delivery));
      this.#inFlight.add(delivery);
    }
  }

  async #somethingChanges(signal: AbortSignal): Promise<void> {
    const changed = new AbortController();
    try {
      await Promise.race([
        this.#spool.whenDue({ signal: AbortSignal.any([signal, changed.signal]) }),
        ...this.#inFlight,
      ]);
    } finally {
      changed.abort();
    }
  }

  async #deliver(lease: Lease): Promise<void> {
    const log = this.#log.child({ batch: this.#newId(), destination: lease.destination });
    const hand = new LeaseInHand(lease, {
      spool: this.#spool,
      attempts: this.#attempts,
      backoffMs: (attempt) => this.#pace.backoffMs(attempt),
      now: this.#now,
      log,
      objectSetAside: (reason) => this.#events.objectSetAside(reason),
    });
    const begun = this.#now();
    try {
      const batch = await hand.open();
      if (batch.length === 0) return;
      const verdict = await this.#archive.store(
        batch.map(({ source }) => source),
        { signal: this.#aborting.signal },
      );
      await this.#apply(verdict, { hand, batch, log, begun });
    } catch (error) {
      if (this.#aborting.signal.aborted) return;
      log.error({ err: error }, 'batch failed inside the bridge; its objects are sent one by one');
      await hand.sendOneByOne().catch((failure: unknown) => {
        log.error({ err: failure }, 'an object could not be set aside; it stays in the spool');
      });
    } finally {
      hand.giveBack(this.#settings.retryMaxMs);
    }
  }

  async #apply(verdict: StowVerdict, delivery: Delivery): Promise<void> {
    const { hand, batch, log } = delivery;
    const fields = {
      objects: batch.length,
      bytes: batch.reduce((sum, { entry }) => sum + entry.bytes, 0),
      durationMs: this.#now() - delivery.begun,
      ...('httpStatus' in verdict && { httpStatus: verdict.httpStatus }),
    };
    switch (verdict.kind) {
      case 'each': {
        this.#pace.succeeded();
        this.#events.batchTook(hand.destination, fields.durationMs / 1000);
        const counts = await this.#applyEach(verdict.outcomes, delivery);
        const line = { ...fields, ...counts };
        if (counts.delivered === batch.length) log.info(line, 'batch delivered');
        else log.warn(line, 'batch delivered in part');
        return;
      }
      case 'split': {
        this.#pace.succeeded();
        const { message, httpStatus } = verdict;
        const [only, ...others] = batch;
        if (only !== undefined && others.length === 0) {
          await hand.setAside(only.entry, { code: 'refused', message, httpStatus });
          return;
        }
        log.warn(fields, `batch refused as a whole, sent again one by one: ${message}`);
        this.#events.batchRetried('split');
        hand.putBack({ alone: true });
        return;
      }
      case 'retry': {
        const waitMs = this.#pace.failed(this.#now(), verdict.retryAfterMs);
        log.warn({ ...fields, waitMs }, `batch not delivered, tried again: ${verdict.message}`);
        this.#events.batchRetried('unavailable');
        // A little later than what else waits, so that the next question can be another batch's.
        hand.retryTogether();
        return;
      }
      case 'hold': {
        const waitMs = this.#pace.held(this.#now());
        log.error(
          { ...fields, waitMs },
          `delivery is on hold, nothing is lost, somebody must look: ${verdict.message}`,
        );
        this.#events.batchRetried('held');
        hand.putBack({ alone: false });
        return;
      }
    }
  }

  async #applyEach(
    outcomes: ReadonlyMap<string, InstanceOutcome>,
    { hand, batch, log }: Delivery,
  ): Promise<{ delivered: number; retried: number; setAside: number }> {
    const counts = { delivered: 0, retried: 0, setAside: 0 };
    for (const { entry, source } of batch) {
      const outcome = outcomes.get(source.sopInstanceUid) ?? unnamed;
      switch (outcome.kind) {
        case 'delivered':
          await hand.settle(entry);
          counts.delivered += 1;
          this.#events.objectDelivered(hand.destination, entry.bytes);
          break;
        case 'retry':
          counts.retried += 1;
          this.#events.batchRetried('instance');
          log.warn({ entry: entry.id }, `object not stored, tried again: ${outcome.message}`);
          hand.retry(entry);
          break;
        case 'set-aside': {
          counts.setAside += 1;
          const { message, failureReason, httpStatus } = outcome;
          await hand.setAside(entry, { code: 'refused', message, failureReason, httpStatus });
          break;
        }
      }
    }
    return counts;
  }
}

/** SAFE-3: an instance the archive did not name was not stored, whatever the status said. */
const unnamed: InstanceOutcome = { kind: 'retry', message: 'the answer does not name it' };

/** One batch on its way. */
interface Delivery {
  readonly hand: LeaseInHand;
  readonly batch: readonly OpenEntry[];
  readonly log: Logger;
  readonly begun: number;
}

/** Waits, or until the signal aborts; never rejects. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
