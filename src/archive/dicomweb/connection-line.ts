import { OriginUnavailableError } from '../../errors/origin-errors.ts';

interface ConnectionLineOptions {
  /** Served at a time. */
  readonly places: number;
  /** Wait for a place at most; the next is sent away. */
  readonly waiting: number;
  /** Nobody waits longer. */
  readonly timeoutMs: number;
}

/** After this a place is free more often than not. */
const retryAfterMs = 1000;

/** A bounded number of places, and a bounded line before them, served in order of asking. */
export class ConnectionLine {
  readonly #options: ConnectionLineOptions;
  readonly #waiting = new Set<() => void>();
  #taken = 0;

  constructor(options: ConnectionLineOptions) {
    this.#options = options;
  }

  /**
   * Waits for a place.
   *
   * @returns what gives it back; to be called once.
   * @throws {@link OriginUnavailableError} when the line is full or does not move; the signal's reason.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    if (this.#taken < this.#options.places) this.#taken += 1;
    else await this.#wait(signal);
    return () => {
      this.#leave();
    };
  }

  #leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) this.#taken -= 1;
    else next();
  }

  #wait(signal: AbortSignal): Promise<void> {
    const { waiting, timeoutMs } = this.#options;
    if (this.#waiting.size >= waiting) return Promise.reject(busy());
    return new Promise((resolve, reject) => {
      const leaveLine = (): void => {
        this.#waiting.delete(proceed);
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      };
      // The place of the one who leaves becomes ours; the count stays.
      const proceed = (): void => {
        leaveLine();
        resolve();
      };
      const onAbort = (): void => {
        leaveLine();
        reject(signal.reason as Error);
      };
      const timer = setTimeout(() => {
        leaveLine();
        reject(busy());
      }, timeoutMs);
      this.#waiting.add(proceed);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function busy(): OriginUnavailableError {
  return new OriginUnavailableError('all connections to the archive are in use', {
    // What the archive would say, had it been asked.
    status: 503,
    retryAfterMs,
  });
}
