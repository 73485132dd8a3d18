import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemDocument } from '../problem.ts';
import type { Problem } from '../problem.ts';
import { commonHeaders } from './answer-head.ts';

/** A client that still sends is listened to this long after it was refused. */
const lingerMs = 1_000;

/**
 * Answers with a problem document, also while the request still comes in: its rest is not wanted, so
 * the connection ends. Not at once: a connection that is closed over unread data is reset, and the
 * reset overtakes the answer (RFC 9112 §9.6).
 *
 * @param more - headers of the answer beside those of the problem.
 * @returns the length of the body that went out.
 */
export function sendProblem(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  problem: Problem,
  more: Readonly<Record<string, string>>,
): number {
  const { headers, text } = problemDocument(problem);
  const body = Buffer.from(text);
  const isSending = isStillSending(incoming);
  outgoing.writeHead(problem.status, {
    ...commonHeaders,
    ...more,
    ...headers,
    'content-length': String(body.length),
    ...(isSending && { connection: 'close' }),
  });
  const isHead = incoming.method === 'HEAD';
  if (!isSending) {
    outgoing.end(isHead ? undefined : body);
    return isHead ? 0 : body.length;
  }
  outgoing.write(body);
  const leave = (): void => {
    clearTimeout(timer);
    outgoing.end();
  };
  const timer = setTimeout(leave, lingerMs);
  incoming.once('end', leave).once('close', leave).resume();
  return body.length;
}

/** Says whether a request announced a body (RFC 9112 §6.3) that has not come in whole. */
export function isStillSending({ headers, complete }: IncomingMessage): boolean {
  const hasBody =
    headers['transfer-encoding'] !== undefined || Number(headers['content-length']) > 0;
  return hasBody && !complete;
}
