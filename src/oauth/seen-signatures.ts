import type { CryptoKey } from 'jose';
import { tokenDigest } from './token-digest.ts';

/** Callers of one bridge that come back; whoever is forgotten is verified once more. */
const maxTokensPerKey = 1_000;

/**
 * Remembers which tokens a key has signed. A viewer shows the same one with each of a thousand
 * requests, and to verify it takes longer than all the rest of a small answer.
 *
 * Nothing but the signature is remembered: what the token says is judged each time. A key that nobody
 * finds any more takes along what it signed. Tokens are held as digests, which open no door.
 */
export class SeenSignatures {
  readonly #byKey = new WeakMap<CryptoKey, Set<string>>();

  has(key: CryptoKey, token: string): boolean {
    return this.#byKey.get(key)?.has(tokenDigest(token)) ?? false;
  }

  /** @param token - whose signature by this key has been verified; the oldest one makes room. */
  add(key: CryptoKey, token: string): void {
    const seen = this.#byKey.get(key) ?? new Set();
    this.#byKey.set(key, seen.add(tokenDigest(token)));
    const [oldest] = seen;
    if (seen.size > maxTokensPerKey && oldest !== undefined) seen.delete(oldest);
  }
}
