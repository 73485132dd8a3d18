type Headers = Readonly<Record<string, string>>;

/** What a browser is told about pages of other origins (Fetch standard §3.3). */
export interface Cors {
  /** Is this the question a browser asks before the request? */
  isPreflight(request: {
    readonly method: string;
    readonly origin: string | undefined;
    readonly requestedMethod: string | undefined;
  }): boolean;
  /** The answer to that question: 204, and what is allowed where anything is. */
  preflightHeaders(origin: string | undefined): Headers;
  /** What every other answer carries, errors too: else a page sees only that something failed. */
  headers(origin: string | undefined): Headers;
}

/**
 * Allows pages of some origins to read answers. Tokens travel in a header that only a script can set,
 * never in cookies, so credentials are not allowed and no page gains by being looked at.
 *
 * @param origins - compared as a whole (HOSTILE D37): `https://viewer.example`.
 */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins);
  const headers = (origin: string | undefined): Headers =>
    origin !== undefined && allowed.has(origin) ? { 'access-control-allow-origin': origin } : {};
  return {
    isPreflight: ({ method, origin, requestedMethod }) =>
      method === 'OPTIONS' && origin !== undefined && requestedMethod !== undefined,
    preflightHeaders: (origin) => ({
      ...(origin !== undefined && allowed.has(origin) && preflight),
      ...headers(origin),
      vary: 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers',
    }),
    headers,
  };
}

/** What OHIF needs: without Accept it shows images and no PDF, and says nothing of it. */
const preflight: Headers = {
  'access-control-allow-methods': 'GET, POST, OPTIONS',
  'access-control-allow-headers': 'Authorization, Accept, Content-Type',
  'access-control-max-age': '600',
};
