import { BridgeError } from './bridge-error.ts';

/** The archive, or the way to it, does not answer (DNS, TCP, TLS, timeout, reset, 5xx). Transient. */
export class OriginUnavailableError extends BridgeError {
  readonly status: number | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: {
      readonly status?: number;
      readonly retryAfterMs?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super('origin_unavailable', message, {
      transient: true,
      cause: options.cause,
      facts: { status: options.status, retryAfterMs: options.retryAfterMs },
    });
    this.status = options.status;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** The archive refuses us or what we ask (401, 403, 404, 405, 415): somebody must change something. */
export class OriginRefusedError extends BridgeError {
  readonly status: number;

  constructor(message: string, status: number) {
    super('origin_refused', message, { transient: false, facts: { status } });
    this.status = status;
  }
}

/** The archive's answer is not what PS3.18 prescribes (HTML, cut JSON, a redirect). Transient. */
export class OriginAnswerError extends BridgeError {
  constructor(
    message: string,
    options: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    super('origin_answer_invalid', message, {
      transient: true,
      cause: options.cause,
      facts: { status: options.status },
    });
  }
}

/** What was asked for is not in the archive. Final. */
export class NotFoundError extends BridgeError {
  constructor(message: string) {
    super('not_found', message, { transient: false });
  }
}

/** No access token could be had: the token endpoint is down, slow, or refuses our client. */
export class TokenUnavailableError extends BridgeError {
  constructor(
    message: string,
    options: { readonly transient: boolean; readonly status?: number; readonly cause?: unknown },
  ) {
    super('token_unavailable', message, {
      transient: options.transient,
      cause: options.cause,
      facts: { status: options.status },
    });
  }
}
