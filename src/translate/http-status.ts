import { BridgeError } from '../errors/bridge-error.ts';
import type { BridgeErrorCode } from '../errors/bridge-error.ts';
import { OriginUnavailableError } from '../errors/origin-errors.ts';
import { transportFaultOf } from './transport-fault.ts';

/** What a client of the front is told of a failure. */
export interface HttpFailure {
  readonly status: number;
  /** The error's stable name; `internal_error` for a defect of ours. */
  readonly code: BridgeErrorCode | 'internal_error';
  /** A sentence fit for anybody. */
  readonly detail?: string;
  readonly retryAfterSeconds?: number;
}

/**
 * HTTP status per error (RFC 9110 §15). What the archive thinks of our credentials is no business of
 * the client's, whose own are fine: 502, never its 401 or 403 (HOSTILE D25).
 */
const statusOf: Readonly<Record<BridgeErrorCode, number>> = {
  configuration_invalid: 500,
  spool_full: 503,
  spool_unavailable: 503,
  spool_locked: 503,
  object_too_large: 413,
  object_mismatch: 400,
  object_unreadable: 400,
  association_rejected: 502,
  association_aborted: 502,
  association_timeout: 504,
  protocol_violation: 502,
  peer_unreachable: 502,
  peer_refused: 502,
  token_unavailable: 503,
  origin_unavailable: 502,
  origin_refused: 502,
  origin_answer_invalid: 502,
  not_found: 404,
  not_acceptable: 406,
  unsupported_media_type: 415,
  invalid_question: 400,
  insufficient_scope: 403,
  unknown_tenant: 403,
};

/** Long enough for a service to come back, short enough for somebody who waits at a screen. */
const usualWaitSeconds = 5;

/** The answer to a request that failed with this error; an unknown one is a defect of ours. */
export function httpFailureOf(error: unknown): HttpFailure {
  if (!(error instanceof BridgeError)) return { status: 500, code: 'internal_error' };
  const { code, message } = error;
  const status = error instanceof OriginUnavailableError ? outageStatus(error) : statusOf[code];
  return {
    status,
    code,
    // The same for what is not there and for what this caller may not know of (HOSTILE D31).
    ...(status !== 404 && { detail: message }),
    ...(status === 503 && { retryAfterSeconds: waitSeconds(error) }),
  };
}

/** The reason phrase of each status the front answers with (RFC 9110 §15, RFC 6585). */
export function titleOf(status: number): string {
  return titles[status] ?? 'Error';
}

/** RFC 9110 §15.6.3 to §15.6.5: overloaded, silent, or simply not there. */
function outageStatus({ status, cause }: OriginUnavailableError): number {
  if (status === 503 || status === 429) return 503;
  if (status === 504 || status === 408) return 504;
  const fault = transportFaultOf(cause);
  return fault === 'timeout' || fault === 'connect-timeout' ? 504 : 502;
}

function waitSeconds(error: BridgeError): number {
  const asked = error instanceof OriginUnavailableError ? error.retryAfterMs : undefined;
  return asked === undefined ? usualWaitSeconds : Math.max(1, Math.ceil(asked / 1000));
}

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  406: 'Not Acceptable',
  408: 'Request Timeout',
  413: 'Content Too Large',
  414: 'URI Too Long',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  431: 'Request Header Fields Too Large',
  500: 'Internal Server Error',
  501: 'Not Implemented',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
};
