import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { composeAuthenticator, localTokensFolder } from '../../src/compose/authenticator.ts';
import type { AccessConfig, OidcConfig } from '../../src/config/access-config.ts';
import { openLocalTokens } from '../../src/oauth/open-authenticator.ts';
import type { OpenAuthenticator } from '../../src/oauth/open-authenticator.ts';
import { makeKey, signToken, startIssuer } from '../oauth/issuer-fixture.ts';
import { startIdentityProvider } from '../peers/identity-provider.ts';
import type { IdentityProvider } from '../peers/identity-provider.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const audience = 'https://bridge.test/dicom-web';
const opened: OpenAuthenticator[] = [];
const counted: string[] = [];
const log = recordingLogger();
let dataDir: string;
let jwtProvider: IdentityProvider;
let opaqueProvider: IdentityProvider;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'drawbridge-authenticator-'));
  jwtProvider = await startIdentityProvider({ audience });
  opaqueProvider = await startIdentityProvider({ audience, tokenFormat: 'opaque' });
});
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
  counted.length = 0;
});
afterAll(async () => {
  await jwtProvider.stop();
  await opaqueProvider.stop();
  await rm(dataDir, { recursive: true });
});

async function compose(access: AccessConfig, ourAudience = audience) {
  const authenticator = await composeAuthenticator(access, {
    audience: ourAudience,
    dataDir,
    allowPlaintext: false,
    way: { tls: {} },
    events: { refused: (reason) => counted.push(reason) },
    log,
  });
  if (authenticator) opened.push(authenticator);
  return authenticator;
}

function issuerOf(provider: IdentityProvider, more: Partial<OidcConfig> = {}): OidcConfig {
  return {
    issuer: provider.issuer,
    audiences: undefined,
    jwksUrl: undefined,
    algorithms: ['RS256'],
    clockToleranceMs: 30_000,
    scopeNames: { read: 'dicomweb.read', write: 'dicomweb.write', admin: 'drawbridge.admin' },
    scopeClaims: ['scope'],
    tenantClaim: 'tenant',
    introspection: undefined,
    ...more,
  };
}

async function tokenOf(provider: IdentityProvider): Promise<string> {
  const { clientId, clientSecret } = provider.postClient;
  const answer = await fetch(provider.tokenUrl, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: 'dicomweb.read',
    }),
  });
  return ((await answer.json()) as { readonly access_token: string }).access_token;
}

it('lets in whoever has a JWT of the issuer or a token of this bridge, and nobody else', async () => {
  const access = { isOpen: false, oidc: issuerOf(jwtProvider), local: true };
  const { authenticator } = (await compose(access)) ?? {};
  const local = await openLocalTokens(localTokensFolder(dataDir), Date.now);
  const { token: localToken } = await local.create({
    ...{ subject: 'script', scopes: ['write'] },
    expiresAt: Date.now() + 60_000,
  });
  const jwt = await tokenOf(jwtProvider);
  const opaque = await tokenOf(opaqueProvider);

  expect(await authenticator?.authenticate(`Bearer ${jwt}`)).toMatchObject({
    principal: { issuer: jwtProvider.issuer, scopes: new Set(['read']) },
  });
  expect(await authenticator?.authenticate(`Bearer ${localToken}`)).toMatchObject({
    principal: { subject: 'script', scopes: new Set(['write']) },
  });
  expect(await authenticator?.authenticate(`Bearer ${opaque}`)).toMatchObject({ ok: false });
  expect(await authenticator?.authenticate(`Bearer ${jwt.slice(0, -4)}AAAA`)).toMatchObject({
    reason: 'signature',
  });
  expect(counted).toEqual(['malformed', 'signature']);
  for (const token of [jwt, localToken, opaque]) {
    expect(log.lines.join()).not.toContain(token.slice(-20));
  }
});

it('asks about opaque tokens where somebody can be asked', async () => {
  const { clientId, clientSecret } = opaqueProvider.basicClient;
  const url = opaqueProvider.introspectionUrl;
  const oidc = issuerOf(opaqueProvider, { introspection: { url, clientId, clientSecret } });
  const { authenticator } = (await compose({ isOpen: false, oidc, local: false })) ?? {};

  expect(
    await authenticator?.authenticate(`Bearer ${await tokenOf(opaqueProvider)}`),
  ).toMatchObject({ ok: true, principal: { scopes: new Set(['read']) } });
  expect(await authenticator?.authenticate('Bearer made-up')).toMatchObject({ reason: 'inactive' });
});

it('D08 wants tokens for the public address of the DICOMweb root, or what was set', async () => {
  const authorization = `Bearer ${await tokenOf(jwtProvider)}`;
  const ours = issuerOf(jwtProvider);
  const elsewhere = 'https://elsewhere.test/dicom-web';

  for (const [audiences, root, expected] of [
    [undefined, audience, true],
    [undefined, elsewhere, false],
    [[audience], elsewhere, true],
    [['other', audience], elsewhere, true],
    [['other'], audience, false],
  ] as const) {
    const oidc = { ...ours, audiences };
    const composed = await compose({ isOpen: false, oidc, local: false }, root);
    expect((await composed?.authenticator.authenticate(authorization))?.ok).toBe(expected);
  }
});

it('D11 starts while the issuer is away, and says that it cannot tell rather than no', async () => {
  const authorization = `Bearer ${await tokenOf(jwtProvider)}`;
  await jwtProvider.down();
  const composed = await compose({ isOpen: false, oidc: issuerOf(jwtProvider), local: false });

  expect(await composed?.authenticator.authenticate(authorization)).toMatchObject({
    reason: 'unavailable',
    temporary: true,
  });
  await jwtProvider.up();
});

it('takes no keys that come unencrypted from elsewhere, whatever the issuer says', async () => {
  const issuer = await startIssuer({ keySetUrl: 'http://keys.invalid/jwks' });
  const key = await makeKey('one');
  const token = await signToken(key, { iss: issuer.url, aud: audience, exp: 9_999_999_999 });
  const oidc = { ...issuerOf(jwtProvider), issuer: issuer.url };
  const composed = await compose({ isOpen: false, oidc, local: false });

  expect(await composed?.authenticator.authenticate(`Bearer ${token}`)).toMatchObject({
    reason: 'unavailable',
  });
  expect(log.lines.join()).toContain('names a key set that is not https:');
  await issuer.stop();
});

it('makes no folder and asks nobody where nothing is to be verified', async () => {
  const empty = await mkdtemp(join(tmpdir(), 'drawbridge-open-'));
  const site = { audience, dataDir: empty, allowPlaintext: false, way: { tls: {} }, log };
  const open = { isOpen: true, oidc: undefined, local: false };

  expect(
    await composeAuthenticator(open, { ...site, events: { refused: () => undefined } }),
  ).toBeUndefined();
  expect(await readdir(empty)).toEqual([]);
  await rm(empty, { recursive: true });
});

it('keeps the tokens of this bridge in a folder of its owner alone', async () => {
  await compose({ isOpen: false, oidc: undefined, local: true });

  expect((await stat(localTokensFolder(dataDir))).mode & 0o777).toBe(0o700);
});
