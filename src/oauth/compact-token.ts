import { Buffer } from 'node:buffer';
import { parseObject } from './bounded-text.ts';
import type { Claims } from './token-claims.ts';
import { tokenDigest } from './token-digest.ts';

/** A JWT taken apart; nothing of it is believed yet. */
export interface CompactToken {
  readonly algorithm: string;
  readonly keyId: string | undefined;
  readonly type: string | undefined;
  readonly claims: Claims;
}

/** No issuer needs more, and header lines of more are refused by most servers on the way. */
export const maxTokenLength = 16_384;
const maxKeyIdLength = 256;
const maxDepth = 16;
const segments = /^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]*$/;

/** Says whether a token has the shape of a JWS (RFC 7515 §7.1); others can only be asked about. */
export function hasJwtShape(token: string): boolean {
  return token.startsWith('eyJ') && token.includes('.');
}

/**
 * Takes a JWT apart.
 *
 * Of the header only `alg`, `kid` and `typ` are read. What could bring a key along or lead to one
 * (`jwk`, `jku`, `x5c`, `x5u`) is never looked at; `crit` names what we would have to understand and
 * do not (RFC 7515 §4.1.11). A name that stands there twice could mean one thing to us and another
 * to whoever looked at the token before (§4).
 *
 * @returns `undefined` for whatever is no such token.
 */
export function takeApart(token: string): CompactToken | undefined {
  if (token.length > maxTokenLength) return undefined;
  const digest = tokenDigest(token);
  const known = taken.get(digest);
  if (known !== undefined) return known;
  const parts = readCompact(token);
  if (parts === undefined) return undefined;
  taken.set(digest, parts);
  const [oldest] = taken.keys();
  if (taken.size > mostTaken && oldest !== undefined) taken.delete(oldest);
  return parts;
}

/**
 * Those taken apart last, by their digests: several look at the same token, for each of the many requests of a viewer.
 * What is found here is as little believed as what is read.
 */
const taken = new Map<string, CompactToken>();
const mostTaken = 64;

function readCompact(token: string): CompactToken | undefined {
  const [, headerPart = '', claimsPart = ''] = segments.exec(token) ?? [];
  const header = readPart(headerPart);
  const claims = readPart(claimsPart);
  if (header === undefined || claims === undefined) return undefined;
  const { alg, kid, typ, crit } = header;
  if (typeof alg !== 'string' || crit !== undefined) return undefined;
  if (kid !== undefined && (typeof kid !== 'string' || kid.length > maxKeyIdLength))
    return undefined;
  if (typ !== undefined && typeof typ !== 'string') return undefined;
  return { algorithm: alg, keyId: kid, type: typ, claims };
}

function readPart(part: string): Claims | undefined {
  const text = Buffer.from(part, 'base64url').toString('utf8');
  const object = text === '' ? undefined : parseObject(text);
  return object !== undefined && countNames(object) === countWrittenNames(text)
    ? object
    : undefined;
}

function countWrittenNames(json: string): number {
  return Array.from(json.matchAll(/"(?:[^"\\]|\\.)*"\s*(:)?/g)).filter(([, colon]) => colon).length;
}

/** `NaN`, which equals nothing, for what is nested deeper than any claim. */
function countNames(value: unknown, depth = 0): number {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth > maxDepth) return NaN;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce(
    (sum: number, inner) => sum + countNames(inner, depth + 1),
    own,
  );
}
