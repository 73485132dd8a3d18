/**
 * A body that reads its source only as fast as the client takes it.
 *
 * @param release - called once when all was read, reading failed or the client went away.
 */
export function streamOf(
  chunks: AsyncIterable<Buffer>,
  release: () => void,
): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      pull: async (controller) => {
        try {
          const next = await iterator.next();
          // A copy: the source lends a chunk until the next one is asked for, the socket holds it longer.
          if (next.done !== true) {
            controller.enqueue(Uint8Array.from(next.value));
            return;
          }
        } catch (error) {
          release();
          throw error;
        }
        release();
        controller.close();
      },
      cancel: async () => {
        // A source that was never begun does not notice its end.
        release();
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}
