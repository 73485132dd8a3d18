import { setMaxListeners } from 'node:events';
import type { ObjectStore } from '../archive/archive.ts';
import type { Lease, LeaseLimits, Spool } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';
import { newTraceId } from '../telemetry/trace-context.ts';
import type { InstanceOutcome, StowVerdict } from '../translate/stow-verdict.ts';
import type { OutcomeListener } from './archive-confirmation.ts';
import { BatchSize } from './batch-size.ts';
import { DestinationPace } from './destination-pace.ts';
import type { BreakerChange, BreakerState } from './destination-pace.ts';
import { LeaseInHand } from './lease-in-hand.ts';
import type { OpenEntry } from './lease-in-hand.ts';
import { Suspects } from './suspects.ts';
import type { Suspect } from './suspects.ts';
import { VerdictEffects } from './verdict-effects.ts';
import type { DeliveryEvents } from './verdict-effects.ts';

/** How hard the forwarder tries. */
export interface ForwardSettings {
  readonly batch: LeaseLimits;
  readonly concurrency: number;
  readonly retryMinMs: number;
  readonly retryMaxMs: number;
}

/** What the journey counts. */
export interface ForwardEvents extends DeliveryEvents {
  breakerChanged(state: BreakerState): void;
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
  readonly #size: BatchSize;
  readonly #suspects = new Suspects();
  readonly #effects: VerdictEffects;
  readonly #events: ForwardEvents;
  readonly #outcomes: OutcomeListener | undefined;
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
    readonly outcomes?: OutcomeListener | undefined;
    readonly log: Logger;
    readonly now: () => number;
    readonly random: () => number;
    readonly newId: () => string;
  }) {
    this.#spool = collaborators.spool;
    this.#archive = collaborators.archive;
    this.#settings = collaborators.settings;
    this.#events = collaborators.events;
    this.#outcomes = collaborators.outcomes;
    this.#log = collaborators.log;
    this.#now = collaborators.now;
    this.#newId = collaborators.newId;
    // Each upload listens to it, and there may be as many as the configuration says.
    setMaxListeners(0, this.#aborting.signal);
    const { retryMinMs, retryMaxMs } = collaborators.settings;
    this.#pace = new DestinationPace({
      minMs: retryMinMs,
      maxMs: retryMaxMs,
      random: collaborators.random,
      changed: (change) => this.#breakerChanged(change),
    });
    this.#size = new BatchSize(collaborators.settings.batch);
    this.#effects = new VerdictEffects({
      pace: this.#pace,
      size: this.#size,
      suspects: this.#suspects,
      events: collaborators.events,
      outcomes: collaborators.outcomes,
      now: collaborators.now,
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
    const { concurrency } = this.#settings;
    while (!signal.aborted) {
      const waitMs = this.#pace.waitMs(this.#now());
      // While the destination is failing, one batch at a time asks whether it is back.
      const slots = this.#pace.state === 'closed' ? concurrency : 1;
      if (this.#inFlight.size >= slots) {
        await Promise.race(this.#inFlight);
        continue;
      }
      if (waitMs > 0) {
        await pause(waitMs, signal);
        continue;
      }
      const lease = this.#spool.lease({ ...this.#size.limits, requests: concurrency });
      if (lease === undefined) {
        await this.#somethingChanges(signal);
        continue;
      }
      const suspect = this.#suspects.of(lease.entries);
      if (suspect === undefined) void this.#send(lease);
      else await this.#sendSuspect(lease, suspect);
    }
  }

  #send(lease: Lease, suspect?: Suspect): Promise<void> {
    const delivery = this.#deliver(lease, suspect).finally(() => this.#inFlight.delete(delivery));
    this.#inFlight.add(delivery);
    return delivery;
  }

  /**
   * One suspect at a time, and a single object all by itself: it may be condemned for what happens
   * now, so nothing else may be the cause, and nothing else is to be taken down with it once more.
   */
  async #sendSuspect(lease: Lease, suspect: Suspect): Promise<void> {
    if (this.#suspects.isOneUnderWay) {
      const notBefore = this.#now() + this.#settings.retryMinMs;
      for (const entry of lease.entries) this.#spool.release(entry, { notBefore });
      return;
    }
    if (lease.entries.length > 1 || suspect.suspicion === 'silent') {
      void this.#send(lease, suspect);
      return;
    }
    await Promise.all(this.#inFlight);
    // Stopped meanwhile: what is leased lies on disk and is found again.
    if (!this.#stopping.signal.aborted) await this.#send(lease, suspect);
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

  async #deliver(lease: Lease, suspect: Suspect | undefined): Promise<void> {
    const id = this.#newId();
    const trace = newTraceId();
    const log = this.#log.child({ batch: id, destination: lease.destination, trace });
    const hand = this.#take(lease, log);
    const begun = this.#now();
    const leftInHealth = this.#pace.state === 'closed';
    const suspectMark = this.#suspects.mark;
    this.#pace.sending(begun);
    if (suspect) this.#suspects.begin();
    try {
      const batch = await hand.open();
      if (batch.length < lease.entries.length) this.#tellOwnTrouble(lease, batch);
      if (batch.length === 0) return;
      const answered = await this.#isThere(batch, suspect, trace);
      const verdict = answered === false ? notThere : await this.#store(batch, trace);
      const facts = { begun, leftInHealth, suspect, suspectMark, answered };
      await this.#effects.apply(verdict, { id, hand, batch, log, ...facts });
    } catch (error) {
      if (this.#aborting.signal.aborted) return;
      this.#tellOwnTrouble(lease, []);
      log.error({ err: error }, 'batch failed inside the bridge; its objects are sent one by one');
      await hand.sendOneByOne().catch((failure: unknown) => {
        log.error({ err: failure }, 'an object could not be set aside; it stays in the spool');
      });
    } finally {
      if (suspect) this.#suspects.end();
      hand.giveBack(this.#settings.retryMaxMs);
    }
  }

  #take(lease: Lease, log: Logger): LeaseInHand {
    return new LeaseInHand(lease, {
      spool: this.#spool,
      attempts: this.#attempts,
      backoffMs: (attempt) => this.#pace.backoffMs(attempt),
      now: this.#now,
      log,
      objectSetAside: (destination, reason) => this.#events.objectSetAside(destination, reason),
      contentContradicted: (destination) => this.#events.contentContradicted(destination),
      entryLeft: (entry) => this.#suspects.clear(entry),
    });
  }

  /** What nobody asked the archive about will not be confirmed soon. */
  #tellOwnTrouble({ entries }: Lease, asked: readonly OpenEntry[]): void {
    const open = new Set(asked.map(({ entry }) => entry));
    for (const entry of entries) {
      if (!open.has(entry)) this.#outcomes?.entryAnswered(entry, ownTrouble);
    }
  }

  #store(batch: readonly OpenEntry[], trace: string): Promise<StowVerdict> {
    const { signal } = this.#aborting;
    return this.#archive.store(
      batch.map(({ source }) => source),
      { signal, trace, urgent: batch.every(({ entry }) => entry.urgent) },
    );
  }

  /** Asked before a single suspect: what it fails at counts against it only if the archive is there. */
  async #isThere(
    batch: readonly OpenEntry[],
    suspect: Suspect | undefined,
    trace: string,
  ): Promise<boolean | undefined> {
    if (batch.length > 1 || suspect?.suspicion !== 'broke') return undefined;
    return this.#archive.answers?.({ signal: this.#aborting.signal, trace });
  }

  #breakerChanged({ from, to, openMs }: BreakerChange): void {
    const fields = { from, to, openMs };
    if (to === 'closed') this.#log.info(fields, 'delivery goes on');
    else if (from === 'closed') this.#log.warn(fields, 'delivery is interrupted');
    else this.#log.debug(fields, 'delivery is still interrupted');
    this.#events.breakerChanged(to);
  }
}

const ownTrouble: InstanceOutcome = {
  kind: 'retry',
  message: 'it could not be read from the spool; it is kept',
};

/** Sending a suspect to an archive that is not there would prove nothing. */
const notThere: StowVerdict = {
  kind: 'retry',
  message: 'the archive does not answer a search either',
  fault: 'not-there',
};

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
