/** Codes that `translate/transport-fault.ts` knows. */
type ProxyErrorCode =
  'PROXY_UNREACHABLE' | 'PROXY_CREDENTIALS_REFUSED' | 'PROXY_REFUSED' | 'PROXY_WITHOUT_ROUTE';

/** The connection failed at the proxy, not at what lies behind it. Holds no credentials. */
export class ProxyError extends Error {
  readonly code: ProxyErrorCode;
  /** What the proxy answered to CONNECT, where it did. */
  readonly status: number | undefined;

  constructor(
    code: ProxyErrorCode,
    options: { readonly status?: number; readonly cause?: unknown } = {},
  ) {
    const answer = options.status === undefined ? '' : ` (HTTP ${options.status})`;
    super(`${code}${answer}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ProxyError';
    this.code = code;
    this.status = options.status;
  }
}
