const unitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Longest duration taken: what Node's timers hold (2³¹−1 ms, about 24 days). Longer ones fire at once. */
export const maxDurationMs = 2 ** 31 - 1;

/**
 * Parses `500ms`, `30s`, `1.5m`, `1h`. A number without unit is refused: nobody remembers which it was;
 * but `0` is the same in each.
 *
 * @returns whole milliseconds, or `undefined` when the text is no duration or longer than
 *   {@link maxDurationMs}.
 */
export function parseDuration(text: string): number | undefined {
  if (text === '0') return 0;
  const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)$/.exec(text) ?? [];
  if (amount === undefined || unit === undefined) return undefined;
  const milliseconds = Math.round(Number(amount) * unitsMs[unit as keyof typeof unitsMs]);
  return milliseconds <= maxDurationMs ? milliseconds : undefined;
}

/** Writes whole milliseconds in the largest unit that leaves no fraction. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds === 0) return '0s';
  for (const unit of ['h', 'm', 's'] as const) {
    if (milliseconds % unitsMs[unit] === 0) return `${milliseconds / unitsMs[unit]}${unit}`;
  }
  return `${milliseconds}ms`;
}
