import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Network } from '../../access/networks.ts';
import type { Principal, Scope } from '../../access/principal.ts';
import { NotFoundError } from '../../errors/origin-errors.ts';
import {
  InsufficientScopeError,
  InvalidQuestionError,
  NotAcceptableError,
} from '../../errors/request-errors.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { DicomwebRequest } from '../../translate/dicomweb-request.ts';
import { readDicomwebRequest, readWadoUri } from '../../translate/read-request.ts';
import type { RequestReading } from '../../translate/read-request.ts';
import { Gate } from './admission.ts';
import type { Admission } from './admission.ts';
import { completeHead } from './answer-head.ts';
import { clientAddressOf } from './client-address.ts';
import { ConcurrencyLimit } from './concurrency-limit.ts';
import { createCors } from './cors.ts';
import type { Cors } from './cors.ts';
import { Exchange } from './exchange.ts';
import type { FrontMetrics } from './exchange.ts';
import { findHeaderFault } from './message-headers.ts';
import { receiveInstances } from './receive-instances.ts';
import type { StoreInstances } from './receive-instances.ts';
import { Refusal, refusal } from './refusal.ts';
import type { RequestRelay } from './request-relay.ts';
import { readRequestTarget } from './request-target.ts';
import type { RequestTarget } from './request-target.ts';
import { Turns } from './turns.ts';

interface DicomwebLimits {
  /** Requests of one caller that are being answered at a time. Default 100. */
  readonly concurrentRequests: number;
  /** Tokens that are not accepted, from one address at once … Default 100. */
  readonly badTokenBurst: number;
  /** … and again so many a second. Default 5. */
  readonly badTokensPerSecond: number;
  /** How long a client may send nothing of a body, or take nothing of an answer. Default 30 s. */
  readonly stallMs: number;
}

export interface DicomwebHandlerOptions {
  /** Path of the DICOMweb root: a slash before it, none behind it, such as `/dicom-web`. */
  readonly root: string;
  /** Where clients find that root: an absolute URL without a slash at its end. */
  readonly publicRoot: () => string;
  readonly admission: Admission;
  /** How the scopes are called in tokens (`OIDC_SCOPE_READ` …). */
  readonly scopeNames: Readonly<Record<Scope, string>>;
  readonly relay: RequestRelay;
  /** Absent where nothing can be stored: POST is answered with 501 then. */
  readonly storeInstances?: StoreInstances | undefined;
  /** Origins of pages that may read answers, as browsers write them: `https://viewer.example`. */
  readonly corsOrigins: readonly string[];
  readonly maxBodyBytes: number;
  /** Whose `X-Forwarded-For` is believed. */
  readonly trustedProxies: readonly Network[];
  readonly limits?: Partial<DicomwebLimits>;
  readonly metrics: FrontMetrics;
  readonly log: Logger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Like `Math.random`. */
  readonly random: () => number;
}

/**
 * Looks at every request of the public listener before anything else does, on the raw objects of
 * Node: requests nobody should send end here, so do those below the DICOMweb root and `/wado`.
 *
 * @returns false when the request is for somebody else (health, documents, viewer); nothing was
 *   touched then.
 */
export type DicomwebHandler = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

const usualLimits: DicomwebLimits = {
  concurrentRequests: 100,
  badTokenBurst: 100,
  badTokensPerSecond: 5,
  stallMs: 30_000,
};

/** Makes the DICOMweb front. */
export function createDicomwebHandler(options: DicomwebHandlerOptions): DicomwebHandler {
  const { root, admission, scopeNames, corsOrigins, now } = options;
  const limits = { ...usualLimits, ...options.limits };
  const { badTokenBurst: burst, badTokensPerSecond: perSecond } = limits;
  const front: Front = {
    options,
    stallMs: limits.stallMs,
    gate: new Gate({ admission, scopeNames, badTokens: { burst, perSecond }, now }),
    places: new ConcurrencyLimit(limits.concurrentRequests),
    cors: createCors(corsOrigins),
  };
  const turns = new Turns();
  return (incoming, outgoing) => {
    const target = readRequestTarget(incoming.url ?? '', root);
    if (target.kind === 'other') return false;
    const headers = front.cors.headers(incoming.headers.origin);
    const { stallMs } = front;
    const exchange = new Exchange({ ...options, incoming, outgoing, headers, stallMs });
    turns.take(incoming, outgoing, () => {
      void exchange.run(() => answer(front, exchange, target));
    });
    return true;
  };
}

interface Front {
  readonly options: DicomwebHandlerOptions;
  readonly stallMs: number;
  readonly gate: Gate;
  readonly places: ConcurrencyLimit;
  readonly cors: Cors;
}

/** @throws whatever keeps it from being answered otherwise. */
async function answer(
  front: Front,
  exchange: Exchange,
  target: Exclude<RequestTarget, { readonly kind: 'other' }>,
): Promise<void> {
  if (target.kind === 'refused') throw refusal(target.status, target.detail);
  const { headers, method = '', rawHeaders } = exchange.incoming;
  const fault = findHeaderFault(rawHeaders);
  if (fault !== undefined) throw refusal(fault.status, fault.detail);

  const { cors } = front;
  const requestedMethod = headers['access-control-request-method'];
  if (cors.isPreflight({ method, origin: headers.origin, requestedMethod })) {
    exchange.route = 'preflight';
    exchange.send({ status: 204, headers: cors.preflightHeaders(headers.origin) });
    return;
  }

  const principal = await admit(front, exchange);
  const raw = { method, query: target.query, accept: headers.accept };
  const reading =
    target.kind === 'wado' ? readWado(raw) : readDicomwebRequest({ ...raw, path: target.path });
  if (reading.kind === 'refusal') {
    answerRefusedReading(exchange, reading);
    return;
  }
  exchange.route = reading.route;
  await carryOut(front, exchange, principal, reading.request);
}

/** Who calls, once there is a place for the request. */
async function admit({ gate, places, options }: Front, exchange: Exchange): Promise<Principal> {
  const { metrics, trustedProxies } = options;
  const { incoming } = exchange;
  const admitted = await gate.admit(incoming, clientAddressOf(incoming, trustedProxies));
  if ('problem' in admitted) {
    if (admitted.limited) metrics.httpRequestLimited('bad-tokens');
    throw new Refusal(admitted.problem);
  }
  const { principal } = admitted;
  exchange.principal = principal;
  const leave = places.enter(`${principal.issuer} ${principal.subject}`);
  if (leave === undefined) {
    metrics.httpRequestLimited('concurrent-requests');
    throw refusal(429, 'too many requests at a time', { 'retry-after': '1' });
  }
  exchange.onClose(leave);
  return principal;
}

function readWado(raw: Parameters<typeof readWadoUri>[0] & { method: string }): RequestReading {
  if (raw.method === 'GET' || raw.method === 'HEAD') return readWadoUri(raw);
  const allowed = ['GET', 'HEAD', 'OPTIONS'];
  return { kind: 'refusal', status: 405, detail: 'WADO-URI is only for reading', allowed };
}

function answerRefusedReading(
  exchange: Exchange,
  { status, detail, allowed = [] }: Extract<RequestReading, { readonly kind: 'refusal' }>,
): void {
  const allow = allowed.length > 0 ? { allow: allowed.join(', ') } : undefined;
  if (exchange.incoming.method === 'OPTIONS' && allow !== undefined) {
    exchange.send({ status: 204, headers: allow });
    return;
  }
  // The same words for all that is not there (HOSTILE D31).
  if (status === 404) throw new NotFoundError(detail);
  if (status === 400) throw new InvalidQuestionError(detail);
  if (status === 406) throw new NotAcceptableError(detail);
  throw refusal(status, detail, allow);
}

async function carryOut(
  { options, gate, stallMs }: Front,
  exchange: Exchange,
  principal: Principal,
  request: DicomwebRequest,
): Promise<void> {
  const { relay, storeInstances, maxBodyBytes, now } = options;
  const publicRoot = options.publicRoot();
  const answerOptions = { signal: exchange.signal, publicRoot, trace: exchange.trace };
  try {
    if (request.kind === 'store') {
      if (storeInstances === undefined) throw refusal(501, 'nothing can be stored here');
      const limits = { maxBodyBytes, stallMs };
      await receiveInstances(exchange, {
        ...{ principal, request, storeInstances, ...limits },
        answer: answerOptions,
      });
      return;
    }
    const { headers, url: target = '' } = exchange.incoming;
    const context = { kind: request.kind, target, accept: headers.accept };
    const sink = exchange.openSink((head) => completeHead(head, { ...context, nowMs: now() }));
    await relay.answer(principal, request, sink, answerOptions);
    if (!sink.isSatisfied) throw new Error('the answer was not ended');
  } catch (error) {
    if (!(error instanceof InsufficientScopeError)) throw error;
    throw new Refusal(gate.insufficientScope(error.scope as Scope));
  }
}
