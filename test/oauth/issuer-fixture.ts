import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'jose';
import type { RequestListener, ServerResponse } from 'node:http';
import { startLoopbackServer } from '../peers/loopback-server.ts';
import type { Peer } from '../peers/peer.ts';

/** A key pair of a test, by the id it is published under. */
export interface TestKey {
  readonly privateKey: Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];
  readonly algorithm: string;
  readonly publicJwk: JWK;
}

export async function makeKey(kid: string, algorithm = 'RS256'): Promise<TestKey> {
  const { privateKey, publicKey } = await generateKeyPair(algorithm, { extractable: true });
  return { privateKey, algorithm, publicJwk: { ...(await exportJWK(publicKey)), kid } };
}

/** An issuer that says what a test wants: its metadata, its keys, and whatever is asked for. */
export interface TestIssuer extends Peer {
  readonly url: string;
  /** Paths asked for so far. */
  readonly asked: string[];
  publish(...keys: readonly JWK[]): void;
  /** Answers in place of the key set from now on. */
  answer(listener: (response: ServerResponse) => void): void;
  down(): Promise<void>;
  up(): Promise<void>;
}

export async function startIssuer(
  options: { readonly keySetUrl?: string } = {},
): Promise<TestIssuer> {
  const asked: string[] = [];
  let keys: readonly JWK[] = [];
  let answer: ((response: ServerResponse) => void) | undefined;
  const server = await startLoopbackServer((url): RequestListener => {
    return (request, response) => {
      asked.push(request.url ?? '');
      if (request.url?.includes('.well-known') === true) {
        response.end(JSON.stringify({ issuer: url, jwks_uri: options.keySetUrl ?? `${url}/jwks` }));
      } else if (answer) answer(response);
      else response.end(JSON.stringify({ keys }));
    };
  });
  return {
    ...server,
    asked,
    publish: (...published) => {
      keys = published;
      answer = undefined;
    },
    answer: (listener) => (answer = listener),
  };
}

/** A good token but for what the test says; a claim that is `undefined` is left out. */
export function signToken(
  key: TestKey,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const full = {
    alg: key.algorithm,
    typ: 'at+jwt',
    kid: key.publicJwk.kid,
    ...header,
  };
  return new SignJWT(claims).setProtectedHeader(full as { alg: string }).sign(key.privateKey);
}
