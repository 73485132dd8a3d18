import type { ResponseHead, ResponseSink } from '../../src/translate/response-sink.ts';

/** One part of a multipart message, taken apart without the parser under test. */
interface CollectedPart {
  readonly headers: string;
  readonly body: Buffer;
}

/** A client that keeps the chunks it is given, not copies: whoever changes one later is found out. */
export class CollectingSink implements ResponseSink {
  readonly chunks: Uint8Array[] = [];
  /** How often somebody wrote although there was no room. */
  ignoredLimits = 0;
  head: ResponseHead | undefined;
  hasEnded = false;
  readonly #chunksAtOnce: number;
  #taken = 0;
  #resume: (() => void) | undefined;

  /** @param chunksAtOnce - after so many, the client is asked to be waited for (`take`). */
  constructor({ chunksAtOnce = Infinity }: { readonly chunksAtOnce?: number } = {}) {
    this.#chunksAtOnce = chunksAtOnce;
  }

  begin(head: ResponseHead): void {
    if (this.head !== undefined) throw new Error('begun twice');
    this.head = head;
  }

  write(chunk: Uint8Array): boolean {
    if (this.head === undefined || this.hasEnded) throw new Error('written out of turn');
    if (this.#isFull()) this.ignoredLimits += 1;
    this.chunks.push(chunk);
    return !this.#isFull();
  }

  drained(resume: () => void): void {
    this.#resume = resume;
  }

  end(): void {
    this.hasEnded = true;
  }

  /** Makes room for so many chunks again. */
  take(): void {
    this.#taken = this.chunks.length;
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  get isAwaited(): boolean {
    return this.#resume !== undefined;
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  header(name: string): string {
    return this.head?.headers[name] ?? '';
  }

  json(): unknown {
    return JSON.parse(this.body.toString());
  }

  parts(): readonly CollectedPart[] {
    return splitMultipart(this.header('content-type'), this.body);
  }

  #isFull(): boolean {
    return this.chunks.length - this.#taken >= this.#chunksAtOnce;
  }
}

/** Cuts a multipart message at its boundary; it has to be whole. */
export function splitMultipart(contentType: string, body: Buffer): readonly CollectedPart[] {
  const boundary = /boundary="?([^";]+)"?/.exec(contentType)?.[1] ?? '';
  const end = body.lastIndexOf(`\r\n--${boundary}--`);
  if (boundary === '' || end < 0) throw new Error('not a whole multipart message');
  const parts: CollectedPart[] = [];
  const open = `--${boundary}\r\n`;
  for (let at = body.indexOf(open); at >= 0 && at < end;) {
    const headEnd = body.indexOf('\r\n\r\n', at);
    const next = body.indexOf(`\r\n--${boundary}`, headEnd);
    parts.push({
      headers: body.toString('latin1', at + open.length, headEnd),
      body: body.subarray(headEnd + 4, next),
    });
    at = body.indexOf(open, next);
  }
  return parts;
}
