/** Long waits are cut, so that a clock that was set does not leave a caller asleep. */
const longestSleepMs = 60_000;

/** Wakes those who wait for the queue, at the right time and not for each arrival. */
export class DueSignal {
  readonly #now: () => number;
  readonly #nextDueAt: () => number | undefined;
  readonly #waiters = new Set<() => void>();
  #timer: NodeJS.Timeout | undefined;
  #timerAt = Infinity;

  constructor({
    now,
    nextDueAt,
  }: {
    readonly now: () => number;
    /** When there may be something; `undefined` when only a change can bring it. */
    readonly nextDueAt: () => number | undefined;
  }) {
    this.#now = now;
    this.#nextDueAt = nextDueAt;
  }

  /** Resolves when something is due, or the signal aborts. */
  wait(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        signal.removeEventListener('abort', wake);
        if (this.#waiters.size === 0) this.#disarm();
        resolve();
      };
      if (signal.aborted) {
        resolve();
        return;
      }
      signal.addEventListener('abort', wake, { once: true });
      this.#waiters.add(wake);
      this.notify();
    });
  }

  /** Something may have changed. Cheap: called for each arrival. */
  notify(): void {
    if (this.#waiters.size === 0) return;
    const now = this.#now();
    const dueAt = this.#nextDueAt();
    if (dueAt !== undefined && dueAt <= now) {
      for (const wake of [...this.#waiters]) wake();
      return;
    }
    const wakeAt = Math.min(dueAt ?? Infinity, now + longestSleepMs);
    // A timer that fires early looks again; only one that would fire late has to be set anew.
    if (this.#timer !== undefined && this.#timerAt <= wakeAt) return;
    this.#disarm();
    this.#timerAt = wakeAt;
    this.#timer = setTimeout(
      () => {
        this.#disarm();
        this.notify();
      },
      Math.ceil(wakeAt - now),
    );
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#timerAt = Infinity;
  }
}
