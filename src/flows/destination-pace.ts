import { backoffBoundMs, backoffDelayMs } from '../translate/backoff.ts';

/**
 * How a destination stands: `closed` as long as it takes what it is sent, `open` while nothing goes
 * there, `half-open` while one batch asks whether it is back, `held` while it refuses the bridge.
 */
export type BreakerState = 'closed' | 'open' | 'half-open' | 'held';

/** A change of state, for whoever logs and counts it. */
export interface BreakerChange {
  readonly from: BreakerState;
  readonly to: BreakerState;
  /** Milliseconds since it was last closed. */
  readonly openMs: number;
}

/**
 * The circuit breaker of a destination: when the next batch may go there.
 *
 * A fault of the way or of the archive holds for every batch, so the wait belongs to the
 * destination: otherwise an outage would push the whole queue, batch by batch, against a closed door.
 */
export class DestinationPace {
  readonly #minMs: number;
  readonly #maxMs: number;
  readonly #random: () => number;
  readonly #changed: (change: BreakerChange) => void;
  #state: BreakerState = 'closed';
  #lastClosedAt = 0;
  #failures = 0;
  #notBefore = 0;

  constructor(options: {
    readonly minMs: number;
    readonly maxMs: number;
    readonly random: () => number;
    readonly changed: (change: BreakerChange) => void;
  }) {
    this.#minMs = options.minMs;
    this.#maxMs = options.maxMs;
    this.#random = options.random;
    this.#changed = options.changed;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Milliseconds until the next batch may go. */
  waitMs(now: number): number {
    return Math.max(0, this.#notBefore - now);
  }

  /** A batch leaves; while the destination was failing, it is the one that asks. */
  sending(now: number): void {
    if (this.#state !== 'closed') this.#become('half-open', now);
  }

  succeeded(now: number): void {
    this.#failures = 0;
    this.#notBefore = 0;
    this.#become('closed', now);
  }

  /** @returns the wait chosen: what the archive asked for, else the next backoff. */
  failed(now: number, retryAfterMs: number | undefined): number {
    // What was under way beside the first to fail tells nothing new: one interruption is one failure.
    if (this.#state !== 'open') this.#failures += 1;
    this.#become('open', now);
    return this.#wait(now, Math.max(retryAfterMs ?? 0, this.backoffMs(this.#failures)));
  }

  /** Somebody has to change a setting: ask at the slowest pace, never quite at the same moment. */
  held(now: number): number {
    this.#failures += 1;
    this.#become('held', now);
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

  /** The slow lane: some steps further up the backoff, and never less than half of it. */
  slowLaneMs(attempt: number): number {
    const bound = { attempt: attempt + slowLaneSteps, minMs: this.#minMs, maxMs: this.#maxMs };
    return Math.floor(backoffBoundMs(bound) * (0.5 + this.#random() / 2));
  }

  #wait(now: number, ms: number): number {
    this.#notBefore = Math.max(this.#notBefore, now + ms);
    return ms;
  }

  #become(to: BreakerState, now: number): void {
    const from = this.#state;
    if (from === to) return;
    if (from === 'closed') this.#lastClosedAt = now;
    this.#state = to;
    this.#changed({ from, to, openMs: Math.max(0, now - this.#lastClosedAt) });
  }
}

/** With a backoff from one second, the slow lane begins at 4 to 8. */
const slowLaneSteps = 3;
