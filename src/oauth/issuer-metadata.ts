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

interface DiscoveryOptions {
  readonly dispatcher: Dispatcher;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
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
  const problems: TokenUnavailableError[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      return readMetadata(issuer, await fetchMetadata(url, options), options.allowPlaintext);
    } catch (error) {
      options.signal.throwIfAborted();
      if (!(error instanceof TokenUnavailableError)) throw error;
      problems.push(error);
      // Who cannot be reached at one address will not be at the other.
      if (error.cause !== undefined) break;
    }
  }
  const telling = problems.find((problem) => problem.facts['status'] !== 404);
  throw telling ?? problems[0] ?? unusable('gives no metadata', false);
}

function metadataUrls(issuer: string): readonly string[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [
    `${origin}${path}/.well-known/openid-configuration`,
    `${origin}/.well-known/oauth-authorization-server${path}`,
  ];
}

async function fetchMetadata(
  url: string,
  { dispatcher, timeoutMs, signal }: DiscoveryOptions,
): Promise<Readonly<Record<string, unknown>>> {
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
    throw unreachable('the issuer', variable, cause);
  }
  if (status >= 300 && status <= 399) throw unusable('answers with a redirect', false, status);
  if (status !== 200) {
    const transient = status >= 500 || [408, 425, 429].includes(status);
    throw unusable(`gives no metadata (HTTP ${status})`, transient, status);
  }
  const metadata = text === undefined ? undefined : parseObject(text);
  // A captive portal does so for a while, a mistyped issuer for ever.
  if (metadata === undefined) throw unusable('sent something that is not JSON', true, status);
  return metadata;
}

function readMetadata(
  issuer: string,
  metadata: Readonly<Record<string, unknown>>,
  allowPlaintext: boolean,
): TokenEndpoint {
  if (metadata['issuer'] !== issuer) {
    const hint = 'calls itself by another name, which counts to the last slash';
    throw unusable(hint, false, 200);
  }
  const aliases = metadata['mtls_endpoint_aliases'];
  const alias =
    typeof aliases === 'object' && aliases !== null && 'token_endpoint' in aliases
      ? aliases.token_endpoint
      : undefined;
  const tokenUrl = metadata['token_endpoint'];
  return {
    tokenUrl: checkedUrl(tokenUrl, allowPlaintext),
    mtlsTokenUrl: alias === undefined ? undefined : checkedUrl(alias, allowPlaintext),
  };
}

/** The metadata decides where our credentials go: not over a line others listen on. */
function checkedUrl(value: unknown, allowPlaintext: boolean): string {
  if (typeof value !== 'string' || !URL.canParse(value)) {
    throw unusable('names no token end point', false, 200);
  }
  const { protocol, hostname, username, password } = new URL(value);
  const isPrivate = protocol === 'https:' || isLoopbackHost(hostname) || allowPlaintext;
  if (!/^https?:$/.test(protocol) || !isPrivate || username !== '' || password !== '') {
    throw unusable('names a token end point that is not https:', false, 200);
  }
  return value;
}

const variable = 'DRAWBRIDGE_UPSTREAM_ISSUER';

function unusable(what: string, transient: boolean, status?: number): TokenUnavailableError {
  return new TokenUnavailableError(
    `the issuer ${what}; check ${variable}, or set DRAWBRIDGE_UPSTREAM_TOKEN_URL in its place`,
    { transient, ...(status !== undefined && { status }) },
  );
}
