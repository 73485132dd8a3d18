import { everyScope } from '../access/principal.ts';
import type { Scope } from '../access/principal.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';
import { refused } from './token-verdict.ts';
import type { RefusedToken, TokenVerdict } from './token-verdict.ts';

export type Claims = Readonly<Record<string, unknown>>;

/** What the claims of a token have to say to be for us. */
export interface ClaimRules {
  /** To the character; no slash is forgiven (RFC 8725 §3.8, RFC 8414 §2). */
  readonly issuer: string;
  /** Any of these in `aud` will do. */
  readonly audiences: readonly string[];
  readonly clockToleranceMs: number;
  /** What the issuer calls our scopes. */
  readonly scopeNames: Readonly<Record<Scope, string>>;
  /** Claims that may hold scopes: a string of words, or an array. */
  readonly scopeClaims: readonly string[];
  readonly tenantClaim: string;
  /** Introspection may leave `iss` out: who answers is known by where we asked (RFC 7662 §2.2). */
  readonly issuerOptional?: boolean;
}

/** Year 9999. Later ends are milliseconds taken for seconds, or nonsense. */
const latestSeconds = 253_402_300_799;
/** More would not be a grant but a worklist; a token is sent with every request. */
const maxStudies = 500;

/**
 * Judges what a token says of itself and makes a principal of it. Who signed it, or vouched for it
 * in an introspection, is the caller's to know; the clock too.
 *
 * @see RFC 7519 §4.1, RFC 9068 §4, RFC 8725 §3
 */
export function judgeClaims(claims: Claims, rules: ClaimRules, nowMs: number): TokenVerdict {
  const problem = isForAnother(claims, rules) ?? isNoAccessToken(claims);
  if (problem !== undefined) return problem;
  const times = readTimes(claims, rules, nowMs);
  if ('ok' in times) return times;

  const studies = readStudies(claims['studies']);
  const tenant = readTenant(claims[rules.tenantClaim]);
  const subject = [claims['sub'], claims['client_id'], claims['azp']].find(isUsableText);
  if (studies === unusable) return refused('claims', 'the claim studies is not a list of UIDs');
  if (tenant === unusable) return refused('claims', 'the tenant of the token is not one name');
  if (subject === undefined) return refused('claims', 'the token does not say whose it is');
  const scopes = readScopes(claims, rules);
  if (scopes.size === 0) {
    return refused('insufficient_scope', 'the token has none of the scopes of this bridge');
  }
  const tokenId = claims['jti'];
  return {
    ok: true,
    principal: {
      subject,
      issuer: rules.issuer,
      displayName: displayNameOf(subject),
      scopes,
      tenant,
      studies,
      tokenId: isUsableText(tokenId) ? tokenId : undefined,
      expiresAt: times.expiresAt,
    },
  };
}

function isForAnother(claims: Claims, rules: ClaimRules): RefusedToken | undefined {
  const { iss, aud } = claims;
  if (iss !== rules.issuer && !(iss === undefined && rules.issuerOptional === true)) {
    return refused('issuer', 'the token comes from another issuer');
  }
  const audiences: readonly unknown[] = Array.isArray(aud) ? aud : [aud];
  if (!audiences.some((one) => rules.audiences.some((ours) => ours === one))) {
    return refused('audience', 'the token is for another audience');
  }
  return undefined;
}

/**
 * ID tokens tell a client who signed in, and were never meant for us (OpenID Connect Core §2, §3.1.3.6,
 * §3.3.2.11); Keycloak marks all its tokens in the payload. A token bound to a key or a certificate is
 * worth nothing without the proof, which a plain Bearer request does not bring (RFC 8705 §3, RFC 9449 §7).
 */
function isNoAccessToken(claims: Claims): RefusedToken | undefined {
  const isIdToken =
    ['nonce', 'at_hash', 'c_hash'].some((claim) => Object.hasOwn(claims, claim)) ||
    notForResources.has(claims['typ']);
  if (isIdToken) return refused('id_token', 'this is not an access token');
  if (Object.hasOwn(claims, 'cnf')) {
    return refused(
      'sender_constrained',
      'the token is bound to a key and cannot be used as Bearer',
    );
  }
  return undefined;
}

/** Keycloak's words for the tokens it gives beside access tokens. */
const notForResources: ReadonlySet<unknown> = new Set(['ID', 'Refresh', 'Offline', 'Logout']);

function readTimes(
  { exp, nbf, iat }: Claims,
  { clockToleranceMs }: ClaimRules,
  nowMs: number,
): { readonly expiresAt: number } | RefusedToken {
  if (!isTime(exp)) return refused('claims', 'the token does not say when it ends');
  if ([nbf, iat].some((time) => time !== undefined && !isTime(time))) {
    return refused('claims', 'the times of the token cannot be read');
  }
  if (nowMs >= exp * 1000 + clockToleranceMs) return refused('expired', 'the token has expired');
  const begins = Math.max(...[nbf, iat].filter(isTime), 0);
  if (nowMs < begins * 1000 - clockToleranceMs) {
    return refused('not_yet_valid', 'the token is not valid yet');
  }
  return { expiresAt: exp * 1000 };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= latestSeconds;
}

function readScopes(claims: Claims, rules: ClaimRules): ReadonlySet<Scope> {
  const words = new Set<unknown>(
    rules.scopeClaims.flatMap((claim) => {
      const value = Object.hasOwn(claims, claim) ? claims[claim] : undefined;
      if (typeof value === 'string') return value.split(' ');
      return Array.isArray(value) ? (value as readonly unknown[]) : [];
    }),
  );
  return new Set(everyScope.filter((scope) => words.has(rules.scopeNames[scope])));
}

/** There, and not what it has to be: whoever meant to limit the token must not find it unlimited. */
const unusable = Symbol('unusable');

function readStudies(value: unknown): ReadonlySet<Uid> | undefined | typeof unusable {
  if (value === undefined) return undefined;
  if (!Array.isArray(value) || value.length > maxStudies) return unusable;
  const uids = value.map((item) => (typeof item === 'string' ? parseUid(item) : undefined));
  const isExact = uids.every((uid, index) => uid !== undefined && uid === value[index]);
  return isExact ? new Set(uids as readonly Uid[]) : unusable;
}

/** ASCII only: names that look alike must not be taken for one another. */
function readTenant(value: unknown): string | undefined | typeof unusable {
  if (value === undefined) return undefined;
  return typeof value === 'string' && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)
    ? value
    : unusable;
}

function isUsableText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 256;
}

function displayNameOf(subject: string): string {
  return subject.replace(/[^\x20-\x7e]/g, '?').slice(0, 64);
}
