/** An attempt at an association, in either role. */
export interface Attempt<Outcome> {
  readonly outcome: Promise<Outcome>;
  start(): void;
  /** Gives it up; does nothing once there is an outcome. */
  stop(): void;
}

/** Starts an attempt and waits for its outcome. The signal ends no more than the attempt. */
export async function outcomeOf<Outcome>(
  attempt: Attempt<Outcome>,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  const stop = (): void => attempt.stop();
  signal?.addEventListener('abort', stop, { once: true });
  try {
    attempt.start();
    if (signal?.aborted === true) stop();
    return await attempt.outcome;
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}
