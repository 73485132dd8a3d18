import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Agent } from 'undici';
import { TokenIntrospection } from '../../src/oauth/token-introspection.ts';
import type { ClaimRules } from '../../src/oauth/token-claims.ts';
import type { TokenVerdict } from '../../src/oauth/token-verdict.ts';
import { startIdentityProvider } from '../peers/identity-provider.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import type { RecordingLogger } from '../support/recording-logger.ts';
import { startTokenServer } from './token-server.ts';
import type { TokenServer } from './token-server.ts';

const audience = 'https://bridge.test/dicom-web';
const rules: ClaimRules = {
  issuer: 'https://idp.test',
  audiences: [audience],
  clockToleranceMs: 30_000,
  scopeNames: { read: 'dicomweb.read', write: 'dicomweb.write', admin: 'drawbridge.admin' },
  scopeClaims: ['scope'],
  tenantClaim: 'tenant',
};

let server: TokenServer;
let dispatcher: Agent;
let introspection: TokenIntrospection;
let log: RecordingLogger;
let clock: number;

beforeAll(async () => {
  server = await startTokenServer();
  dispatcher = new Agent();
});
beforeEach(() => {
  clock = 1_800_000_000_000;
  introspection = create();
});
afterEach(async () => {
  await introspection.close();
  server.reset();
});
afterAll(async () => {
  await dispatcher.close();
  await server.stop();
});

function create(timeoutMs = 500, maxAnswers = 10): TokenIntrospection {
  log = recordingLogger();
  const client = { clientId: 'bridge: one', clientSecret: 'very+secret' };
  const common = { dispatcher, now: () => clock, log };
  return new TokenIntrospection({
    url: server.url,
    ...client,
    rules,
    timeoutMs,
    maxAnswers,
    ...common,
  });
}

const active = (changes: object = {}) => ({
  active: true,
  aud: audience,
  iss: 'https://idp.test',
  sub: 'viewer',
  exp: clock / 1000 + 300,
  scope: 'dicomweb.read',
  ...changes,
});

async function reasonFor(body: unknown, token = 'opaque-token'): Promise<string> {
  server.answer({ body: typeof body === 'string' ? body : JSON.stringify(body) });
  return reasonOf(await introspection.verify(token));
}

function reasonOf(verdict: TokenVerdict): string {
  return verdict.ok ? 'accepted' : verdict.reason;
}

it('asks a real identity provider about an opaque token', async () => {
  const real = await startIdentityProvider({ audience, tokenFormat: 'opaque' });
  const { clientId, clientSecret } = real.basicClient;
  const answer = await fetch(real.tokenUrl, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: real.postClient.clientId,
      client_secret: real.postClient.clientSecret,
      scope: 'dicomweb.read',
    }),
  });
  const { access_token: token } = (await answer.json()) as { readonly access_token: string };
  const common = { dispatcher, now: Date.now, log: recordingLogger() };
  const verifier = new TokenIntrospection({
    url: real.introspectionUrl,
    ...{ clientId, clientSecret, rules: { ...rules, issuer: real.issuer } },
    ...common,
  });

  expect(token).not.toContain('.');
  expect(await verifier.verify(token)).toMatchObject({
    ok: true,
    principal: { subject: real.postClient.clientId, scopes: new Set(['read']) },
  });
  expect(reasonOf(await verifier.verify(`${token}x`))).toBe('inactive');
  await verifier.close();
  await real.stop();
});

describe('a token that is no JWT', () => {
  it('is asked about as the client we are', async () => {
    expect(await reasonFor(active())).toBe('accepted');

    const [request] = server.requests;
    expect(Object.fromEntries(request?.form ?? [])).toEqual({
      token: 'opaque-token',
      token_type_hint: 'access_token',
    });
    const credentials = Buffer.from('bridge%3A+one:very%2Bsecret').toString('base64');
    expect(request?.authorization).toBe(`Basic ${credentials}`);
  });

  it.each<[object, string]>([
    [{}, 'accepted'],
    [{ iss: undefined }, 'accepted'],
    [{ token_type: 'bearer' }, 'accepted'],
    [{ active: false }, 'inactive'],
    [{ active: 'true' }, 'inactive'],
    [{ active: undefined }, 'inactive'],
    [{ aud: 'https://other.test' }, 'audience'],
    [{ aud: undefined }, 'audience'],
    [{ iss: 'https://evil.test' }, 'issuer'],
    [{ iss: null }, 'issuer'],
    [{ exp: undefined }, 'claims'],
    [{ exp: 1_799_999_000 }, 'expired'],
    [{ nbf: 1_800_000_100 }, 'not_yet_valid'],
    [{ cnf: {} }, 'sender_constrained'],
    [{ token_type: 'DPoP' }, 'sender_constrained'],
    [{ scope: 'email' }, 'insufficient_scope'],
    [{ tenant: ['a'] }, 'claims'],
  ])('of which is said %j: %s', async (changes, expected) => {
    expect(await reasonFor(active(changes))).toBe(expected);
  });
});

describe('an answer', () => {
  it('is remembered for a minute and not longer', async () => {
    expect(await reasonFor(active())).toBe('accepted');
    clock += 59_999;
    expect(await reasonFor({ active: false })).toBe('accepted');
    expect(server.requests).toHaveLength(1);

    clock += 1;
    expect(await reasonFor({ active: false })).toBe('inactive');
  });

  it('is never remembered beyond the end of the token', async () => {
    expect(await reasonFor(active({ exp: clock / 1000 + 20 }))).toBe('accepted');
    clock += 20_000;

    expect(await reasonFor({ active: false })).toBe('inactive');
    expect(server.requests).toHaveLength(2);
  });

  it('that says no is remembered briefly', async () => {
    expect(await reasonFor({ active: false })).toBe('inactive');
    expect(await reasonFor(active())).toBe('inactive');
    expect(server.requests).toHaveLength(1);

    clock += 10_000;
    expect(await reasonFor(active())).toBe('accepted');
  });

  it('is shared by all who wait for it, and no others', async () => {
    const release = server.hold();
    server.answer({ body: JSON.stringify(active()) });
    const same = Array.from({ length: 10 }, () => introspection.verify('same'));
    const other = introspection.verify('other');
    await server.arrived(2);
    release();

    expect((await Promise.all([...same, other])).map(reasonOf)).toEqual(
      Array.from({ length: 11 }, () => 'accepted'),
    );
    expect(server.requests).toHaveLength(2);
  });

  it('is forgotten, the oldest first, when too many are remembered', async () => {
    for (let i = 0; i < 11; i += 1) await reasonFor(active(), `token-${i}`);
    expect(server.requests).toHaveLength(11);

    expect(await reasonFor({ active: false }, 'token-1')).toBe('accepted');
    expect(await reasonFor({ active: false }, 'token-0')).toBe('inactive');
    expect(server.requests).toHaveLength(12);
  });

  it('D49 to made-up tokens is asked for no more often than a bound at a time', async () => {
    const release = server.hold();
    server.answer({ body: '{"active":false}' });
    const verdicts = Array.from({ length: 200 }, (_, i) => introspection.verify(`made-up-${i}`));
    await server.arrived(32);
    release();

    const reasons = (await Promise.all(verdicts)).map(reasonOf);
    expect(reasons.filter((reason) => reason === 'inactive')).toHaveLength(32);
    expect(reasons.filter((reason) => reason === 'unavailable')).toHaveLength(168);
    expect(server.requests).toHaveLength(32);
  });
});

describe('a server that cannot tell', () => {
  it.each<[string, number, string, RegExp]>([
    ['is ill', 503, '', /HTTP 503.*OIDC_INTROSPECTION_URL/],
    ['refuses us', 401, '', /refuses us.*OIDC_INTROSPECTION_CLIENT_ID/],
    ['answers HTML', 200, '<html>', /something else/],
    ['answers a megabyte', 200, `"${'x'.repeat(1_000_000)}"`, /something else/],
    ['leads elsewhere', 302, '', /HTTP 302/],
  ])('D11 because it %s is no reason for 401', async (_what, status, body, said) => {
    server.answer({ status, body, headers: { location: server.url } });

    const verdict = await introspection.verify('opaque-token');

    expect(verdict).toMatchObject({ ok: false, reason: 'unavailable', temporary: true });
    expect(log.lines.join()).toMatch(said);
    expect(JSON.stringify([verdict, log.lines])).not.toMatch(/opaque-token|very/);
  });

  it('D11 is left alone for a moment and then asked again', async () => {
    server.answer({ status: 503 });
    await introspection.verify('one');
    expect(reasonOf(await introspection.verify('two'))).toBe('unavailable');
    expect(server.requests).toHaveLength(1);

    clock += 2_000;
    expect(await reasonFor(active(), 'one')).toBe('accepted');
  });

  it('D11 does not take away what is known', async () => {
    expect(await reasonFor(active(), 'known')).toBe('accepted');
    server.answer({ status: 503 });
    await introspection.verify('another');

    expect(reasonOf(await introspection.verify('known'))).toBe('accepted');
  });

  it('keeps nobody waiting when the bridge stops', async () => {
    introspection = create(60_000);
    const release = server.hold();
    const waiting = introspection.verify('opaque-token');
    await server.arrived(1);

    await introspection.close();

    expect(reasonOf(await waiting)).toBe('unavailable');
    expect(log.lines).toEqual([]);
    release();
  });
});
