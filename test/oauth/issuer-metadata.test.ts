import type { ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { TokenUnavailableError } from '../../src/errors/origin-errors.ts';
import { ClientCredentialsSource } from '../../src/oauth/client-credentials-source.ts';
import type { ClientCredentialsOptions } from '../../src/oauth/client-credentials-source.ts';
import { startIdentityProvider } from '../peers/identity-provider.ts';
import { startLoopbackServer } from '../peers/loopback-server.ts';
import type { LoopbackServer } from '../peers/loopback-server.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { startTokenServer } from './token-server.ts';
import type { TokenServer } from './token-server.ts';

const { signal } = new AbortController();
const opened: ClientCredentialsSource[] = [];
const asked: string[] = [];
let tokenServer: TokenServer;
let host: LoopbackServer;
let clock = 1_000_000;
let answer: (path: string, response: ServerResponse) => unknown;

beforeAll(async () => {
  tokenServer = await startTokenServer();
  host = await startLoopbackServer(() => (request, response) => {
    asked.push(request.url ?? '');
    answer(request.url ?? '', response);
  });
});
afterEach(async () => {
  for (const source of opened.splice(0)) await source.close();
  tokenServer.reset();
  asked.length = 0;
});
afterAll(async () => {
  await tokenServer.stop();
  await host.stop();
});

function open(issuer: string, more: Partial<ClientCredentialsOptions> = {}) {
  const source = new ClientCredentialsSource({
    issuer,
    clientId: 'bridge',
    clientSecret: 'very-secret',
    clientAuth: 'post',
    now: () => clock,
    log: recordingLogger(),
    ...more,
  } as ClientCredentialsOptions);
  opened.push(source);
  return source;
}

function publish(metadata: object, at?: string): void {
  answer = (path, response) => {
    if (at !== undefined && path !== at) response.writeHead(404).end('{}');
    else response.end(JSON.stringify(metadata));
  };
}

async function failureOf(source: ClientCredentialsSource): Promise<TokenUnavailableError> {
  const error: unknown = await source.authorization({ signal }).catch((e: unknown) => e);
  if (!(error instanceof TokenUnavailableError)) throw new Error('it did not fail as it should');
  return error;
}

describe('an issuer', () => {
  it('that is real says where tokens are to be had, and is asked once', async () => {
    const real = await startIdentityProvider();
    const source = open(real.issuer, { ...real.postClient, scope: real.scope });

    source.refused(await source.authorization({ signal }));
    await source.authorization({ signal });

    expect(real.requests).toMatchObject({ metadata: 1, token: 2 });
    await real.stop();
  });

  it.each([
    ['', '/.well-known/openid-configuration'],
    ['/', '/.well-known/openid-configuration'],
    ['/realms/a', '/realms/a/.well-known/openid-configuration'],
    ['/realms/a', '/.well-known/oauth-authorization-server/realms/a'],
  ])('with the path %j is asked at %s', async (path, at) => {
    const issuer = `${host.url}${path}`;
    publish({ issuer, token_endpoint: tokenServer.url }, at);

    expect(await open(issuer).authorization({ signal })).toBe('Bearer token-1');
    expect(asked.at(-1)).toBe(at);
  });

  it('is believed only when it calls itself by the very name', async () => {
    publish({ issuer: `${host.url}/`, token_endpoint: tokenServer.url });

    const error = await failureOf(open(host.url));

    expect(error.transient).toBe(false);
    expect(error.message).toMatch(/another name.*last slash.*_ISSUER/);
    expect(tokenServer.requests).toHaveLength(0);
  });

  it.each([
    ['http://idp.example.org/token', /not https:/],
    ['ftp://127.0.0.1/token', /not https:/],
    ['https://user:very-secret@idp.example.org/token', /not https:/],
    ['/token', /names no token end point/],
    [undefined, /names no token end point/],
  ])('gets no credentials sent to %s', async (tokenUrl, said) => {
    publish({ issuer: host.url, token_endpoint: tokenUrl });

    const error = await failureOf(open(host.url));

    expect(error.transient).toBe(false);
    expect(error.message).toMatch(said);
    expect(error.message).not.toContain('very-secret');
  });

  it.each([
    ['answers HTML', 200, '<html>', true, /not JSON/],
    ['answers with a list', 200, '[]', true, /not JSON/],
    ['answers a megabyte', 200, `"${'x'.repeat(1_000_000)}"`, true, /not JSON/],
    ['is ill', 503, '', true, /HTTP 503/],
    ['knows nothing of it', 404, '', false, /no metadata \(HTTP 404\).*_TOKEN_URL/],
    ['leads elsewhere', 302, '', false, /redirect/],
  ])('C23 that %s is explained', async (_what, status, body, transient, said) => {
    answer = (_path, response) => response.writeHead(status, { location: '/' }).end(body);

    const error = await failureOf(open(host.url));

    expect(error.transient).toBe(transient);
    expect(error.message).toMatch(said);
  });

  it('C23 that is slow or down is explained', async () => {
    answer = () => undefined;
    expect((await failureOf(open(host.url, { timeoutMs: 100 }))).message).toBe(
      'the issuer cannot be reached: it stopped answering; check DRAWBRIDGE_UPSTREAM_ISSUER',
    );
    await host.down();
    const error = await failureOf(open(host.url));
    await host.up();

    expect(error.transient).toBe(true);
    expect(error.message).toContain('nothing listens on its address and port');
  });

  it('that went away after it was asked does no harm', async () => {
    publish({ issuer: host.url, token_endpoint: tokenServer.url });
    const log = recordingLogger();
    const source = open(host.url, { log });
    source.refused(await source.authorization({ signal }));
    tokenServer.answer({ status: 503 });
    await failureOf(source);
    tokenServer.reset();
    clock += 60_000;
    answer = (_path, response) => response.writeHead(500).end();

    expect(await source.authorization({ signal })).toBe('Bearer token-1');
    expect(log.lines.join()).toContain('what it said last holds');
  });

  it('is asked again when its token end point fails, which may have moved', async () => {
    publish(
      { issuer: host.url, token_endpoint: `${host.url}/gone` },
      '/.well-known/openid-configuration',
    );
    const source = open(host.url);
    await failureOf(source);
    publish({ issuer: host.url, token_endpoint: tokenServer.url });
    clock += 60_000;

    expect(await source.authorization({ signal })).toBe('Bearer token-1');
  });
});
