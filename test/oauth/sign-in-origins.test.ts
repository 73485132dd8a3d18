import { Agent } from 'undici';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { SignInOrigins } from '../../src/oauth/sign-in-origins.ts';
import { startLoopbackServer } from '../peers/loopback-server.ts';
import type { LoopbackServer } from '../peers/loopback-server.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const dispatcher = new Agent();
let server: LoopbackServer;
let metadata: Readonly<Record<string, unknown>> | undefined;
let asked: number;
let clock: number;

beforeAll(async () => {
  server = await startLoopbackServer((url) => (_request, response) => {
    asked += 1;
    if (metadata === undefined) response.writeHead(503).end();
    else response.end(JSON.stringify({ issuer: url, ...metadata }));
  });
});
beforeEach(() => {
  asked = 0;
  clock = 0;
  metadata = {};
});
afterAll(async () => {
  await dispatcher.destroy();
  await server.stop();
});

const opened: SignInOrigins[] = [];
afterEach(() => opened.splice(0).forEach((one) => one.close()));

function open(log = recordingLogger()) {
  const origins = new SignInOrigins({
    issuer: server.url,
    dispatcher,
    now: () => clock,
    log,
  });
  opened.push(origins);
  return origins;
}

it("are the issuer's own and those of its end points, asked for once", async () => {
  metadata = {
    authorization_endpoint: 'https://login.test/authorize',
    token_endpoint: 'https://tokens.test/token?p=1',
    userinfo_endpoint: `${server.url}/me`,
    jwks_uri: 'https://keys.test/jwks',
    registration_endpoint: 'https://other.test/',
  };
  const origins = open();

  const [first, second] = await Promise.all([origins.list(), origins.list()]);

  expect(first).toEqual([server.url, 'https://login.test', 'https://tokens.test']);
  expect(second).toEqual(first);
  expect(await origins.list()).toEqual(first);
  expect(asked).toBe(1);
});

it.each([
  [{}],
  [{ token_endpoint: 7 }],
  [{ token_endpoint: 'no url' }],
  [{ token_endpoint: "javascript:alert('x')" }],
])('are the own one alone where the metadata says no more: %j', async (given) => {
  metadata = given;

  expect(await open().list()).toEqual([server.url]);
});

it('are the own one alone while the issuer is away, who is asked again after a while', async () => {
  metadata = undefined;
  const log = recordingLogger();
  const origins = open(log);

  expect(await origins.list()).toEqual([server.url]);
  const askedAtFirst = asked;
  expect(await origins.list()).toEqual([server.url]);
  expect(asked).toBe(askedAtFirst);
  expect(log.lines).toHaveLength(1);

  metadata = { token_endpoint: 'https://tokens.test/' };
  clock += 30_000;
  expect(await origins.list()).toEqual([server.url, 'https://tokens.test']);
});
