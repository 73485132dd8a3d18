import { backoffDelayMs } from '../translate/backoff.ts';

/**
 * When the next batch may go to a destination.
 *
 * A fault of the way or of the archive holds for every batch, so the wait belongs to the
 * destination: otherwise an outage would push the whole queue, batch by batch, against a closed door.
 */
export class DestinationPace {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  #failures = 0;
  #notBefore = 0;

  constructor(options: {
    readonly minMs: number;
    readonly maxMs: number;
    readonly random: () => number;
  }) {
    this.#minMs = options.minMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random;
  }

  /** True from a failure until the next success. */
  get isFailing(): boolean {
    return this.#failures > 0;
  }

  /** Milliseconds until the next batch may go. */
  waitMs(now: number): number {
    return Math.max(0, this.#notBefore - now);
  }

  succeeded(): void {
    this.#failures = 0;
    this.#notBefore = 0;
  }

  /** @returns the wait chosen: what the archive asked for, else the next backoff. */
  failed(now: number, retryAfterMs: number | undefined): number {
    this.#failures += 1;
    return this.#wait(now, Math.max(retryAfterMs ?? 0, this.backoffMs(this.#failures)));
  }

  /** Somebody has to change a setting: ask at the slowest pace, never quite at the same moment. */
  held(now: number): number {
    this.#failures += 1;
    return this.#wait(now, Math.max(this.#minMs, this.#maxMs * (0.5 + this.#random() / 2)));
  }

  /** Exponential backoff with full jitter for the n-th attempt, counted from 1. */
  backoffMs(attempt: number): number {
    return backoffDelayMs({
      attempt,
      minMs: this.#minMs,
      maxMs: this.#maxMs,
      random: this.#random,
    });
  }

  #wait(now: number, ms: number): number {
    this.#notBefore = Math.max(this.#notBefore, now + ms);
    return ms;
  }
}
