import { Buffer } from 'node:buffer';
import type { Dispatcher } from 'undici';

/** Nothing an authorization server says to us, but keys with their certificates, comes near it. */
const maxAnswerBytes = 65_536;

/** The body as text; `undefined`, and the connection given up, when it exceeds what we read. */
export async function readText(
  body: Dispatcher.ResponseData['body'],
  maxBytes = maxAnswerBytes,
): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** A JSON object, or `undefined` for whatever else a text may be. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
