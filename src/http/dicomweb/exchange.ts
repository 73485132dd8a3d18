import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Principal } from '../../access/principal.ts';
import { newCorrelationId } from '../../telemetry/correlation-id.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { newTraceId } from '../../telemetry/trace-context.ts';
import type { DicomwebRoute } from '../../translate/dicomweb-routes.ts';
import { httpFailureOf, titleOf } from '../../translate/http-status.ts';
import type { ResponseHead } from '../../translate/response-sink.ts';
import type { Problem } from '../problem.ts';
import { commonHeaders } from './answer-head.ts';
import { preferredCoding } from './content-coding.ts';
import { NodeSink } from './node-sink.ts';
import { Refusal } from './refusal.ts';
import { isStillSending, sendProblem } from './send-problem.ts';

/** What the front reports. Labels are words of ours. */
export interface FrontMetrics {
  httpRequestBegan(): void;
  httpRequestEnded(request: {
    /** `search`, `retrieve` … `store`, or `preflight`, or `other` where no route was found. */
    readonly route: string;
    /** Or `aborted`, where the client went away or the answer broke off. */
    readonly status: number | 'aborted';
    readonly seconds: number;
    readonly bytesIn: number;
    readonly bytesOut: number;
  }): void;
  /** Somebody asked too much: `bad-tokens`, `concurrent-requests`. */
  httpRequestLimited(reason: string): void;
}

interface ExchangeOptions {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** On every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** How long the client may take nothing of an answer. */
  readonly stallMs: number;
  readonly metrics: FrontMetrics;
  readonly log: Logger;
  readonly random: () => number;
}

/** One request and its answer, from the first look at it to its line in the log. */
export class Exchange {
  readonly incoming: IncomingMessage;
  /** Trace-id of the W3C Trace Context, for what is asked of the archive. */
  readonly trace = newTraceId();
  readonly #options: ExchangeOptions;
  readonly #outgoing: ServerResponse;
  readonly #id: string;
  readonly #abort = new AbortController();
  /** For the log, as far as they have been found out. */
  principal: Principal | undefined;
  route: DicomwebRoute | 'preflight' | undefined;
  body: { readonly bytes: number } | undefined;
  #bytesOut = 0;
  #sink: NodeSink | undefined;

  constructor(options: ExchangeOptions) {
    this.#options = options;
    this.incoming = options.incoming;
    this.#outgoing = options.outgoing;
    this.#id = newCorrelationId(options.random);
  }

  /** Aborted when nobody waits for the answer any more. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Sees to it that the request is answered, whatever comes. Never rejects. */
  async run(answer: () => Promise<void>): Promise<void> {
    const startedAt = performance.now();
    this.#options.metrics.httpRequestBegan();
    this.onClose(() => {
      if (!this.#outgoing.writableFinished) this.#abort.abort(new Error('the client has gone'));
      this.#report((performance.now() - startedAt) / 1000);
    });
    try {
      await answer();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Calls back once the answer is out, or nobody is there to take it. */
  onClose(callback: () => void): void {
    this.#outgoing.once('close', callback);
  }

  /** Answers a client that waits for a word before it sends its body (RFC 9110 §10.1.1). */
  askForBody(): void {
    if (this.incoming.headers.expect !== undefined) this.#outgoing.writeContinue();
  }

  /** @param complete - gives the head the client gets for the one the archive gave. */
  openSink(complete: (head: ResponseHead) => ResponseHead): NodeSink {
    const { headers, method } = this.incoming;
    this.#sink = new NodeSink({
      outgoing: this.#outgoing,
      isHead: method === 'HEAD',
      coding: preferredCoding(headers['accept-encoding']),
      ifNoneMatch: headers['if-none-match'],
      stallMs: this.#options.stallMs,
      complete: (head) => {
        const { status, headers: own } = complete(head);
        return { status, headers: { ...own, ...this.#connectionHeaders() } };
      },
      onSatisfied: () => this.#abort.abort(new Error('only the head was wanted')),
    });
    return this.#sink;
  }

  /** Answers with a document, or with nothing but a head. */
  send({ status, headers }: ResponseHead, body?: Buffer): void {
    const length = body === undefined ? {} : { 'content-length': String(body.length) };
    this.#bytesOut = body?.length ?? 0;
    this.#outgoing
      .writeHead(status, { ...commonHeaders, ...headers, ...this.#connectionHeaders(), ...length })
      .end(body);
  }

  #fail(error: unknown): void {
    // The client has gone, or has all it wanted; what is thrown then is our own doing.
    if (this.signal.aborted || this.#outgoing.destroyed) return;
    const { log } = this.#options;
    const fields = { request: this.#id, err: error };
    if (this.#outgoing.headersSent) {
      log.warn(fields, 'answer broken off');
      this.#sink?.fail();
      return;
    }
    // What it may hold is no part of the answer any more.
    this.#sink = undefined;
    const problem = error instanceof Refusal ? error.problem : problemOf(error, this.#id);
    if (problem.status === 500) log.error(fields, 'request failed');
    else if (problem.status > 500) log.warn(fields, 'request could not be answered');
    this.#bytesOut = sendProblem(this.incoming, this.#outgoing, problem, this.#options.headers);
  }

  /** A body that nobody reads must not be taken for the next request, nor be waited for. */
  #connectionHeaders(): Readonly<Record<string, string>> {
    const { headers } = this.#options;
    return isStillSending(this.incoming) ? { ...headers, connection: 'close' } : headers;
  }

  #report(seconds: number): void {
    const { metrics, log } = this.#options;
    const { route, principal, body } = this;
    const bytesIn = body?.bytes ?? 0;
    const isWhole = this.#outgoing.writableFinished;
    const { statusCode } = this.#outgoing;
    const bytesOut = this.#sink?.hasBegun === true ? this.#sink.bodyBytes : this.#bytesOut;
    const kind = typeof route === 'object' ? route.kind : (route ?? 'other');
    const status = isWhole ? statusCode : 'aborted';
    metrics.httpRequestEnded({ route: kind, status, seconds, bytesIn, bytesOut });
    const fields = {
      request: this.#id,
      method: this.incoming.method,
      route: typeof route === 'object' ? route.template : kind,
      status: statusCode,
      bytesIn,
      bytesOut,
      durationMs: Math.round(seconds * 1000),
      caller: principal?.displayName,
      tenant: principal?.tenant,
      trace: principal && this.trace,
    };
    if (!isWhole) log.info(fields, 'request broken off');
    else if (route === 'preflight') log.debug(fields, 'request answered');
    else log.info(fields, 'request answered');
  }
}

function problemOf(error: unknown, requestId: string): Problem {
  const { status, code, detail, retryAfterSeconds } = httpFailureOf(error);
  return {
    status,
    title: titleOf(status),
    ...(detail !== undefined && { detail }),
    code,
    // Only where somebody has to look into the log; two answers that nothing is there are the same.
    ...(status >= 500 && { requestId }),
    ...(retryAfterSeconds !== undefined && {
      headers: { 'retry-after': String(retryAfterSeconds) },
    }),
  };
}
