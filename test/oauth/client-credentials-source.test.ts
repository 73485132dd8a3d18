import { UnsecuredJWT, decodeJwt } from 'jose';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TokenUnavailableError } from '../../src/errors/origin-errors.ts';
import { ClientCredentialsSource } from '../../src/oauth/client-credentials-source.ts';
import type { ClientCredentialsOptions } from '../../src/oauth/client-credentials-source.ts';
import { startIdentityProvider } from '../peers/identity-provider.ts';
import type { IdentityProvider } from '../peers/identity-provider.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startTokenServer } from './token-server.ts';
import type { TokenServer } from './token-server.ts';

const { signal } = new AbortController();
const opened: ClientCredentialsSource[] = [];
let server: TokenServer;
let clock: number;

beforeAll(async () => {
  server = await startTokenServer();
});
afterAll(() => server.stop());
afterEach(async () => {
  server.reset();
  for (const source of opened.splice(0)) await source.close();
});

type SecretOptions = Extract<
  ClientCredentialsOptions,
  { readonly clientAuth: 'basic' | 'post'; readonly tokenUrl: string }
>;

function open(options: Partial<SecretOptions> = {}): ClientCredentialsSource {
  clock = 1_000_000;
  const source = new ClientCredentialsSource({
    tokenUrl: server.url,
    clientId: 'bridge',
    clientSecret: 'very-secret',
    clientAuth: 'post',
    retryMinMs: 1_000,
    retryMaxMs: 8_000,
    now: () => clock,
    log: recordingLogger(),
    ...options,
  });
  opened.push(source);
  return source;
}

/** Asks and gives back the error, which has to come. */
async function failureOf(source: ClientCredentialsSource): Promise<TokenUnavailableError> {
  const error: unknown = await source.authorization({ signal }).catch((e: unknown) => e);
  if (!(error instanceof TokenUnavailableError)) throw new Error('it did not fail as it should');
  return error;
}

describe('with a real identity provider', () => {
  let identityProvider: IdentityProvider;
  beforeAll(async () => {
    identityProvider = await startIdentityProvider();
  });
  afterAll(() => identityProvider.stop());

  it.each(['basic', 'post'] as const)(
    'authenticates by %s with an id and a secret full of reserved characters',
    async (clientAuth) => {
      const { tokenUrl, scope, audience, basicClient, postClient } = identityProvider;
      const client = clientAuth === 'basic' ? basicClient : postClient;
      const source = open({ tokenUrl, clientAuth, ...client, scope, resource: audience });

      const authorization = await source.authorization({ signal });

      expect(decodeJwt(authorization.replace('Bearer ', ''))).toMatchObject({
        aud: audience,
        scope,
        client_id: client.clientId,
      });
    },
  );

  it('C23 says which settings to check when the secret is wrong', async () => {
    const { tokenUrl, postClient } = identityProvider;
    const source = open({ tokenUrl, ...postClient, clientSecret: 'wrong-secret' });

    const error = await failureOf(source);

    expect(error.transient).toBe(false);
    expect(error.message).toMatch(/invalid_client.*DRAWBRIDGE_UPSTREAM_CLIENT_SECRET/);
  });
});

describe('keeping a token', () => {
  it('sends scope, audience and resource, and the client in the body only when told so', async () => {
    const asked = { scope: 'a b', audience: 'urn:x', resource: 'https://archive.test/' };

    await open(asked).authorization({ signal });
    await open({ ...asked, clientAuth: 'basic' }).authorization({ signal });

    expect(server.requests.map(({ form }) => Object.fromEntries(form))).toEqual([
      {
        grant_type: 'client_credentials',
        ...asked,
        client_id: 'bridge',
        client_secret: 'very-secret',
      },
      { grant_type: 'client_credentials', ...asked },
    ]);
    expect(server.requests.map((request) => request.authorization)).toEqual([
      undefined,
      `Basic ${Buffer.from('bridge:very-secret').toString('base64')}`,
    ]);
  });

  it('C25 asks once for fifty who wait, and not again while the token is good', async () => {
    const source = open();

    const given = await Promise.all(
      Array.from({ length: 50 }, () => source.authorization(new AbortController())),
    );
    clock += 1_000;
    given.push(await source.authorization({ signal }));

    expect(new Set(given)).toEqual(new Set(['Bearer token-1']));
    expect(server.requests).toHaveLength(1);
  });

  it('fetches the next one ahead of the end, while the old one is still handed out', async () => {
    const source = open();
    await source.authorization({ signal });
    clock += 80_000;

    const meanwhile = await source.authorization({ signal });
    await server.answered(2);
    const then = await eventually(() => source.authorization({ signal }), 'Bearer token-2');

    expect(meanwhile).toBe('Bearer token-1');
    expect(then).toBe('Bearer token-2');
    expect(server.requests).toHaveLength(2);
  });

  it('hands out no token that ends at once, and waits for the next', async () => {
    const source = open();
    await source.authorization({ signal });
    clock += 99_000;

    expect(await source.authorization({ signal })).toBe('Bearer token-2');
  });

  it('keeps the old token to its end when the token server is away', async () => {
    const source = open();
    await source.authorization({ signal });
    server.answer({ status: 503 });
    clock += 80_000;

    expect(await source.authorization({ signal })).toBe('Bearer token-1');
    await server.answered(2);
    expect(await source.authorization({ signal })).toBe('Bearer token-1');
    clock += 20_000;
    expect((await failureOf(source)).transient).toBe(true);
  });

  it('C11 gives another token after a refusal of this one, and only of this one', async () => {
    const source = open();
    const first = await source.authorization({ signal });

    source.refused('Bearer something-else');
    expect(await source.authorization({ signal })).toBe(first);
    source.refused(first);
    expect(await source.authorization({ signal })).toBe('Bearer token-2');
    source.refused(first);
    expect(await source.authorization({ signal })).toBe('Bearer token-2');
  });

  it('C25 lets one waiter go without ending what the others wait for', async () => {
    const source = open();
    const release = server.hold();
    const impatient = new AbortController();
    const reason = new Error('gave up');

    const first = source.authorization({ signal: impatient.signal });
    const second = source.authorization({ signal });
    await server.arrived(1);
    impatient.abort(reason);
    await expect(first).rejects.toBe(reason);
    release();

    expect(await second).toBe('Bearer token-1');
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['"3600"', 3_600_000 * 0.95],
    ['3600', 3_600_000 * 0.95],
    ['null', 300_000 * 0.95],
    ['"soon"', 300_000 * 0.95],
    ['1e300', 86_400_000 * 0.95],
  ])('C23 understands expires_in %s', async (expiresIn, usableMs) => {
    server.answer({ body: `{"access_token":"t","token_type":"bearer","expires_in":${expiresIn}}` });
    const source = open();

    await source.authorization({ signal });

    expect(source.expiresAt).toBe(clock + usableMs);
    expect(source.obtainedAt).toBe(clock);
  });

  it.each([
    ['a server whose clock is an hour ahead', 3_600, 300, 300, 300],
    ['a server whose clock is a year behind', -31_536_000, 300, 300, 300],
    ['expires_in that says more than the token', 0, 60, 3_600, 60],
    ['expires_in that says less than the token', 0, 3_600, 60, 60],
    ['a token that says it alone', 0, 120, undefined, 120],
    ['a token that ends before it begins', 0, -5, 100, 100],
  ])('C23 survives %s', async (_what, aheadSeconds, ownSeconds, statedSeconds, keptSeconds) => {
    clock = 1_700_000_000_000;
    const iat = clock / 1000 + aheadSeconds;
    const claims = { iat, exp: iat + ownSeconds };
    const body = {
      access_token: new UnsecuredJWT(claims).encode() + 'c2ln',
      token_type: 'Bearer',
      expires_in: statedSeconds,
    };
    server.answer({ body: JSON.stringify(body) });
    const log = recordingLogger();
    const source = open({ log });
    clock = 1_700_000_000_000;

    const authorization = await source.authorization({ signal });

    expect(source.expiresAt).toBe(clock + keptSeconds * 1000 * 0.95);
    expect(await source.authorization({ signal })).toBe(authorization);
    expect(server.requests).toHaveLength(1);
    expect(log.lines.join().includes('far apart')).toBe(aheadSeconds !== 0);
  });

  it('C23 takes a token without expires_in for good for a while', async () => {
    server.answer({ body: '{"access_token":"t","token_type":"Bearer"}' });
    const source = open();

    await source.authorization({ signal });
    await source.authorization({ signal });

    expect(server.requests).toHaveLength(1);
  });

  it.each(['0', '-1'])(
    'C23 uses a token with expires_in %s at once and keeps it not',
    async (n) => {
      server.answer({ body: `{"access_token":"t","token_type":"Bearer","expires_in":${n}}` });
      const source = open();

      expect(await source.authorization({ signal })).toBe('Bearer t');
      expect(await source.authorization({ signal })).toBe('Bearer t');
      expect(server.requests).toHaveLength(2);
    },
  );
});

describe('when no token is to be had', () => {
  it('C23 names a token server that is down', async () => {
    const away = await startTokenServer();
    await away.stop();

    const error = await failureOf(open({ tokenUrl: away.url }));

    expect(error.transient).toBe(true);
    expect(error.message).toBe(
      'the token server cannot be reached: nothing listens on its address and port; check DRAWBRIDGE_UPSTREAM_TOKEN_URL',
    );
  });

  it('C23 names a token server that is slow', async () => {
    server.hold();

    const error = await failureOf(open({ timeoutMs: 100 }));

    expect(error.transient).toBe(true);
    expect(error.message).toContain('it stopped answering');
  });

  it.each([
    ['200 non-JSON', { body: '<html>very-secret</html>' }, true, /not JSON.*_TOKEN_URL/],
    ['a list', { body: '[]' }, true, /not JSON/],
    ['no access_token', { body: '{"token_type":"Bearer"}' }, true, /no usable access_token/],
    [
      'an access_token that would break the header',
      { body: '{"access_token":"a\\r\\nX: y","token_type":"Bearer"}' },
      true,
      /no usable access_token/,
    ],
    ['an access_token of two words', { body: '{"access_token":"a b"}' }, true, /no usable/],
    ['token_type mac', { body: '{"access_token":"t","token_type":"mac"}' }, false, /type other/],
    ['1 MB body', { body: `{"x":"${'y'.repeat(1_000_000)}"}` }, true, /far too long/],
    [
      '400 invalid_client',
      { status: 400, body: '{"error":"invalid_client","error_description":"very-secret"}' },
      false,
      /invalid_client.*_CLIENT_ID.*_CLIENT_AUTH/,
    ],
    ['401 without a body', { status: 401 }, false, /HTTP 401.*_CLIENT_SECRET/],
    [
      '400 unauthorized_client',
      { status: 400, body: '{"error":"unauthorized_client"}' },
      false,
      /grant/,
    ],
    ['400 invalid_target', { status: 400, body: '{"error":"invalid_target"}' }, false, /_AUDIENCE/],
    [
      '400 with an error that is no code',
      { status: 400, body: '{"error":"<b>very-secret</b>"}' },
      false,
      /\(HTTP 400\)/,
    ],
    ['400 invalid_scope', { status: 400, body: '{"error":"invalid_scope"}' }, false, /_SCOPE/],
    ['404', { status: 404 }, false, /_TOKEN_URL/],
    ['500', { status: 500 }, true, /HTTP 500/],
    ['429', { status: 429 }, true, /HTTP 429/],
    ['a redirect', { status: 302, headers: { location: '/other' } }, false, /redirect/],
  ])('C23 names the cause: %s', async (_what, answer, transient, message) => {
    server.answer(answer);
    const log = recordingLogger();

    const error = await failureOf(open({ log }));

    expect(error.transient).toBe(transient);
    expect(error.message).toMatch(message);
    expect(error.message + log.lines.join()).not.toContain('very-secret');
    expect(server.requests).toHaveLength(1);
  });

  it('C23 leaves a failing token server alone for a while, and longer each time', async () => {
    const source = open();
    server.answer({ status: 503 });

    const asked: number[] = [];
    for (const waitMs of [0, 999, 1, 1_999, 1]) {
      clock += waitMs;
      await failureOf(source);
      asked.push(server.requests.length);
    }
    server.reset();
    clock += 4_000;

    expect(asked).toEqual([1, 1, 2, 2, 3]);
    expect(await source.authorization({ signal })).toMatch(/^Bearer /);
  });

  it('ends what is under way when it is closed', async () => {
    const source = open();
    server.hold();
    const waiting = source.authorization({ signal });
    await server.arrived(1);

    await Promise.all([source.close(), expect(waiting).rejects.toThrow('closing')]);
  });
});

/** Asks again after each turn of the event loop until the answer is this one. */
async function eventually(ask: () => Promise<string>, wanted: string): Promise<string> {
  for (let turn = 0; turn < 1_000; turn += 1) {
    const answer = await ask();
    if (answer === wanted) return answer;
    await new Promise((resolve) => setImmediate(resolve));
  }
  return ask();
}
