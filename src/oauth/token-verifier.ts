import { compactVerify, errors } from 'jose';
import type { CryptoKey } from 'jose';
import type { TokenAlgorithm } from '../access/token-algorithms.ts';
import { takeApart } from './compact-token.ts';
import type { WantedKey } from './key-set.ts';
import { SeenSignatures } from './seen-signatures.ts';
import { judgeClaims } from './token-claims.ts';
import type { ClaimRules } from './token-claims.ts';
import { refused, unavailable } from './token-verdict.ts';
import type { RefusedToken, TokenVerdict, TokenVerifier } from './token-verdict.ts';

interface JwtVerifierOptions {
  readonly rules: ClaimRules;
  readonly algorithms: readonly TokenAlgorithm[];
  /** Keys that may have signed; `undefined` while that cannot be told. */
  readonly keys: {
    find(wanted: WantedKey): Promise<readonly CryptoKey[] | undefined>;
  };
  readonly now: () => number;
}

/**
 * JWT access tokens of one issuer (RFC 9068, and the JWTs that Keycloak and Entra give): who signed
 * first, what it says after that.
 *
 * Nothing in a token decides how it is verified but `alg` and `kid`, each looked up among what is
 * allowed and known (RFC 8725 §3.1, §3.10).
 */
export class JwtVerifier implements TokenVerifier {
  readonly #options: JwtVerifierOptions;
  readonly #seen = new SeenSignatures();

  constructor(options: JwtVerifierOptions) {
    this.#options = options;
  }

  async verify(token: string): Promise<TokenVerdict> {
    const { rules, algorithms, keys, now } = this.#options;
    const parts = takeApart(token);
    if (parts === undefined) return refused('malformed', 'this is not an access token');
    const algorithm = algorithms.find((allowed) => allowed === parts.algorithm);
    if (algorithm === undefined) {
      return refused('algorithm', 'the token is signed in a way that is not accepted');
    }
    if (!isAccessTokenType(parts.type)) return refused('type', 'this is not an access token');
    // Before any key is asked for: a token of somebody else must not make us ask our issuer.
    if (parts.claims['iss'] !== rules.issuer) {
      return refused('issuer', 'the token comes from another issuer');
    }
    const candidates = await keys.find({ keyId: parts.keyId, algorithm });
    if (candidates === undefined) {
      return unavailable('the token cannot be verified at the moment');
    }
    const problem = candidates.some((key) => this.#seen.has(key, token))
      ? undefined
      : await checkSignature(token, algorithm, candidates, this.#seen);
    return problem ?? judgeClaims(parts.claims, rules, now());
  }
}

/** RFC 9068 §2.1, RFC 7519 §5.1; the prefix may be left out (RFC 7515 §4.1.9). */
function isAccessTokenType(type: string | undefined): boolean {
  const word = type?.toLowerCase().replace(/^application\//, '');
  return word === 'at+jwt' || word === 'jwt';
}

async function checkSignature(
  token: string,
  algorithm: TokenAlgorithm,
  candidates: readonly CryptoKey[],
  seen: SeenSignatures,
): Promise<RefusedToken | undefined> {
  for (const key of candidates) {
    try {
      await compactVerify(token, key, { algorithms: [algorithm] });
      seen.add(key, token);
      return undefined;
    } catch (error) {
      // RSA keys below 2048 bits end here too, as a TypeError: RFC 7518 §3.3 does not allow them.
      if (!(error instanceof errors.JOSEError) && !(error instanceof TypeError)) throw error;
    }
  }
  return candidates.length === 0
    ? refused('unknown_key', 'the key of the token is not known')
    : refused('signature', 'the signature of the token is not right');
}
