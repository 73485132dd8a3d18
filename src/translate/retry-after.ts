/** Longer than this nobody may make us wait. */
const longestWaitMs = 60 * 60 * 1000;

const httpDate = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)/;

/**
 * Reads a Retry-After header (RFC 9110 §10.2.3): seconds, or one of the three HTTP dates.
 *
 * @param header - the field's value as received; peers send anything.
 * @param nowMs - milliseconds since the epoch, for the dates.
 * @returns milliseconds to wait, 0 to one hour; `undefined` when the value says nothing, so that the
 *   usual backoff applies.
 */
export function readRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return clamp(Number(text) * 1000);
  // Date.parse alone takes far too much for a date: "-1" is the year 2001 to it.
  if (!httpDate.test(text)) return undefined;
  // The asctime form carries no zone, yet means GMT (RFC 9110 §5.6.7).
  const date = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(date) ? undefined : clamp(date - nowMs);
}

function clamp(waitMs: number): number {
  return Math.min(longestWaitMs, Math.max(0, waitMs));
}
