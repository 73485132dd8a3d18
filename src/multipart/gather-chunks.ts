/** What is shorter is copied together with its neighbours. */
const shortBytes = 16 * 1024;
/** Length of what is gathered. */
const gatheredBytes = 64 * 1024;
/** Nothing longer is handed on at once. */
const longestBytes = 256 * 1024;

/**
 * Evens out chunks: short ones are joined, so that a header or a small object does not become a packet
 * of its own; very long ones are cut.
 *
 * Joined chunks lie in buffers of their own that nobody writes again; others are handed on as they are.
 */
export async function* gatherChunks(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let gathered: Buffer | undefined;
  let filled = 0;
  for await (const chunk of chunks) {
    if (gathered && (chunk.length > shortBytes || filled + chunk.length > gatheredBytes)) {
      yield gathered.subarray(0, filled);
      gathered = undefined;
    }
    if (chunk.length > shortBytes) {
      for (let from = 0; from < chunk.length; from += longestBytes) {
        yield chunk.subarray(from, from + longestBytes);
      }
    } else {
      if (!gathered) {
        gathered = Buffer.allocUnsafeSlow(gatheredBytes);
        filled = 0;
      }
      filled += chunk.copy(gathered, filled);
    }
  }
  if (gathered) yield gathered.subarray(0, filled);
}
