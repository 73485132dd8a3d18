import { Pool } from 'undici';
import type { Dispatcher } from 'undici';
import { OriginRefusedError, OriginUnavailableError } from '../../errors/origin-errors.ts';
import { traceparent } from '../../telemetry/trace-context.ts';
import { transportFaultOf } from '../../translate/transport-fault.ts';
import { ConnectionLine } from './connection-line.ts';
import type { OriginClientOptions } from './origin-client.ts';
import { RelayExchange } from './relay-exchange.ts';
import type { OpenReceiver } from './relay-exchange.ts';

interface RelayQuestion {
  /** Begins with a slash; appended to the path of the root. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly trace: string | undefined;
}

/** Nobody waits longer for a connection, whatever may be waited for an answer. */
const longestConnectMs = 10_000;
/**
 * Viewers ask for many small things at once, and browsers have some six connections each. Orthanc
 * serves 50 requests at a time.
 */
const places = 32;
const waiting = 512;
/**
 * Orthanc closes a connection after one idle second, and says so (`Keep-Alive: timeout=1`): it is used
 * again within this much less.
 */
const keepAliveMarginMs = 400;
/** Where the archive does not say. */
const keepAliveMs = 4000;

/** Carries the questions of clients to one archive, on connections of their own. */
export class RelayClient {
  readonly #options: OriginClientOptions;
  readonly #root: URL;
  readonly #line: ConnectionLine;
  #pool: Dispatcher | undefined;

  constructor(options: OriginClientOptions) {
    this.#options = options;
    this.#root = new URL(options.baseUrl);
    this.#line = new ConnectionLine({ places, waiting, timeoutMs: options.timeoutMs });
  }

  /**
   * Asks once, and gives the answer to who `open` says. After 401 one new token is asked for and one
   * more attempt made; `open` never sees the first.
   *
   * @throws what the receiver threw; {@link OriginUnavailableError}; {@link OriginRefusedError} when
   *   the archive takes no token of ours; {@link TokenUnavailableError}; the signal's reason.
   */
  async ask(question: RelayQuestion, open: OpenReceiver, signal: AbortSignal): Promise<void> {
    const leave = await this.#line.enter(signal);
    try {
      const { authorization: source, log } = this.#options;
      const authorization = await source.authorization({ signal });
      if (!(await this.#isRefused(question, authorization, open, signal))) return;

      if (authorization !== undefined) source.refused(authorization);
      const renewed = await source.authorization({ signal });
      if (renewed !== undefined && renewed !== authorization) {
        log.debug({}, 'the archive answered 401; trying once more with a new token');
        if (!(await this.#isRefused(question, renewed, open, signal))) return;
      }
      throw new OriginRefusedError('the archive refuses our credentials (HTTP 401)', 401);
    } finally {
      leave();
    }
  }

  async close(): Promise<void> {
    // A dispatcher that was handed in is its owner's to close.
    if (this.#options.dispatcher === undefined) await this.#pool?.destroy();
    this.#pool = undefined;
  }

  async #isRefused(
    question: RelayQuestion,
    authorization: string | undefined,
    open: OpenReceiver,
    signal: AbortSignal,
  ): Promise<boolean> {
    let isRefused = false;
    await this.#attempt(
      question,
      authorization,
      (head) => {
        isRefused = head.status === 401;
        return isRefused ? undefined : open(head);
      },
      signal,
    );
    return isRefused;
  }

  /**
   * One attempt, and one more at once when the connection broke before any answer: a request may just
   * have been put on one that the archive was closing. To ask twice is harmless.
   */
  async #attempt(
    question: RelayQuestion,
    authorization: string | undefined,
    open: OpenReceiver,
    signal: AbortSignal,
  ): Promise<void> {
    const first = this.#send(question, authorization, open, signal);
    try {
      await first.settled;
    } catch (error) {
      if (first.hasHead || !(error instanceof OriginUnavailableError)) throw error;
      if (transportFaultOf(error.cause) !== 'reset') throw error;
      this.#options.log.debug({}, 'the connection broke before any answer; trying once more');
      await this.#send(question, authorization, open, signal).settled;
    }
  }

  #send(
    { path, headers, trace }: RelayQuestion,
    authorization: string | undefined,
    open: OpenReceiver,
    signal: AbortSignal,
  ): RelayExchange {
    const { timeoutMs } = this.#options;
    const exchange = new RelayExchange(open, signal);
    this.#dispatcher().dispatch(
      {
        origin: this.#root.origin,
        path: `${this.#root.pathname.replace(/\/+$/, '')}${path}`,
        method: 'GET',
        headers: {
          ...headers,
          'accept-encoding': 'identity',
          traceparent: traceparent(trace),
          ...(authorization === undefined ? {} : { authorization }),
        },
        headersTimeout: timeoutMs,
        bodyTimeout: timeoutMs,
      },
      exchange,
    );
    return exchange;
  }

  #dispatcher(): Dispatcher {
    const { dispatcher, connect, tls, timeoutMs } = this.#options;
    this.#pool ??=
      dispatcher ??
      new Pool(this.#root.origin, {
        connections: places,
        pipelining: 1,
        keepAliveTimeout: keepAliveMs,
        keepAliveTimeoutThreshold: keepAliveMarginMs,
        connect: connect ?? { ...tls, timeout: Math.min(timeoutMs, longestConnectMs) },
      });
    return this.#pool;
  }
}
