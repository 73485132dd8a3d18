import { Agent } from 'undici';
import type { buildConnector } from 'undici';
import { mkdir } from 'node:fs/promises';
import type { TokenAlgorithm } from '../access/token-algorithms.ts';
import type { Logger } from '../telemetry/logger.ts';
import { BearerAuthenticator } from './bearer-authenticator.ts';
import { KeySet } from './key-set.ts';
import { openLocalKey } from './local-token-key.ts';
import { LocalTokenRecords } from './local-token-records.ts';
import { LocalTokens } from './local-tokens.ts';
import { SignInOrigins } from './sign-in-origins.ts';
import type { ClaimRules } from './token-claims.ts';
import { TokenIntrospection } from './token-introspection.ts';
import { JwtVerifier } from './token-verifier.ts';
import type { TokenRefusal } from '../access/token-refusals.ts';

/** The issuer whose tokens are accepted. */
export interface OidcOptions {
  readonly rules: ClaimRules;
  readonly algorithms: readonly TokenAlgorithm[];
  /** Where its keys are; `undefined` asks the issuer. */
  readonly jwksUrl?: string | undefined;
  /** Whether the issuer may name an `http:` key set that is not on this machine. */
  readonly allowPlaintext: boolean;
  /** Who tells about tokens that are no JWTs; `undefined` refuses those. */
  readonly introspection?:
    { readonly url: string; readonly clientId: string; readonly clientSecret: string } | undefined;
}

export interface AuthenticatorOptions {
  readonly oidc?: OidcOptions | undefined;
  /** Where key and records of the tokens made here lie; `undefined` accepts none of those. */
  readonly localFolder?: string | undefined;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Makes the connections to the issuer, `tls` included, where they do not go straight. */
  readonly connect?: buildConnector.connector;
  readonly events: { refused(reason: TokenRefusal): void };
  readonly now: () => number;
  readonly log: Logger;
}

/** Who finds out who calls, and what has to be closed after it. */
export interface OpenAuthenticator {
  readonly authenticator: BearerAuthenticator;
  /** What a page has to reach so that its user gets a token of the issuer; none without one. */
  signInOrigins(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Waits of a request for the issuer are bounded by those of the exchange. */
const connectTimeoutMs = 5_000;

/**
 * Sets up the kinds of tokens a bridge accepts. The issuer is not asked yet: a bridge starts while
 * its identity provider is away.
 *
 * @throws BridgeError when the key of local tokens cannot be used.
 */
export async function openAuthenticator(options: AuthenticatorOptions): Promise<OpenAuthenticator> {
  const { oidc, localFolder, tls, connect, events, now, log } = options;
  const local = localFolder === undefined ? undefined : await openLocalTokens(localFolder, now);
  const dispatcher = new Agent({ connect: connect ?? { ...tls, timeout: connectTimeoutMs } });
  const common = { dispatcher, now, log };
  const keys =
    oidc &&
    new KeySet({
      issuer: oidc.rules.issuer,
      url: oidc.jwksUrl,
      allowPlaintext: oidc.allowPlaintext,
      ...common,
    });
  const opaque =
    oidc?.introspection &&
    new TokenIntrospection({ ...oidc.introspection, rules: oidc.rules, ...common });
  const signIn = oidc && new SignInOrigins({ issuer: oidc.rules.issuer, ...common });
  return {
    signInOrigins: async () => (await signIn?.list()) ?? [],
    authenticator: new BearerAuthenticator({
      oidc: oidc && keys && new JwtVerifier({ ...oidc, keys, now }),
      opaque,
      local,
      events,
    }),
    close: async () => {
      signIn?.close();
      await Promise.all([keys?.close(), opaque?.close()]);
      await dispatcher.destroy();
    },
  };
}

/** Tokens made here: for the front that accepts them, and for the commands that make and end them. */
export async function openLocalTokens(folder: string, now: () => number): Promise<LocalTokens> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const records = new LocalTokenRecords({ folder, now });
  await records.open();
  return new LocalTokens({ key: await openLocalKey(folder), records, now });
}
