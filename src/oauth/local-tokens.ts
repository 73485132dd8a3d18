import { SignJWT } from 'jose';
import { randomUUID } from 'node:crypto';
import type { Scope } from '../access/principal.ts';
import type { Uid } from '../dicom/uid.ts';
import { takeApart } from './compact-token.ts';
import { localIssuer, localRules } from './local-token-claims.ts';
import { localAlgorithm } from './local-token-key.ts';
import type { LocalKey } from './local-token-key.ts';
import type { ListedToken, LocalTokenRecord, LocalTokenRecords } from './local-token-records.ts';
import { JwtVerifier } from './token-verifier.ts';
import { refused, unavailable } from './token-verdict.ts';
import type { TokenVerdict, TokenVerifier } from './token-verdict.ts';

/** What a token is to allow, and for how long. */
export interface LocalTokenWish {
  /** Whose it is, in words of the operator: a person, a machine, a script. */
  readonly subject: string;
  readonly scopes: readonly Scope[];
  /** Limits it to these; `undefined` is every study. */
  readonly studies?: readonly Uid[] | undefined;
  readonly tenant?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

interface LocalTokensOptions {
  readonly key: LocalKey;
  readonly records: LocalTokenRecords;
  readonly now: () => number;
}

/** Tokens this bridge makes for itself, for sites without an identity provider and for scripts. */
export class LocalTokens implements TokenVerifier {
  readonly #options: LocalTokensOptions;
  readonly #jwt: JwtVerifier;

  constructor(options: LocalTokensOptions) {
    this.#options = options;
    const { publicKey, keyId } = options.key;
    this.#jwt = new JwtVerifier({
      rules: localRules,
      algorithms: [localAlgorithm],
      keys: {
        find: (wanted) => Promise.resolve(wanted.keyId === keyId ? [publicKey] : []),
      },
      now: options.now,
    });
  }

  /**
   * Makes a token, and remembers all of it but the token itself, which cannot be shown again.
   *
   * @returns the token and its record; the record is on disk before.
   */
  async create(
    wish: LocalTokenWish,
  ): Promise<{ readonly token: string; readonly record: LocalTokenRecord }> {
    const { key, records, now } = this.#options;
    const { subject, scopes, studies, tenant } = wish;
    // Whole seconds, as in the token; a token that says less than its record would confuse.
    const [issuedAt, expiresAt] = [now(), wish.expiresAt].map((ms) => Math.floor(ms / 1000));
    const id = randomUUID();
    const token = await new SignJWT({
      scope: scopes.map((scope) => localRules.scopeNames[scope]).join(' '),
      ...(studies && { studies }),
      ...(tenant !== undefined && { tenant }),
    })
      .setProtectedHeader({ alg: localAlgorithm, typ: 'at+jwt', kid: key.keyId })
      .setIssuer(localIssuer)
      .setAudience(localIssuer)
      .setSubject(subject)
      .setJti(id)
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt ?? 0)
      .sign(key.privateKey);
    const record = {
      ...{ id, subject, scopes, studies, tenant },
      createdAt: (issuedAt ?? 0) * 1000,
      expiresAt: (expiresAt ?? 0) * 1000,
    };
    // What cannot be verified must not be handed out: an unusable name or date shows here.
    const verdict = await this.#jwt.verify(token);
    if (!verdict.ok) throw new TypeError(`no such token can be made: ${verdict.description}`);
    await records.add(record);
    return { token, record };
  }

  /** Newest first. */
  list(): Promise<readonly ListedToken[]> {
    return this.#options.records.list();
  }

  /** Ends a token for good, by its id. @returns false when no such token was made here. */
  revoke(id: string): Promise<boolean> {
    return this.#options.records.revoke(id);
  }

  async verify(token: string): Promise<TokenVerdict> {
    const verdict = await this.#jwt.verify(token);
    if (!verdict.ok) return verdict;
    const id = takeApart(token)?.claims['jti'];
    try {
      const isRevoked = typeof id !== 'string' || (await this.#options.records.isRevoked(id));
      return isRevoked ? refused('revoked', 'the token has been revoked') : verdict;
    } catch {
      return unavailable('the token cannot be verified at the moment');
    }
  }
}
