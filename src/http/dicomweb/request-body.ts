import type { IncomingMessage } from 'node:http';

interface RequestBodyOptions {
  readonly maxBytes: number;
  /** How long the client may take over each part of it. */
  readonly stallMs: number;
  /** Called once, before the first byte is waited for. */
  readonly onRead: () => void;
}

/** Why a body was not read to its end. */
export type BodyFault = 'too-large' | 'too-slow' | 'broken-off';

/** What has to arrive within each `stallMs` of waiting: a byte now and then is no progress. */
const partBytes = 32 * 1024;

/** The body of a request, within bounds. */
export class RequestBody {
  readonly #incoming: IncomingMessage;
  readonly #options: RequestBodyOptions;
  #bytes = 0;
  #fault: BodyFault | undefined;

  constructor(incoming: IncomingMessage, options: RequestBodyOptions) {
    this.#incoming = incoming;
    this.#options = options;
  }

  /** So many have come. */
  get bytes(): number {
    return this.#bytes;
  }

  /** What kept it from being read; whoever read it may have failed with anything then. */
  get fault(): BodyFault | undefined {
    return this.#fault;
  }

  /**
   * Gives the body, once. Only waiting for the client counts as its time, not what is done with the
   * chunks.
   */
  async *chunks(): AsyncGenerator<Buffer> {
    const { maxBytes, stallMs, onRead } = this.#options;
    onRead();
    // Leaving early must not destroy the connection: there is an answer to send.
    const iterator = this.#incoming.iterator({ destroyOnReturn: false });
    let partLeft = partBytes;
    let waitLeftMs = stallMs;
    try {
      for (;;) {
        const since = performance.now();
        const next = await this.#next(iterator, waitLeftMs);
        if (next.done === true) return;
        const chunk = next.value as Buffer;
        this.#bytes += chunk.length;
        if (this.#bytes > maxBytes) throw this.#failed('too-large');
        waitLeftMs -= performance.now() - since;
        partLeft -= chunk.length;
        if (partLeft <= 0) [partLeft, waitLeftMs] = [partBytes, stallMs];
        yield chunk;
      }
    } finally {
      // Not awaited: after a client that is too slow there is still one chunk to come.
      iterator.return?.().catch(() => undefined);
    }
  }

  #next(
    iterator: NodeJS.AsyncIterator<unknown>,
    waitMs: number,
  ): Promise<IteratorResult<unknown, unknown>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(this.#failed('too-slow')), Math.max(0, waitMs));
      iterator
        .next()
        .then(resolve, () => reject(this.#failed('broken-off')))
        .finally(() => clearTimeout(timer));
    });
  }

  #failed(fault: BodyFault): Error {
    this.#fault ??= fault;
    return new Error(`the request body is ${fault}`);
  }
}
