import { randomFillSync } from 'node:crypto';

/** Random bytes in store: to fetch a few takes as long as to fetch many. */
const store = Buffer.alloc(4096);
let used = store.length;

function randomHex(bytes: number): string {
  if (used + bytes > store.length) {
    randomFillSync(store);
    used = 0;
  }
  used += bytes;
  return store.toString('hex', used - bytes, used);
}

/**
 * A new trace-id of the W3C Trace Context: 32 hexadecimal digits. What carries it belongs together,
 * in our log and in the archive's.
 *
 * @see https://www.w3.org/TR/trace-context/#trace-id
 */
export function newTraceId(): string {
  return randomHex(16);
}

/**
 * The `traceparent` header of one request: version 00, the trace, a span of its own, and the flag
 * that says it was recorded (our log line is the record).
 *
 * @param trace - as {@link newTraceId} makes it; without one the request is a trace by itself.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceparent(trace: string = newTraceId()): string {
  return `00-${trace}-${randomHex(8)}-01`;
}
