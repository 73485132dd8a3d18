import { request } from 'node:http';
import { parseMediaType } from '../../../src/multipart/media-type.ts';
import { parseMultipartRelated } from '../../../src/multipart/parser.ts';
import { inChunks } from '../../support/multipart-body.ts';

/** An HTTP answer, whole. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

interface PlainQuestion {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
}

/** Asks without the headers that `fetch` adds of its own, `Accept` above all. */
export function ask(url: string, question: PlainQuestion = {}): Promise<PlainAnswer> {
  const { method = 'GET', headers = {}, body } = question;
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject);
      incoming.on('end', () => {
        const answered = Object.entries(incoming.headers).map(([name, value]) => [
          name,
          Array.isArray(value) ? value.join(', ') : value,
        ]);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: Object.fromEntries(answered) as PlainAnswer['headers'],
          body: Buffer.concat(chunks),
        });
      });
    });
    outgoing.on('error', reject).end(body);
  });
}

/** What an answer holds, whatever its boundary and its blanks. */
type Content =
  | { readonly kind: 'json'; readonly value: unknown }
  | { readonly kind: 'parts'; readonly parts: readonly Part[] }
  | { readonly kind: 'bytes'; readonly bytes: Buffer };

interface Part {
  readonly mediaType: string | undefined;
  readonly bytes: Buffer;
}

export async function contentOf({ headers, body }: PlainAnswer): Promise<Content> {
  const contentType = headers['content-type'] ?? '';
  const { essence = '' } = parseMediaType(contentType) ?? {};
  if (/[/+]json$/.test(essence)) return { kind: 'json', value: JSON.parse(body.toString()) };
  if (essence !== 'multipart/related') return { kind: 'bytes', bytes: body };
  const parts: Part[] = [];
  const maxParts = 10_000;
  for await (const part of parseMultipartRelated({ contentType, body: inChunks(body), maxParts })) {
    const chunks: Buffer[] = [];
    for await (const chunk of part.body) chunks.push(Buffer.from(chunk));
    parts.push({ mediaType: part.headers.get('content-type'), bytes: Buffer.concat(chunks) });
  }
  return { kind: 'parts', parts };
}

/** The media type of an answer, without the boundary, which is another one each time. */
export function mediaTypeOf({ headers }: PlainAnswer): string | undefined {
  const parsed = parseMediaType(headers['content-type'] ?? '');
  if (parsed === undefined) return undefined;
  const parameters = [...parsed.parameters].filter(([name]) => name !== 'boundary');
  return [parsed.essence, ...parameters.map(([name, value]) => `${name}=${value}`)].join('; ');
}
