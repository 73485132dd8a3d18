import { importJWK } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { BridgeError } from '../errors/bridge-error.ts';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { parseObject, readText } from './bounded-text.ts';
import { discoverKeySetUrl } from './issuer-metadata.ts';
import type { IssuerSettings } from './issuer-metadata.ts';
import { unreachable } from './unreachable.ts';

/** Where an issuer's keys are, and how long they are believed. */
export interface KeySetOptions {
  /** Asked where its keys are, unless `url` says so. */
  readonly issuer: string;
  readonly url?: string | undefined;
  /** Whether the issuer may name an `http:` key set that is not on this machine. */
  readonly allowPlaintext: boolean;
  readonly dispatcher: Dispatcher;
  /** For one whole exchange; 5 s unless said otherwise, because requests wait for it. */
  readonly timeoutMs?: number;
  /** After so long the keys are fetched anew; 10 minutes unless said otherwise. */
  readonly maxAgeMs?: number;
  /** While they cannot be, the last ones hold for so long; 24 hours unless said otherwise. */
  readonly keepMs?: number;
  /** The issuer is asked no more often, whatever key ids are presented; 30 s unless said otherwise. */
  readonly cooldownMs?: number;
  readonly now: () => number;
  readonly log: Logger;
}

/** Which key a token wants. */
export interface WantedKey {
  readonly keyId: string | undefined;
  readonly algorithm: string;
}

type ImportedKey = CryptoKey | undefined;

interface HeldKeys {
  readonly keys: readonly JWK[];
  readonly fetchedAt: number;
}

const settings: IssuerSettings = {
  issuer: 'DRAWBRIDGE_OIDC_ISSUER',
  instead: 'DRAWBRIDGE_OIDC_JWKS_URL',
};
/** A key with its certificates takes some kilobytes, and large issuers publish dozens. */
const maxKeySetBytes = 512 * 1024;
const emptyCooldownMs = 5_000;
/** A token without a key id is tried with no more keys than these. */
const maxCandidates = 8;

/**
 * The public keys of an issuer (RFC 7517): fetched when first needed, held, and fetched anew when
 * they are old or a token names a key they do not have, by one request however many wait, and never
 * more often than the cool-down allows.
 */
export class KeySet {
  readonly #options: KeySetOptions;
  readonly #imported = new WeakMap<JWK, Map<string, Promise<ImportedKey>>>();
  readonly #closing = new AbortController();
  #held: HeldKeys | undefined;
  #askedAt = -Infinity;
  #hasFailed = false;
  #refresh: Promise<void> | undefined;

  constructor(options: KeySetOptions) {
    this.#options = options;
  }

  /**
   * Finds the keys that may have signed a token.
   *
   * @returns none when the issuer has no such key; `undefined` when that cannot be told because the
   *   issuer does not answer.
   */
  async find(wanted: WantedKey): Promise<readonly CryptoKey[] | undefined> {
    const { now, maxAgeMs = 10 * 60_000, keepMs = 24 * 60 * 60_000 } = this.#options;
    if (this.#ageMs(now()) >= maxAgeMs) await this.#refetch();
    if (this.#ageMs(now()) >= keepMs) return undefined;
    const found = await this.#candidates(wanted);
    if (found.length > 0) return found;
    await this.#refetch();
    const foundNow = await this.#candidates(wanted);
    return foundNow.length === 0 && this.#hasFailed ? undefined : foundNow;
  }

  /** Ends what is under way; whoever waits gets `undefined`. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('closing'));
    await this.#refresh;
  }

  #ageMs(now: number): number {
    return this.#held === undefined ? Infinity : now - this.#held.fetchedAt;
  }

  async #candidates({ keyId, algorithm }: WantedKey): Promise<readonly CryptoKey[]> {
    const fitting = (this.#held?.keys ?? []).filter(
      (key) => (keyId === undefined || key.kid === keyId) && mayVerify(key, algorithm),
    );
    const keys = fitting.slice(0, maxCandidates).map((key) => this.#import(key, algorithm));
    return (await Promise.all(keys)).filter((key) => key !== undefined);
  }

  #import(jwk: JWK, algorithm: string): Promise<ImportedKey> {
    const byAlgorithm = this.#imported.get(jwk) ?? new Map<string, Promise<ImportedKey>>();
    this.#imported.set(jwk, byAlgorithm);
    const key = byAlgorithm.get(algorithm) ?? importPublicKey(jwk, algorithm);
    byAlgorithm.set(algorithm, key);
    return key;
  }

  /** Unless it was done a moment ago. Never rejects: what there is remains. */
  #refetch(): Promise<void> {
    const { now, cooldownMs = 30_000 } = this.#options;
    if (this.#refresh) return this.#refresh;
    // Without any key every request fails: then it is worth asking sooner.
    const waitMs = this.#held === undefined ? Math.min(cooldownMs, emptyCooldownMs) : cooldownMs;
    if (now() - this.#askedAt < waitMs) return Promise.resolve();
    this.#askedAt = now();
    this.#refresh = this.#fetch().finally(() => {
      this.#refresh = undefined;
    });
    return this.#refresh;
  }

  async #fetch(): Promise<void> {
    const { log, now } = this.#options;
    try {
      const keys = await this.#fetchKeys();
      this.#held = { keys, fetchedAt: now() };
      this.#hasFailed = false;
      log.debug({ keys: keys.length }, "fetched the issuer's keys");
    } catch (error) {
      this.#hasFailed = true;
      if (this.#closing.signal.aborted) return;
      const facts = error instanceof BridgeError ? error.facts : { err: error };
      const message = error instanceof BridgeError ? error.message : 'fetching keys failed';
      const hint = this.#held ? ' (its last keys hold for the time being)' : '';
      log.warn({ ...facts }, `${message}${hint}`);
    }
  }

  async #fetchKeys(): Promise<readonly JWK[]> {
    const { issuer, url, timeoutMs = 5_000, dispatcher, allowPlaintext } = this.#options;
    const { signal } = this.#closing;
    const exchange = { dispatcher, timeoutMs, signal };
    const keySetUrl =
      url ?? (await discoverKeySetUrl(issuer, { ...exchange, allowPlaintext, settings }));
    const { status, text } = await this.#get(keySetUrl, exchange);
    if (status !== 200) throw unusable(`answers HTTP ${status}`, status);
    if (text === undefined) throw unusable('is far too long', status);
    const keys = parseObject(text)?.['keys'];
    if (!Array.isArray(keys)) throw unusable('is no key set', status);
    return keys.filter((key) => typeof key === 'object' && key !== null) as readonly JWK[];
  }

  async #get(
    url: string,
    {
      dispatcher,
      timeoutMs,
      signal,
    }: {
      readonly dispatcher: Dispatcher;
      readonly timeoutMs: number;
      readonly signal: AbortSignal;
    },
  ): Promise<{ readonly status: number; readonly text: string | undefined }> {
    try {
      const answer = await request(url, {
        dispatcher,
        headers: { accept: 'application/jwk-set+json, application/json' },
        signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
      return { status: answer.statusCode, text: await readText(answer.body, maxKeySetBytes) };
    } catch (cause) {
      throw unreachable("the issuer's key set", `${settings.issuer} or ${settings.instead}`, cause);
    }
  }
}

/** RFC 7517 §4.2 to §4.4; which types of key fit which algorithm: RFC 7518 §3.1, RFC 8037 §3.1. */
function mayVerify({ kty, crv, use, alg, key_ops: operations }: JWK, algorithm: string): boolean {
  const isMeant =
    (use === undefined || use === 'sig') &&
    (alg === undefined || alg === algorithm) &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')));
  if (!isMeant) return false;
  if (/^[RP]S/.test(algorithm)) return kty === 'RSA';
  if (algorithm === 'EdDSA') return kty === 'OKP' && crv === 'Ed25519';
  return kty === 'EC' && crv === curves[algorithm];
}

const curves: Readonly<Record<string, string>> = {
  ES256: 'P-256',
  ES384: 'P-384',
  ES512: 'P-521',
};

/** A key that cannot be read is as good as none; the others still count. */
async function importPublicKey(jwk: JWK, algorithm: string): Promise<ImportedKey> {
  try {
    // The public part only, whatever somebody published by mistake.
    const { kty, n, e, crv, x, y } = jwk;
    const parts = { kty, n, e, crv, x, y };
    const present = Object.entries(parts).filter(([, value]) => value !== undefined);
    const key = await importJWK(Object.fromEntries(present) as JWK, algorithm);
    return key instanceof Uint8Array ? undefined : key;
  } catch {
    return undefined;
  }
}

function unusable(what: string, status: number): TokenUnavailableError {
  return new TokenUnavailableError(
    `the issuer's key set ${what}; check ${settings.issuer} or ${settings.instead}`,
    { transient: true, status },
  );
}
