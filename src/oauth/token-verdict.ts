import type { Principal } from '../access/principal.ts';
import type { TokenRefusal } from '../access/token-refusals.ts';

/** A token that is not accepted. The description may be shown to whoever sent it. */
export interface RefusedToken {
  readonly ok: false;
  readonly reason: TokenRefusal;
  /** A sentence in ASCII without quotes or backslashes, as RFC 6750 §3 wants `error_description`. */
  readonly description: string;
  /** Nothing is known against the token: who could tell does not answer. HTTP 503, never 401. */
  readonly temporary?: true;
}

/** What became of a token. */
export type TokenVerdict = { readonly ok: true; readonly principal: Principal } | RefusedToken;

/** Whoever can tell good tokens of one kind from bad ones. Never throws for what a token holds. */
export interface TokenVerifier {
  verify(token: string): Promise<TokenVerdict>;
}

export function refused(
  reason: Exclude<TokenRefusal, 'unavailable'>,
  description: string,
): RefusedToken {
  return { ok: false, reason, description };
}

export function unavailable(description: string): RefusedToken {
  return { ok: false, reason: 'unavailable', description, temporary: true };
}
