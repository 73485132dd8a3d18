import { hasJwtShape, maxTokenLength, takeApart } from './compact-token.ts';
import { localIssuer } from './local-token-claims.ts';
import { refused } from './token-verdict.ts';
import type { TokenRefusal } from '../access/token-refusals.ts';
import type { TokenVerdict, TokenVerifier } from './token-verdict.ts';

interface BearerAuthenticatorOptions {
  /** JWTs of the issuer; absent when it is not configured. */
  readonly oidc?: TokenVerifier | undefined;
  /** Tokens that are no JWTs. */
  readonly opaque?: TokenVerifier | undefined;
  /** Tokens this bridge made. */
  readonly local?: TokenVerifier | undefined;
  readonly events: {
    /** Nobody was let in, for this reason. */
    refused(reason: TokenRefusal): void;
  };
}

/** RFC 6750 §2.1, RFC 9110 §11.1: the scheme in any case, one token, nothing else. */
const bearer = /^bearer +([A-Za-z0-9\-._~+/]+=*) *$/i;

/**
 * Finds out who calls, from the Authorization header and from nothing else: tokens in queries, forms
 * and cookies end up in logs and are sent by pages that were not meant to (RFC 9700 §4.3.2).
 */
export class BearerAuthenticator {
  readonly #options: BearerAuthenticatorOptions;

  constructor(options: BearerAuthenticatorOptions) {
    this.#options = options;
  }

  /** @param authorization - the header's value; `undefined` when the request has none. */
  async authenticate(authorization: string | undefined): Promise<TokenVerdict> {
    const verdict = await this.#judge(authorization);
    if (!verdict.ok) this.#options.events.refused(verdict.reason);
    return verdict;
  }

  async #judge(authorization: string | undefined): Promise<TokenVerdict> {
    if (authorization === undefined) return refused('missing', 'a Bearer token is needed');
    // Checked before anything looks at the whole of it.
    if (authorization.length > maxTokenLength) {
      return refused('malformed', 'the Authorization header is too long');
    }
    const token = bearer.exec(authorization)?.[1];
    if (token === undefined) {
      return /^bearer\b/i.test(authorization)
        ? refused('malformed', 'this is not an access token')
        : refused('missing', 'a Bearer token is needed');
    }
    const verifier = this.#verifierOf(token);
    if (verifier === undefined) return refused('malformed', 'tokens of this kind are not accepted');
    return verifier.verify(token);
  }

  /** By what the token says of its origin; believed no further than to choose who looks at it. */
  #verifierOf(token: string): TokenVerifier | undefined {
    const { oidc, opaque, local } = this.#options;
    if (!hasJwtShape(token)) return opaque;
    const isLocal = takeApart(token)?.claims['iss'] === localIssuer;
    return isLocal ? local : (oidc ?? local);
  }
}
