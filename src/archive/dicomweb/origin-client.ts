import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import type { Dispatcher, buildConnector } from 'undici';
import { OriginAnswerError, OriginUnavailableError } from '../../errors/origin-errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { traceparent } from '../../telemetry/trace-context.ts';
import { describeTransportError, transportFaultOf } from '../../translate/transport-fault.ts';
import { readBounded } from './bounded-body.ts';

/** Where the Authorization header comes from; `oauth/` has what meets it. */
export interface OriginAuthorization {
  authorization(options: { readonly signal: AbortSignal }): Promise<string | undefined>;
  /** The archive answered 401 to this value. */
  refused(authorization: string): void;
}

export interface OriginClientOptions {
  /** Root of the archive's DICOMweb services; `http:` or `https:`. */
  readonly baseUrl: string;
  /** Requests at a time; each has a connection of its own. */
  readonly connections: number;
  /** Without a sign of life from the archive; never the length of a whole transfer. */
  readonly timeoutMs: number;
  readonly authorization: OriginAuthorization;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Makes the connections, `tls` included, where they do not go straight. */
  readonly connect?: buildConnector.connector;
  readonly log: Logger;
  /** In place of a connection pool of our own. */
  readonly dispatcher?: Dispatcher;
}

interface OriginRequest {
  readonly method: 'GET' | 'POST';
  /** Begins with a slash; appended to the path of the root. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Gives the body from its first byte, as often as it is asked. */
  readonly body?: () => AsyncIterable<Buffer>;
  /** Nobody changes a chunk of the body after it was given. Otherwise it is only lent. */
  readonly hasLastingChunks?: boolean;
  /** What it belongs to; each attempt is a span of it. */
  readonly trace?: string | undefined;
}

/** How an answer begins; the status may have come before the request's body was gone. */
export interface AnswerHead {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly retryAfter: string | undefined;
}

/** What came back. */
export interface OriginAnswer extends AnswerHead {
  /** `undefined` when it was cut off or longer than asked for. */
  readonly body: string | undefined;
}

/** An answer that still arrives; has to be closed, read or not. */
export interface OpenAnswer extends AnswerHead {
  /**
   * Can be read once. Throws {@link OriginUnavailableError} when it breaks off or stalls, and the
   * signal's reason.
   */
  readonly body: AsyncIterable<Buffer>;
  /** Lets the connection go, and ends what of the answer has not arrived yet. */
  close(): void;
}

/** Nobody waits longer for a connection, whatever may be waited for an answer. */
const longestConnectMs = 10_000;

/** Carries requests to one archive: connections, credentials, and what to do when either fails. */
export class OriginClient {
  readonly #options: OriginClientOptions;
  readonly #root: URL;
  #pool: Dispatcher | undefined;

  constructor(options: OriginClientOptions) {
    this.#options = options;
    this.#root = new URL(options.baseUrl);
  }

  /**
   * Sends a request and reads its answer, whatever the status; redirects are answers too.
   *
   * After 401 one new token is asked for and one more attempt made. The answer to that counts.
   *
   * @throws {@link OriginUnavailableError} when no answer came. {@link TokenUnavailableError} from
   *   the source of credentials. What reading the body threw, as it is. The signal's reason.
   */
  async exchange(
    request: OriginRequest & { readonly maxAnswerBytes: number },
    signal: AbortSignal,
  ): Promise<OriginAnswer> {
    return this.#authorized(signal, (authorization) =>
      this.#attempt(() => this.#read(request, authorization, signal)),
    );
  }

  /**
   * Sends a request and gives its answer while it arrives; otherwise as `exchange`.
   *
   * @throws also {@link OriginAnswerError} when the answer is encoded (gzip …), though we said that
   *   it must not be.
   */
  async open(request: OriginRequest, signal: AbortSignal): Promise<OpenAnswer> {
    const headers = { ...request.headers, 'accept-encoding': 'identity' };
    return this.#authorized(signal, (authorization) =>
      this.#attempt(async () =>
        opened(await this.#send({ ...request, headers }, authorization, signal), signal),
      ),
    );
  }

  /**
   * Sends a body that can be read once, and reads the answer. There is one attempt, whatever comes of
   * it: after 401, only the next request goes with another token.
   *
   * The answer may come before the body is over; then no more of it is read.
   *
   * @throws as `exchange`.
   */
  async exchangeOnce(
    request: OriginRequest & { readonly maxAnswerBytes: number },
    signal: AbortSignal,
  ): Promise<OriginAnswer> {
    const { authorization: source } = this.#options;
    const authorization = await source.authorization({ signal });
    const answer = await this.#read(request, authorization, signal);
    if (answer.status === 401 && authorization !== undefined) source.refused(authorization);
    return answer;
  }

  async close(): Promise<void> {
    // A dispatcher that was handed in is its owner's to close.
    if (this.#options.dispatcher === undefined) await this.#pool?.destroy();
    this.#pool = undefined;
  }

  async #authorized<Answer extends AnswerHead & { close?(): void }>(
    signal: AbortSignal,
    attempt: (authorization: string | undefined) => Promise<Answer>,
  ): Promise<Answer> {
    const { authorization: source, log } = this.#options;
    const authorization = await source.authorization({ signal });
    const answer = await attempt(authorization);
    if (answer.status !== 401 || authorization === undefined) return answer;

    source.refused(authorization);
    // Nobody reads what an answer to the old token says, whatever comes of asking for a new one.
    answer.close?.();
    const renewed = await source.authorization({ signal });
    if (renewed === undefined || renewed === authorization) return answer;
    log.debug({}, 'the archive answered 401; trying once more with a new token');
    return attempt(renewed);
  }

  /**
   * One attempt, and one more at once when the connection broke before any answer: archives close
   * idle connections (Orthanc after one second), and a request may just have been put on one. Asking
   * twice is harmless, for the same object stored twice is the same object.
   */
  async #attempt<Answer>(send: () => Promise<Answer>): Promise<Answer> {
    try {
      return await send();
    } catch (error) {
      if (!(error instanceof OriginUnavailableError)) throw error;
      if (transportFaultOf(error.cause) !== 'reset') throw error;
      this.#options.log.debug({}, 'the connection broke before any answer; trying once more');
      return send();
    }
  }

  async #read(
    request: OriginRequest & { readonly maxAnswerBytes: number },
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<OriginAnswer> {
    const answer = await this.#send(request, authorization, signal);
    const body = await readBounded(answer.body, request.maxAnswerBytes);
    signal.throwIfAborted();
    return { ...headOf(answer), body };
  }

  async #send(
    request: OriginRequest,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<Dispatcher.ResponseData> {
    const { timeoutMs } = this.#options;
    const body = request.body && watched(request.body(), request.hasLastingChunks === true);
    try {
      return await this.#dispatcher().request({
        origin: this.#root.origin,
        path: `${this.#root.pathname.replace(/\/+$/, '')}${request.path}`,
        method: request.method,
        headers: {
          ...request.headers,
          traceparent: traceparent(request.trace),
          ...(authorization === undefined ? {} : { authorization }),
        },
        // undici takes any async iterable; its typings know of streams only.
        body: (body?.chunks ?? null) as Readable | null,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal,
      });
    } catch (error) {
      signal.throwIfAborted();
      if (body?.failure) throw body.failure.error;
      throw unavailable('no answer from the archive', error);
    }
  }

  #dispatcher(): Dispatcher {
    const { dispatcher, connections, connect, tls, timeoutMs } = this.#options;
    this.#pool ??=
      dispatcher ??
      new Pool(this.#root.origin, {
        connections,
        pipelining: 1,
        connect: connect ?? { ...tls, timeout: Math.min(timeoutMs, longestConnectMs) },
      });
    return this.#pool;
  }
}

function opened(answer: Dispatcher.ResponseData, signal: AbortSignal): OpenAnswer {
  const { headers, body } = answer;
  // Without a listener, the error that says it was closed early would end the process.
  const close = (): void => void body.on('error', () => undefined).destroy();
  const encoding = first(headers['content-encoding']) ?? 'identity';
  if (encoding.trim().toLowerCase() !== 'identity') {
    close();
    throw new OriginAnswerError("the archive's answer is encoded, though it must not be", {
      status: answer.statusCode,
    });
  }
  return { ...headOf(answer), body: arriving(body, signal), close };
}

async function* arriving(body: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of body) yield chunk;
  } catch (error) {
    signal.throwIfAborted();
    throw unavailable("the archive's answer broke off", error);
  }
}

function headOf({ statusCode, headers }: Dispatcher.ResponseData): AnswerHead {
  return {
    status: statusCode,
    contentType: first(headers['content-type']),
    retryAfter: first(headers['retry-after']),
  };
}

function unavailable(what: string, cause: unknown): OriginUnavailableError {
  return new OriginUnavailableError(`${what}: ${describeTransportError(cause)}`, { cause });
}

/**
 * A chunk of a source is valid until the next is asked for. undici asks as soon as the socket's buffer
 * (`highWaterMark` of its connections) has room again: what fills it has left us by then, what is
 * shorter may still lie there and goes in as a copy.
 */
const socketBufferBytes = 65_536;

interface WatchedBody {
  readonly chunks: AsyncIterable<Buffer>;
  /** Set when reading failed, which is our own trouble and not the archive's. */
  failure: { readonly error: unknown } | undefined;
}

function watched(source: AsyncIterable<Buffer>, isLasting: boolean): WatchedBody {
  const body: WatchedBody = { chunks: watch(), failure: undefined };
  return body;

  async function* watch(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of source) {
        yield isLasting || chunk.length >= socketBufferBytes ? chunk : Buffer.from(chunk);
      }
    } catch (error) {
      body.failure = { error };
      throw error;
    }
  }
}

function first(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
