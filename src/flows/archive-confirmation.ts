import type { SpoolEntry } from '../spool/spool.ts';
import type { InstanceOutcome } from '../translate/stow-verdict.ts';

/** Whoever wants to know what the archive said of an entry; told once for each attempt. */
export interface OutcomeListener {
  entryAnswered(entry: SpoolEntry, outcome: InstanceOutcome): void;
  /** Nothing is sent there before this time; milliseconds since the epoch. */
  deliveryPaused(pause: { readonly until: number; readonly message: string }): void;
  /** The archive takes objects again. */
  deliveryGoesOn(): void;
}

/** A C-STORE that will wait for the archive. */
export interface Confirmation {
  /**
   * Waits for what the archive says of this entry, for as long as `ARCHIVE_ACK_TIMEOUT` allows.
   *
   * @param gone - aborts when nobody is left to answer.
   * @returns `undefined` when `gone` aborted.
   */
  of(entry: SpoolEntry, gone: AbortSignal): Promise<InstanceOutcome | undefined>;
  /** No entry came of it. */
  cancel(): void;
}

/** One C-STORE that waits. */
interface Waiter {
  /** `undefined` while its entry is being made durable. */
  entryId: string | undefined;
  /** What was said meanwhile: the forwarder may be quicker than the news that the entry is there. */
  readonly early: Map<string, InstanceOutcome>;
  deadline: number;
  answer: (outcome: InstanceOutcome | undefined) => void;
}

/**
 * Joins the two journeys where `STORE_ACK` is `archived`: an object that came in waits here for what
 * the forwarder hears of it.
 *
 * Holds nothing but those who wait, one an association at most; a restart forgets them, and the
 * objects, which lie in the spool, are delivered all the same.
 */
export class ArchiveConfirmations implements OutcomeListener {
  readonly #timeoutMs: number;
  readonly #now: () => number;
  readonly #waiters = new Set<Waiter>();
  #pause: { readonly until: number; readonly message: string } | undefined;

  constructor({ timeoutMs, now }: { readonly timeoutMs: number; readonly now: () => number }) {
    this.#timeoutMs = timeoutMs;
    this.#now = now;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** To be called before the object is committed: from then on it may be on its way. */
  expect(): Confirmation {
    const waiter: Waiter = {
      entryId: undefined,
      early: new Map(),
      deadline: Infinity,
      answer: () => undefined,
    };
    this.#waiters.add(waiter);
    return {
      of: (entry, gone) => this.#wait(waiter, entry, gone),
      cancel: () => this.#waiters.delete(waiter),
    };
  }

  entryAnswered(entry: SpoolEntry, outcome: InstanceOutcome): void {
    for (const waiter of this.#waiters) {
      if (waiter.entryId === undefined) waiter.early.set(entry.id, outcome);
      else if (waiter.entryId === entry.id) waiter.answer(outcome);
    }
  }

  deliveryPaused(pause: { readonly until: number; readonly message: string }): void {
    this.#pause = pause;
    for (const waiter of this.#waiters) this.#giveUpBefore(waiter);
  }

  deliveryGoesOn(): void {
    this.#pause = undefined;
  }

  #wait(
    waiter: Waiter,
    { id }: SpoolEntry,
    gone: AbortSignal,
  ): Promise<InstanceOutcome | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => waiter.answer(tooLate), this.#timeoutMs);
      const leave = (): void => waiter.answer(undefined);
      waiter.entryId = id;
      waiter.deadline = this.#now() + this.#timeoutMs;
      waiter.answer = (outcome) => {
        clearTimeout(timer);
        gone.removeEventListener('abort', leave);
        this.#waiters.delete(waiter);
        resolve(outcome);
      };
      const early = waiter.early.get(id);
      waiter.early.clear();
      if (early) waiter.answer(early);
      else if (gone.aborted) leave();
      else {
        gone.addEventListener('abort', leave, { once: true });
        this.#giveUpBefore(waiter);
      }
    });
  }

  /** Whoever would wait in vain is told at once. */
  #giveUpBefore(waiter: Waiter): void {
    if (this.#pause === undefined || this.#pause.until < waiter.deadline) return;
    waiter.answer({ kind: 'retry', message: this.#pause.message });
  }
}

const tooLate: InstanceOutcome = {
  kind: 'retry',
  message: 'the archive has not confirmed it in time; it is kept and sent on',
};
