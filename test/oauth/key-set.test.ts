import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Agent } from 'undici';
import { KeySet } from '../../src/oauth/key-set.ts';
import type { KeySetOptions } from '../../src/oauth/key-set.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import type { RecordingLogger } from '../support/recording-logger.ts';
import { makeKey, startIssuer } from './issuer-fixture.ts';
import type { TestIssuer, TestKey } from './issuer-fixture.ts';

const minute = 60_000;

let issuer: TestIssuer;
let one: TestKey;
let two: TestKey;
let dispatcher: Agent;
let keySet: KeySet;
let log: RecordingLogger;
let clock = 1_000_000;

beforeAll(async () => {
  issuer = await startIssuer();
  [one, two] = await Promise.all([makeKey('one'), makeKey('two')]);
  dispatcher = new Agent();
});
beforeEach(() => {
  issuer.publish(one.publicJwk);
  keySet = create();
});
afterEach(async () => {
  await keySet.close();
  issuer.asked.length = 0;
});
afterAll(async () => {
  await dispatcher.close();
  await issuer.stop();
});

function create(options: Partial<KeySetOptions> = {}): KeySet {
  log = recordingLogger();
  const url = `${issuer.url}/jwks`;
  const common = { dispatcher, now: () => clock, log, allowPlaintext: false };
  return new KeySet({ issuer: issuer.url, url, timeoutMs: 500, ...common, ...options });
}

/** Keys found, or `undefined` when nobody can tell. */
async function count(keyId: string | undefined): Promise<number | undefined> {
  return (await keySet.find({ keyId, algorithm: 'RS256' }))?.length;
}

describe('keys', () => {
  it('are fetched once for all who ask at the same time, and held', async () => {
    expect(await Promise.all(Array.from({ length: 20 }, () => count('one')))).toEqual(
      Array.from({ length: 20 }, () => 1),
    );
    expect(await count('one')).toBe(1);

    expect(issuer.asked).toEqual(['/jwks']);
  });

  it('are found through the issuer when no address is set', async () => {
    keySet = create({ url: undefined });

    expect(await count('one')).toBe(1);
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/jwks']);
  });

  it('D10 that are new are fetched when a token names one, at most once a cool-down', async () => {
    expect(await count('two')).toBe(0);
    issuer.publish(one.publicJwk, two.publicJwk);
    for (let i = 0; i < 100; i += 1) expect(await count('two')).toBe(0);
    expect(issuer.asked).toHaveLength(1);

    clock += 30_000;
    expect(await Promise.all([count('two'), count('two'), count('three')])).toEqual([1, 1, 0]);
    expect(issuer.asked).toHaveLength(2);
  });

  it('D10 that were withdrawn are refused once what we hold is old', async () => {
    expect(await count('one')).toBe(1);
    issuer.publish(two.publicJwk);
    clock += 10 * minute - 1;
    expect(await count('one')).toBe(1);

    clock += 1;
    expect(await count('one')).toBe(0);
    expect(await count('two')).toBe(1);
  });

  it('D10 that were withdrawn go with the first rotation too', async () => {
    expect(await count('one')).toBe(1);
    issuer.publish(two.publicJwk);
    clock += 30_000;

    expect(await count('two')).toBe(1);
    expect(await count('one')).toBe(0);
  });

  it('that cannot be read do not harm the others', async () => {
    issuer.answer((response) =>
      response.end(
        JSON.stringify({
          keys: [null, 'x', { kty: 'RSA', kid: 'one', e: 'AQAB' }, one.publicJwk],
        }),
      ),
    );

    expect(await count('one')).toBe(1);
  });

  it('without number are tried no more than a few of', async () => {
    issuer.publish(...Array.from({ length: 50 }, () => one.publicJwk));

    expect(await count(undefined)).toBe(8);
  });
});

describe('an issuer', () => {
  const faults: [string, (issuer: TestIssuer) => unknown][] = [
    ['is down', (it) => it.down()],
    ['is slow', (it) => it.answer(() => undefined)],
    ['answers 500', (it) => it.answer((response) => response.writeHead(500).end())],
    ['breaks off', (it) => it.answer((response) => response.socket?.destroy())],
    ['answers HTML', (it) => it.answer((response) => response.end('<html>'))],
    ['answers with no keys', (it) => it.answer((response) => response.end('{"keys":{}}'))],
    [
      'leads to a file',
      (it) =>
        it.answer((response) =>
          response.writeHead(302, { location: 'file:///etc/passwd' }).end('{"keys":[]}'),
        ),
    ],
    [
      'sends without end',
      (it) =>
        it.answer((response) => {
          const more = (): void => {
            while (!response.destroyed && response.write(' '.repeat(65_536)));
          };
          response.on('drain', more);
          more();
        }),
    ],
  ];

  afterEach(() => issuer.up().catch(() => undefined));

  it.each(faults)(
    'D11 that %s leaves the keys we hold at work, for a day',
    async (_what, fault) => {
      expect(await count('one')).toBe(1);
      await fault(issuer);

      clock += 11 * minute;
      expect(await count('one')).toBe(1);
      expect(log.lines.join()).toContain('its last keys hold for the time being');
      clock += 24 * 60 * minute;
      expect(await count('one')).toBe(undefined);
    },
  );

  it.each(faults)(
    'D11 that %s when there are no keys yet: nobody can tell',
    async (_what, fault) => {
      await fault(issuer);

      expect(await count('one')).toBe(undefined);
      expect(log.lines.join()).toMatch(/check DRAWBRIDGE_OIDC_ISSUER or DRAWBRIDGE_OIDC_JWKS_URL/);
    },
  );

  it('D11 that is down is not asked for every request, and is found again within seconds', async () => {
    issuer.answer((response) => response.writeHead(503).end());
    for (let i = 0; i < 100; i += 1) expect(await count('one')).toBe(undefined);
    expect(issuer.asked).toHaveLength(1);

    issuer.publish(one.publicJwk);
    clock += 5_000;
    expect(await count('one')).toBe(1);
  });

  it('D11 that is down when a token names a new key: nobody can tell, which is no reason for 401', async () => {
    expect(await count('one')).toBe(1);
    issuer.answer((response) => response.writeHead(503).end());
    clock += 30_000;

    expect(await count('two')).toBe(undefined);
    expect(await count('one')).toBe(1);
  });

  it('that calls itself by another name is not believed', async () => {
    keySet = create({ url: undefined, issuer: `${issuer.url}/` });

    expect(await count('one')).toBe(undefined);
    expect(log.lines.join()).toMatch(/another name.*DRAWBRIDGE_OIDC_ISSUER.*_OIDC_JWKS_URL/);
  });

  it('that is asked when the bridge stops keeps nobody waiting', async () => {
    issuer.answer(() => undefined);
    keySet = create({ timeoutMs: 60_000 });
    const waiting = count('one');

    await keySet.close();

    expect(await waiting).toBe(undefined);
    expect(log.lines).toEqual([]);
  });
});
