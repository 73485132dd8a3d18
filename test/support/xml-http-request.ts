import { request } from 'node:http';

type Body = ArrayBuffer | ArrayBufferView | string;

/**
 * As much of a browser's XMLHttpRequest as dicomweb-client 0.11 uses, over Node's own HTTP client:
 * nothing is added to a request but the `Accept` that browsers add, and nothing taken from an answer.
 */
export class XmlHttpRequest {
  readyState = 0;
  status = 0;
  response: unknown = null;
  responseType: '' | 'arraybuffer' | 'json' = '';
  withCredentials = false;
  onreadystatechange: (() => void) | null = null;
  onloadstart: (() => void) | null = null;
  onloadend: (() => void) | null = null;
  onprogress: ((event: object) => void) | null = null;
  #method = 'GET';
  #url = '';
  readonly #headers = new Map<string, string>([['accept', '*/*']]);
  #answered: readonly string[] = [];

  open(method: string, url: string): void {
    this.#method = method.toUpperCase();
    this.#url = url;
    this.readyState = 1;
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers.set(name.toLowerCase(), value);
  }

  getResponseHeader(name: string): string | null {
    const at = this.#answered.findIndex(
      (each, index) => index % 2 === 0 && each.toLowerCase() === name.toLowerCase(),
    );
    return at === -1 ? null : (this.#answered[at + 1] ?? null);
  }

  getAllResponseHeaders(): string {
    return this.#answered
      .map((text, index) => (index % 2 === 0 ? `${text.toLowerCase()}: ` : `${text}\r\n`))
      .join('');
  }

  send(body?: Body): void {
    const headers = Object.fromEntries(this.#headers);
    const options = { method: this.#method, headers, agent: false };
    const outgoing = request(this.#url, options, (incoming) => {
      const chunks: Buffer[] = [];
      this.status = incoming.statusCode ?? 0;
      this.#answered = incoming.rawHeaders;
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', () => this.#failed());
      incoming.on('end', () => this.#done(Buffer.concat(chunks)));
    });
    outgoing.on('error', () => this.#failed());
    outgoing.end(body === undefined ? undefined : bytesOf(body));
  }

  #failed(): void {
    this.status = 0;
    this.#done(Buffer.alloc(0));
  }

  #done(body: Buffer): void {
    this.response = this.#read(body);
    this.readyState = 4;
    this.onreadystatechange?.();
    this.onloadend?.();
  }

  #read(body: Buffer): unknown {
    if (this.responseType === 'arraybuffer') return Uint8Array.from(body).buffer;
    if (this.responseType !== 'json') return body.toString();
    try {
      return JSON.parse(body.toString());
    } catch {
      return null;
    }
  }
}

function bytesOf(body: Body): Buffer | string {
  if (typeof body === 'string') return body;
  return ArrayBuffer.isView(body)
    ? Buffer.from(body.buffer, body.byteOffset, body.byteLength)
    : Buffer.from(body);
}
