import type { ResponseHead, ResponseSink } from '../../translate/response-sink.ts';

/** Where an answer goes, and until when. */
export interface AnswerTarget {
  readonly sink: ResponseSink;
  readonly signal: AbortSignal;
}

/**
 * Sends an answer as fast as the client takes it. It begins when its first chunk is there, so that
 * what goes wrong before can still be told.
 *
 * @param chunks - buffers that nobody changes any more.
 * @throws what reading the chunks throws, and the signal's reason.
 */
export async function sendAnswer(
  head: ResponseHead,
  chunks: AsyncIterable<Buffer>,
  { sink, signal }: AnswerTarget,
): Promise<void> {
  let hasBegun = false;
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    if (!hasBegun) sink.begin(head);
    hasBegun = true;
    if (!sink.write(chunk)) await roomIn(sink, signal);
  }
  if (!hasBegun) sink.begin(head);
  sink.end();
}

/** A client that has gone never makes room; then it is the signal that ends the wait. */
function roomIn(sink: ResponseSink, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', giveUp, { once: true });
    if (signal.aborted) giveUp();
    sink.drained(() => {
      signal.removeEventListener('abort', giveUp);
      resolve();
    });
  });
}
