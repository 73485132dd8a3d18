import { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import { Pool } from 'undici';
import type { Dispatcher, buildConnector } from 'undici';
import { OriginUnavailableError } from '../../errors/origin-errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
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
  readonly maxAnswerBytes: number;
}

/** What came back; the status may have come before the request's body was gone. */
export interface OriginAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  readonly retryAfter: string | undefined;
  /** `undefined` when it was cut off or longer than asked for. */
  readonly body: string | undefined;
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
  async exchange(request: OriginRequest, signal: AbortSignal): Promise<OriginAnswer> {
    const { authorization: source, log } = this.#options;
    const authorization = await source.authorization({ signal });
    const answer = await this.#attempt(request, authorization, signal);
    if (answer.status !== 401 || authorization === undefined) return answer;

    source.refused(authorization);
    const renewed = await source.authorization({ signal });
    if (renewed === undefined || renewed === authorization) return answer;
    log.debug({}, 'the archive answered 401; trying once more with a new token');
    return this.#attempt(request, renewed, signal);
  }

  async close(): Promise<void> {
    // A dispatcher that was handed in is its owner's to close.
    if (this.#options.dispatcher === undefined) await this.#pool?.destroy();
    this.#pool = undefined;
  }

  /**
   * One attempt, and one more at once when the connection broke before any answer: archives close
   * idle connections (Orthanc after one second), and a request may just have been put on one. Asking
   * twice is harmless, for the same object stored twice is the same object.
   */
  async #attempt(
    request: OriginRequest,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<OriginAnswer> {
    try {
      return await this.#send(request, authorization, signal);
    } catch (error) {
      if (!(error instanceof OriginUnavailableError)) throw error;
      if (transportFaultOf(error.cause) !== 'reset') throw error;
      this.#options.log.debug({}, 'the connection broke before any answer; trying once more');
      return this.#send(request, authorization, signal);
    }
  }

  async #send(
    request: OriginRequest,
    authorization: string | undefined,
    signal: AbortSignal,
  ): Promise<OriginAnswer> {
    const { timeoutMs } = this.#options;
    const body = request.body && watched(request.body());
    try {
      const answer = await this.#dispatcher().request({
        origin: this.#root.origin,
        path: `${this.#root.pathname.replace(/\/+$/, '')}${request.path}`,
        method: request.method,
        headers: { ...request.headers, ...(authorization === undefined ? {} : { authorization }) },
        // undici takes any async iterable; its typings know of streams only.
        body: (body?.chunks ?? null) as Readable | null,
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
        signal,
      });
      const text = await readBounded(answer.body, request.maxAnswerBytes);
      signal.throwIfAborted();
      return {
        status: answer.statusCode,
        contentType: first(answer.headers['content-type']),
        retryAfter: first(answer.headers['retry-after']),
        body: text,
      };
    } catch (error) {
      signal.throwIfAborted();
      if (body?.failure) throw body.failure.error;
      const fault = describeTransportError(error);
      throw new OriginUnavailableError(`no answer from the archive: ${fault}`, { cause: error });
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

function watched(source: AsyncIterable<Buffer>): WatchedBody {
  const body: WatchedBody = { chunks: watch(), failure: undefined };
  return body;

  async function* watch(): AsyncGenerator<Buffer> {
    try {
      for await (const chunk of source) {
        yield chunk.length < socketBufferBytes ? Buffer.from(chunk) : chunk;
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
