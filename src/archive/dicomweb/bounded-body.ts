import { Buffer } from 'node:buffer';

/**
 * Reads an answer's body as UTF-8 text.
 *
 * @returns `undefined` when it exceeds `maxBytes`, breaks off or stalls: the status that came before
 *   may still mean something, half a body does not.
 */
export async function readBounded(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.length;
      // Leaving the loop closes the stream and, with it, a connection that has more to say.
      if (bytes > maxBytes) return undefined;
      chunks.push(chunk);
    }
  } catch {
    return undefined;
  }
  return Buffer.concat(chunks).toString('utf8');
}
