import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { isLoopbackHost } from '../access/networks.ts';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import { parseObject, readText } from './bounded-text.ts';
import { unreachable } from './unreachable.ts';

/** Where tokens are asked for. */
export interface TokenEndpoint {
  readonly tokenUrl: string;
  /** The same for clients that show a certificate (RFC 8705 §5), where it is another. */
  readonly mtlsTokenUrl: string | undefined;
}

/** The settings an operator is told to check. */
export interface IssuerSettings {
  readonly issuer: string;
  /** What can be set in the issuer's place, and names the end point itself. */
  readonly instead: string;
}

interface FetchOptions {
  readonly dispatcher: Dispatcher;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

interface DiscoveryOptions extends FetchOptions {
  /** Whether `http:` will do where others can listen. */
  readonly allowPlaintext: boolean;
}

/**
 * Asks an issuer where its token end point is: OpenID Connect Discovery §4, or else RFC 8414 §3.
 *
 * @param issuer - to the character as the issuer writes it; otherwise what it says is not believed
 *   (OpenID Connect Discovery §4.3, RFC 8414 §3.3).
 * @throws {@link TokenUnavailableError}; the signal's reason when it was aborted.
 */
export async function discoverTokenEndpoint(
  issuer: string,
  options: DiscoveryOptions,
): Promise<TokenEndpoint> {
  const { allowPlaintext } = options;
  const read = (metadata: Metadata): TokenEndpoint => readTokenEndpoint(metadata, allowPlaintext);
  return discover(issuer, read, { ...options, settings: upstreamSettings });
}

/**
 * Asks an issuer where the keys it signs with are (`jwks_uri`), in the same way.
 *
 * @throws {@link TokenUnavailableError}; the signal's reason when it was aborted.
 */
export function discoverKeySetUrl(
  issuer: string,
  options: DiscoveryOptions & { readonly settings: IssuerSettings },
): Promise<string> {
  const check = { ...options, what: 'key set' };
  return discover(issuer, ({ jwks_uri: url }) => checkedUrl(url, check), options);
}

/** What a browser asks for when its user signs in (OpenID Connect Discovery §3). */
const browserEndpoints = ['authorization_endpoint', 'token_endpoint', 'userinfo_endpoint'] as const;

/**
 * Asks an issuer for the origins of its end points, in the same way.
 *
 * @throws {@link TokenUnavailableError}; the signal's reason when it was aborted.
 */
export function discoverEndpointOrigins(
  issuer: string,
  options: FetchOptions,
): Promise<readonly string[]> {
  const settings = { issuer: 'DRAWBRIDGE_OIDC_ISSUER', instead: 'DRAWBRIDGE_OIDC_JWKS_URL' };
  const read = (metadata: Metadata): readonly string[] =>
    browserEndpoints.flatMap((name) => {
      const url = metadata[name];
      const isUrl = typeof url === 'string' && /^https?:/i.test(url) && URL.canParse(url);
      return isUrl ? [new URL(url).origin] : [];
    });
  return discover(issuer, read, { ...options, settings });
}

type Metadata = Readonly<Record<string, unknown>>;
type FullOptions = FetchOptions & { readonly settings: IssuerSettings };

async function discover<T>(
  issuer: string,
  read: (metadata: Metadata) => T,
  options: FullOptions,
): Promise<T> {
  const { settings } = options;
  const problems: TokenUnavailableError[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      const metadata = await fetchMetadata(url, options);
      if (metadata['issuer'] === issuer) return read(metadata);
      const hint = 'calls itself by another name, which counts to the last slash';
      throw unusable(hint, false, { settings, status: 200 });
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof TokenUnavailableError)) throw error;
      problems.push(error);
      // Who cannot be reached at one address will not be at the other.
      if (error.cause !== undefined) break;
    }
  }
  const telling = problems.find((problem) => problem.facts['status'] !== 404);
  throw telling ?? problems[0] ?? unusable('gives no metadata', false, { settings });
}

/** Where an issuer's metadata may be, the likelier first. */
export function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

async function fetchMetadata(
  url: string,
  { dispatcher, timeoutMs, signal, settings }: FullOptions,
): Promise<Metadata> {
  let status: number;
  let text: string | undefined;
  try {
    const answer = await request(url, {
      dispatcher,
      headers: { accept: 'application/json' },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    status = answer.statusCode;
    text = await readText(answer.body);
  } catch (cause) {
    throw unreachable('the issuer', settings.issuer, cause);
  }
  const told = { settings, status };
  if (status >= 300 && status <= 399) throw unusable('answers with a redirect', false, told);
  if (status !== 200) {
    const transient = status >= 500 || [408, 425, 429].includes(status);
    throw unusable(`gives no metadata (HTTP ${status})`, transient, told);
  }
  const metadata = text === undefined ? undefined : parseObject(text);
  // A captive portal does so for a while, a mistyped issuer for ever.
  if (metadata === undefined) throw unusable('sent something that is not JSON', true, told);
  return metadata;
}

function readTokenEndpoint(metadata: Metadata, allowPlaintext: boolean): TokenEndpoint {
  const check = { allowPlaintext, settings: upstreamSettings, what: 'token end point' };
  const aliases = metadata['mtls_endpoint_aliases'];
  const alias =
    typeof aliases === 'object' && aliases !== null && 'token_endpoint' in aliases
      ? aliases.token_endpoint
      : undefined;
  const tokenUrl = metadata['token_endpoint'];
  return {
    tokenUrl: checkedUrl(tokenUrl, check),
    mtlsTokenUrl: alias === undefined ? undefined : checkedUrl(alias, check),
  };
}

/**
 * The metadata decides where our credentials go, and whose keys we believe: not over a line others
 * listen on or speak on.
 */
function checkedUrl(
  value: unknown,
  {
    allowPlaintext,
    settings,
    what,
  }: {
    readonly allowPlaintext: boolean;
    readonly settings: IssuerSettings;
    readonly what: string;
  },
): string {
  const told = { settings, status: 200 };
  if (typeof value !== 'string' || !URL.canParse(value)) {
    throw unusable(`names no ${what}`, false, told);
  }
  const { protocol, hostname, username, password } = new URL(value);
  const isPrivate = protocol === 'https:' || isLoopbackHost(hostname) || allowPlaintext;
  if (!/^https?:$/.test(protocol) || !isPrivate || username !== '' || password !== '') {
    throw unusable(`names a ${what} that is not https:`, false, told);
  }
  return value;
}

const upstreamSettings: IssuerSettings = {
  issuer: 'DRAWBRIDGE_UPSTREAM_ISSUER',
  instead: 'DRAWBRIDGE_UPSTREAM_TOKEN_URL',
};

function unusable(
  what: string,
  transient: boolean,
  { settings, status }: { readonly settings: IssuerSettings; readonly status?: number },
): TokenUnavailableError {
  return new TokenUnavailableError(
    `the issuer ${what}; check ${settings.issuer}, or set ${settings.instead} in its place`,
    { transient, ...(status !== undefined && { status }) },
  );
}
