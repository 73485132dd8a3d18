import { randomBytes } from 'node:crypto';

/**
 * A new trace-id of the W3C Trace Context: 32 hexadecimal digits. What carries it belongs together,
 * in our log and in the archive's.
 *
 * @see https://www.w3.org/TR/trace-context/#trace-id
 */
export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

/**
 * The `traceparent` header of one request: version 00, the trace, a span of its own, and the flag
 * that says it was recorded (our log line is the record).
 *
 * @param trace - as {@link newTraceId} makes it; without one the request is a trace by itself.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceparent(trace: string = newTraceId()): string {
  return `00-${trace}-${randomBytes(8).toString('hex')}-01`;
}
