/** How long to wait before trying again. */
export interface BackoffOptions {
  /** How often it failed in a row: 1 after the first failure. */
  readonly attempt: number;
  /** Upper bound of the first wait. */
  readonly minMs: number;
  /** Upper bound of every wait. */
  readonly maxMs: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/**
 * Exponential backoff with full jitter: anywhere between nothing and a bound that doubles with each
 * failure. The jitter keeps many bridges from coming back to a restarted archive in one moment.
 */
export function backoffDelayMs(options: BackoffOptions): number {
  return Math.floor(options.random() * backoffBoundMs(options));
}

/** The bound alone: never shrinks with the attempts, and never exceeds `maxMs`. */
export function backoffBoundMs({
  attempt,
  minMs,
  maxMs,
}: Pick<BackoffOptions, 'attempt' | 'minMs' | 'maxMs'>): number {
  return Math.min(maxMs, minMs * 2 ** Math.max(0, attempt - 1));
}
