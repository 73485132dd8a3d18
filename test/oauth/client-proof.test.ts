import { generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import type { JWK } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TokenUnavailableError } from '../../src/errors/origin-errors.ts';
import { ClientCredentialsSource } from '../../src/oauth/client-credentials-source.ts';
import type { ClientCredentialsOptions } from '../../src/oauth/client-credentials-source.ts';
import { readClientKey } from '../../src/oauth/client-key.ts';
import { proxyConnector } from '../../src/egress/proxy-connector.ts';
import { startIdentityProvider } from '../peers/identity-provider.ts';
import type { IdentityProvider } from '../peers/identity-provider.ts';
import { createAuthority } from '../support/certificates.ts';
import type { CertificateAuthority } from '../support/certificates.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startTokenServer } from './token-server.ts';
import type { TokenServer } from './token-server.ts';

const { signal } = new AbortController();
const keys: Readonly<Record<string, KeyObject>> = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ES256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey,
  ES384: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey,
  EdDSA: generateKeyPairSync('ed25519').privateKey,
};
const algorithms = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'] as const;
const opened: ClientCredentialsSource[] = [];
let authority: CertificateAuthority;
let identityProvider: IdentityProvider;

beforeAll(async () => {
  authority = await createAuthority();
  identityProvider = await startIdentityProvider({
    keyClients: algorithms.map((algorithm) => ({
      clientId: `bridge-${algorithm}`,
      publicKey: publicJwk(algorithm),
    })),
    mtls: {
      ...(await authority.issue()),
      ca: authority.cert,
      clientId: 'bridge-mtls',
      dnsName: 'bridge.example.org',
    },
  });
});
afterEach(async () => {
  for (const source of opened.splice(0)) await source.close();
});
afterAll(async () => {
  await identityProvider.stop();
  await authority.remove();
});

const keyFor = (algorithm: string): KeyObject => {
  const key = keys[algorithm] ?? keys['RS256'];
  if (key === undefined) throw new Error('no key');
  return key;
};
const pemFor = (algorithm: string): string =>
  keyFor(algorithm).export({ type: 'pkcs8', format: 'pem' }).toString();

function publicJwk(alg: string): JWK {
  const { kty, n, e, crv, x, y } = keyFor(alg).export({ format: 'jwk' }) as JWK;
  return JSON.parse(JSON.stringify({ kty, n, e, crv, x, y, alg, kid: `key-${alg}` })) as JWK;
}

function open(options: ClientCredentialsOptions): ClientCredentialsSource {
  const source = new ClientCredentialsSource(options);
  opened.push(source);
  return source;
}

const common = { now: Date.now, log: recordingLogger() };

async function failureOf(source: ClientCredentialsSource): Promise<TokenUnavailableError> {
  const error: unknown = await source.authorization({ signal }).catch((e: unknown) => e);
  if (!(error instanceof TokenUnavailableError)) throw new Error('it did not fail as it should');
  return error;
}

const clientOf = (authorization: string): unknown =>
  decodeJwt(authorization.replace('Bearer ', ''))['client_id'];

describe('a client that signs', () => {
  it.each(algorithms)('gets tokens from a real server with %s', async (algorithm) => {
    const { tokenUrl, scope } = identityProvider;
    const source = open({
      ...common,
      tokenUrl,
      scope,
      clientId: `bridge-${algorithm}`,
      clientAuth: 'private_key_jwt',
      clientKey: readClientKey(pemFor(algorithm), { algorithm, keyId: `key-${algorithm}` }),
    });

    const first = await source.authorization({ signal });
    source.refused(first);
    const second = await source.authorization({ signal });

    expect([first, second].map(clientOf)).toEqual([`bridge-${algorithm}`, `bridge-${algorithm}`]);
  });

  it('gets them when the statement is addressed to the issuer', async () => {
    const { issuer, scope } = identityProvider;
    const source = open({
      ...common,
      issuer,
      scope,
      clientId: 'bridge-ES256',
      clientAuth: 'private_key_jwt',
      clientKey: readClientKey(pemFor('ES256')),
      assertionAudience: issuer,
    });

    expect(clientOf(await source.authorization({ signal }))).toBe('bridge-ES256');
  });

  it('C23 says what to check when the server does not know the key', async () => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const source = open({
      ...common,
      tokenUrl: identityProvider.tokenUrl,
      clientId: 'bridge-ES256',
      clientAuth: 'private_key_jwt',
      clientKey: readClientKey(pem),
    });

    const error = await failureOf(source);

    expect(error.transient).toBe(false);
    expect(error.message).toMatch(/invalid_client.*_CLIENT_KEY.*_ASSERTION_AUDIENCE.*clock/);
  });

  describe('says in its statement', () => {
    let server: TokenServer;
    beforeAll(async () => {
      server = await startTokenServer();
    });
    afterAll(() => server.stop());

    it('who it is, to whom, for how long, and says it only once', async () => {
      const clientKey = readClientKey(
        JSON.stringify({
          ...keyFor('ES384').export({ format: 'jwk' }),
          kid: 'k1',
          'x5t#S256': 'thumb',
        }),
      );
      const clientAuth = 'private_key_jwt';
      const now = (): number => 1_700_000_000_999;
      const source = open({
        ...{ ...common, now, tokenUrl: server.url },
        ...{ clientId: 'bridge', clientAuth, clientKey },
      });
      source.refused(await source.authorization({ signal }));
      await source.authorization({ signal });

      const [first, second] = server.requests.map(({ form }) => Object.fromEntries(form));
      const { client_assertion: assertion = '', ...rest } = first ?? {};
      expect(rest).toEqual({
        grant_type: 'client_credentials',
        client_id: 'bridge',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      });
      expect(decodeProtectedHeader(assertion)).toEqual({
        alg: 'ES384',
        typ: 'JWT',
        kid: 'k1',
        'x5t#S256': 'thumb',
      });
      expect(decodeJwt(assertion)).toEqual({
        iss: 'bridge',
        sub: 'bridge',
        aud: server.url,
        iat: 1_700_000_000,
        exp: 1_700_000_060,
        jti: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      });
      expect(decodeJwt(second?.['client_assertion'] ?? '').jti).not.toBe(decodeJwt(assertion).jti);
    });
  });
});

describe('a client that shows a certificate', () => {
  it('gets tokens at the end point its issuer names for that', async () => {
    const { cert, key } = await authority.issue({ altNames: 'DNS:bridge.example.org' });
    const source = open({
      ...common,
      issuer: identityProvider.issuer,
      scope: identityProvider.scope,
      clientId: 'bridge-mtls',
      clientAuth: 'tls_client_auth',
      tls: { ca: authority.cert, cert, key },
    });

    expect(clientOf(await source.authorization({ signal }))).toBe('bridge-mtls');
  });

  it('gets them through a proxy too', async () => {
    const proxy = await startConnectProxy();
    const { cert, key } = await authority.issue({ altNames: 'DNS:bridge.example.org' });
    const tls = { ca: authority.cert, cert, key };
    const proxies = { https: proxy.url, http: proxy.url, noProxy: '', sparesLoopback: false };
    const source = open({
      ...common,
      issuer: identityProvider.issuer,
      clientId: 'bridge-mtls',
      clientAuth: 'tls_client_auth',
      connect: proxyConnector({ proxies, tls, timeoutMs: 5_000 }),
    });

    expect(clientOf(await source.authorization({ signal }))).toBe('bridge-mtls');
    expect(proxy.asked).toEqual(
      [identityProvider.issuer, identityProvider.mtlsTokenUrl ?? ''].map(
        (url) => new URL(url).host,
      ),
    );
    await source.close();
    await proxy.stop();
  });

  it.each([
    ['another subject', { altNames: 'DNS:other.example.org' }],
    ['one that has expired', { altNames: 'DNS:bridge.example.org', days: -1 }],
  ])('C23 is told what to check when it shows %s', async (_what, request) => {
    const { cert, key } = await authority.issue(request);
    const source = open({
      ...common,
      tokenUrl: identityProvider.mtlsTokenUrl ?? '',
      clientId: 'bridge-mtls',
      clientAuth: 'tls_client_auth',
      tls: { ca: authority.cert, cert, key },
    });

    const error = await failureOf(source);

    expect(error.transient).toBe(false);
    expect(error.message).toMatch(/invalid_client.*_TLS_CERT/);
  });

  it('C15 C23 asks nobody whose certificate it does not trust', async () => {
    const error = await failureOf(
      open({
        ...common,
        tokenUrl: identityProvider.mtlsTokenUrl ?? '',
        clientId: 'bridge-mtls',
        clientAuth: 'tls_client_auth',
      }),
    );

    expect(error.transient).toBe(true);
    expect(error.message).toContain('its certificate comes from an authority that is not trusted');
  });
});
