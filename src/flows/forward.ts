import type { ObjectStore } from '../archive/archive.ts';
import type { Part10Source } from '../dicom/instance.ts';
import type { Lease, LeaseLimits, SetAsideReason, Spool, SpoolEntry } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { InstanceOutcome, StowVerdict } from '../translate/stow-verdict.ts';
import { DestinationPace } from './destination-pace.ts';

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
    const held = new Set(lease.entries);
    const begun = this.#now();
    const delivery = { destination: lease.destination, held, log, begun };
    try {
      const batch = await this.#openBatch(delivery);
      if (batch.length === 0) return;
      const verdict = await this.#archive.store(
        batch.map(({ source }) => source),
        { signal: this.#aborting.signal },
      );
      await this.#apply(verdict, { ...delivery, batch });
    } catch (error) {
      if (this.#aborting.signal.aborted) return;
      log.error({ err: error }, 'batch failed inside the bridge; its objects are sent one by one');
      await this.#retryAlone([...held], delivery).catch((failure: unknown) => {
        log.error({ err: failure }, 'an object could not be set aside; it stays in the spool');
      });
    } finally {
      // Whatever nobody took care of goes back: a lease never outlives its delivery.
      for (const entry of held) this.#release(entry, held, this.#settings.retryMaxMs, true);
    }
  }

  /** Opens the files; one that cannot be read is put back without the others waiting for it. */
  async #openBatch(delivery: Delivery): Promise<OpenEntry[]> {
    const open: OpenEntry[] = [];
    for (const entry of [...delivery.held]) {
      try {
        open.push({ entry, source: await this.#spool.source(entry) });
      } catch (error) {
        delivery.log.error({ err: error, entry: entry.id }, 'spool file cannot be read');
        await this.#retryAlone([entry], delivery);
      }
    }
    return open;
  }

  /** One bad file must not keep its batch: each goes by itself, and what fails so again is set aside. */
  async #retryAlone(entries: readonly SpoolEntry[], delivery: Delivery): Promise<void> {
    for (const entry of entries) {
      const attempts = (this.#attempts.get(entry.id) ?? 0) + 1;
      if (attempts >= unreadableAttempts && entries.length === 1) {
        const reason = { code: 'unreadable', message: 'its file in the spool cannot be read' };
        await this.#setAside(entry, reason, delivery);
      } else {
        const delayMs = this.#pace.backoffMs(this.#countAttempt(entry));
        this.#release(entry, delivery.held, delayMs, true);
      }
    }
  }

  async #apply(verdict: StowVerdict, delivery: OpenDelivery): Promise<void> {
    const { batch, held, log } = delivery;
    const fields = {
      objects: batch.length,
      bytes: batch.reduce((sum, { entry }) => sum + entry.bytes, 0),
      durationMs: this.#now() - delivery.begun,
      ...('httpStatus' in verdict && { httpStatus: verdict.httpStatus }),
    };
    switch (verdict.kind) {
      case 'each': {
        this.#pace.succeeded();
        this.#events.batchTook(delivery.destination, fields.durationMs / 1000);
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
          await this.#setAside(only.entry, { code: 'refused', message, httpStatus }, delivery);
          return;
        }
        log.warn(fields, `batch refused as a whole, sent again one by one: ${message}`);
        this.#events.batchRetried('split');
        this.#countAttempts(held);
        this.#releaseAll(held, 0, true);
        return;
      }
      case 'retry': {
        const waitMs = this.#pace.failed(this.#now(), verdict.retryAfterMs);
        log.warn({ ...fields, waitMs }, `batch not delivered, tried again: ${verdict.message}`);
        this.#events.batchRetried('unavailable');
        // Together, and each time a little later, so that the next question can be another batch's.
        const attempts = this.#countAttempts(held);
        this.#releaseAll(held, this.#pace.backoffMs(attempts), false);
        return;
      }
      case 'hold': {
        const waitMs = this.#pace.held(this.#now());
        log.error(
          { ...fields, waitMs },
          `delivery is on hold, nothing is lost, somebody must look: ${verdict.message}`,
        );
        this.#events.batchRetried('held');
        this.#countAttempts(held);
        this.#releaseAll(held, 0, false);
        return;
      }
    }
  }

  async #applyEach(
    outcomes: ReadonlyMap<string, InstanceOutcome>,
    delivery: OpenDelivery,
  ): Promise<{ delivered: number; retried: number; setAside: number }> {
    const { batch, held, log } = delivery;
    const counts = { delivered: 0, retried: 0, setAside: 0 };
    for (const { entry, source } of batch) {
      const outcome = outcomes.get(source.sopInstanceUid) ?? unnamed;
      switch (outcome.kind) {
        case 'delivered':
          await this.#spool.settle(entry);
          held.delete(entry);
          this.#attempts.delete(entry.id);
          counts.delivered += 1;
          this.#events.objectDelivered(entry.destination, entry.bytes);
          break;
        case 'retry': {
          counts.retried += 1;
          this.#events.batchRetried('instance');
          log.warn({ entry: entry.id }, `object not stored, tried again: ${outcome.message}`);
          const delayMs = this.#pace.backoffMs(this.#countAttempt(entry));
          this.#release(entry, held, delayMs, false);
          break;
        }
        case 'set-aside':
          counts.setAside += 1;
          await this.#setAside(entry, { code: 'refused', ...factsOf(outcome) }, delivery);
          break;
      }
    }
    return counts;
  }

  #releaseAll(held: Set<SpoolEntry>, delayMs: number, alone: boolean): void {
    for (const entry of held) this.#release(entry, held, delayMs, alone);
  }

  #release(entry: SpoolEntry, held: Set<SpoolEntry>, delayMs: number, alone: boolean): void {
    held.delete(entry);
    this.#spool.release(entry, { notBefore: this.#now() + delayMs, alone });
  }

  #countAttempt(entry: SpoolEntry): number {
    const attempts = (this.#attempts.get(entry.id) ?? 0) + 1;
    this.#attempts.set(entry.id, attempts);
    return attempts;
  }

  /** @returns the most attempts one of them has seen. */
  #countAttempts(held: ReadonlySet<SpoolEntry>): number {
    return Math.max(...Array.from(held, (entry) => this.#countAttempt(entry)));
  }

  async #setAside(
    entry: SpoolEntry,
    reason: Omit<SetAsideReason, 'attempts'>,
    { held, log }: Delivery,
  ): Promise<void> {
    const attempts = this.#countAttempt(entry);
    await this.#spool.setAside(entry, { ...reason, attempts });
    held.delete(entry);
    this.#attempts.delete(entry.id);
    this.#events.objectSetAside(reason.code);
    log.error(
      { entry: entry.id, ...reason, attempts },
      `object set aside in failed/: ${reason.message}`,
    );
  }
}

/** SAFE-3: an instance the archive did not name was not stored, whatever the status said. */
const unnamed: InstanceOutcome = { kind: 'retry', message: 'the answer does not name it' };

/** A file may be unreadable for a moment; one that is so every time is broken. */
const unreadableAttempts = 3;

/** One lease in hand. */
interface Delivery {
  readonly destination: string;
  /** Leased entries nobody has settled, released or set aside yet. */
  readonly held: Set<SpoolEntry>;
  readonly log: Logger;
  readonly begun: number;
}

/** The same, its files open. */
interface OpenDelivery extends Delivery {
  readonly batch: readonly OpenEntry[];
}

interface OpenEntry {
  readonly entry: SpoolEntry;
  readonly source: Part10Source;
}

function factsOf(outcome: Extract<InstanceOutcome, { kind: 'set-aside' }>): {
  readonly message: string;
  readonly failureReason?: number;
  readonly httpStatus?: number;
} {
  const { message, failureReason, httpStatus } = outcome;
  return {
    message,
    ...(failureReason !== undefined && { failureReason }),
    ...(httpStatus !== undefined && { httpStatus }),
  };
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
