import { decodeJwt } from 'jose';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import { parseObject } from './bounded-text.ts';
import type { ClientProof } from './client-proof.ts';

/** An access token and how long it may be used. */
export interface AccessToken {
  readonly authorization: string;
  /** 0 for a token that is not to be kept. */
  readonly lifetimeMs: number;
  /** Milliseconds since the epoch by the server's clock, where the token says so. */
  readonly issuedAt: number | undefined;
}

/** Where the server does not say: RFC 6749 §5.1 leaves it open, and a 401 ends it early anyway. */
const unstatedLifetimeMs = 5 * 60 * 1000;
const longestLifetimeMs = 24 * 60 * 60 * 1000;

/**
 * Reads the answer of a token end point (RFC 6749 §5).
 *
 * Neither the token nor a word of the body gets into an error, except a registered-looking `error`
 * code: a server may well repeat our secret in what it says.
 *
 * @param body - the whole body; `undefined` when it was longer than we read.
 * @throws {@link TokenUnavailableError}
 */
export function readTokenAnswer(answer: {
  readonly status: number;
  readonly body: string | undefined;
  readonly clientAuth: ClientProof['clientAuth'];
}): AccessToken {
  const { status, body, clientAuth } = answer;
  if (status !== 200 && status !== 201) throw refusal(status, body, clientAuth);
  if (body === undefined) throw unusable(status, 'an answer far too long for a token');
  const fields = parseObject(body);
  if (!fields) throw unusable(status, 'something that is not JSON');

  const type = fields['token_type'];
  // Some leave it out though it is required; a type we cannot speak is another matter (§7.1).
  if (type !== undefined && (typeof type !== 'string' || type.toLowerCase() !== 'bearer')) {
    throw new TokenUnavailableError(
      'the token server gives tokens of a type other than Bearer; let it give Bearer tokens to this client',
      { transient: false, status },
    );
  }
  const token = fields['access_token'];
  // Visible ASCII only (§A.12): anything else would break the header or smuggle another one in.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw unusable(status, 'no usable access_token');
  }
  const { lifetimeMs: ownLifetimeMs, issuedAt } = timesOf(token);
  const statedMs = statedLifetimeMs(fields['expires_in']);
  return {
    authorization: `Bearer ${token}`,
    lifetimeMs: Math.min(
      longestLifetimeMs,
      statedMs ?? ownLifetimeMs ?? unstatedLifetimeMs,
      ownLifetimeMs ?? Infinity,
    ),
    issuedAt,
  };
}

/**
 * What a JWT says of its own time. Only the difference of `exp` and `iat` is used, never `exp` and our
 * clock: the two clocks may be far apart. Nothing here is believed in a way that needs the signature.
 */
function timesOf(token: string): {
  readonly lifetimeMs: number | undefined;
  readonly issuedAt: number | undefined;
} {
  try {
    const { exp, iat } = decodeJwt(token);
    if (typeof iat !== 'number') return { lifetimeMs: undefined, issuedAt: undefined };
    const lifetimeMs = typeof exp === 'number' && exp > iat ? (exp - iat) * 1000 : undefined;
    return { lifetimeMs, issuedAt: iat * 1000 };
  } catch {
    return { lifetimeMs: undefined, issuedAt: undefined };
  }
}

/** Seconds, also as a string; what ends at once is used at once and not kept. */
function statedLifetimeMs(expiresIn: unknown): number | undefined {
  const seconds =
    typeof expiresIn === 'string' && expiresIn.trim() !== '' ? Number(expiresIn) : expiresIn;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) return undefined;
  return Math.max(0, seconds * 1000);
}

function unusable(status: number, what: string): TokenUnavailableError {
  return new TokenUnavailableError(
    `the token server sent ${what}; check that DRAWBRIDGE_UPSTREAM_TOKEN_URL is its token end point`,
    { transient: true, status },
  );
}

/** What to look at, per error code of RFC 6749 §5.2 and RFC 8707 §2. */
const advice: Readonly<Record<string, string>> = {
  unauthorized_client: 'allow the client_credentials grant for DRAWBRIDGE_UPSTREAM_CLIENT_ID',
  unsupported_grant_type: 'allow the client_credentials grant at the token server',
  invalid_scope: 'check DRAWBRIDGE_UPSTREAM_SCOPE',
  invalid_target: 'check DRAWBRIDGE_UPSTREAM_AUDIENCE',
};

const secretAdvice =
  'check DRAWBRIDGE_UPSTREAM_CLIENT_ID, DRAWBRIDGE_UPSTREAM_CLIENT_SECRET and DRAWBRIDGE_UPSTREAM_CLIENT_AUTH';

/** What to look at when the server does not believe that we are its client. */
const proofAdvice: Readonly<Record<ClientProof['clientAuth'], string>> = {
  basic: secretAdvice,
  post: secretAdvice,
  private_key_jwt:
    'check DRAWBRIDGE_UPSTREAM_CLIENT_ID, that the server knows the public part of DRAWBRIDGE_UPSTREAM_CLIENT_KEY by the same key id and algorithm, DRAWBRIDGE_UPSTREAM_CLIENT_ASSERTION_AUDIENCE, and the clock of this machine',
  tls_client_auth:
    'check DRAWBRIDGE_UPSTREAM_CLIENT_ID, and that the server knows the subject of DRAWBRIDGE_UPSTREAM_TLS_CERT and trusts its authority',
};

function refusal(
  status: number,
  body: string | undefined,
  clientAuth: ClientProof['clientAuth'],
): TokenUnavailableError {
  if (status >= 300 && status <= 399) {
    return new TokenUnavailableError(
      'the token server answered with a redirect, which is never followed; set DRAWBRIDGE_UPSTREAM_TOKEN_URL to the address it leads to',
      { transient: false, status },
    );
  }
  const transient = status >= 500 || [408, 425, 429].includes(status);
  const code = errorCode(body);
  const said = code === undefined ? `HTTP ${status}` : `HTTP ${status}, ${code}`;
  if (transient) {
    return new TokenUnavailableError(`the token server cannot answer at the moment (${said})`, {
      transient,
      status,
    });
  }
  const isProof = code === 'invalid_client' || (status === 401 && advice[code ?? ''] === undefined);
  const hint = isProof ? proofAdvice[clientAuth] : advice[code ?? ''];
  return new TokenUnavailableError(
    `the token server refuses us (${said}); ${hint ?? 'check DRAWBRIDGE_UPSTREAM_TOKEN_URL and what belongs to it'}`,
    { transient, status },
  );
}

/** Codes are lower-case words (§5.2, §8.5); whatever looks otherwise is not quoted. */
function errorCode(body: string | undefined): string | undefined {
  const code = body === undefined ? undefined : parseObject(body)?.['error'];
  return typeof code === 'string' && /^[a-z][a-z_]{2,39}$/.test(code) ? code : undefined;
}
