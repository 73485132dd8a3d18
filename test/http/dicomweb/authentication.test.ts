import { afterEach, describe, expect, it } from 'vitest';
import { BadTokenLimit } from '../../../src/http/dicomweb/bad-token-limit.ts';
import { parseNetwork } from '../../../src/access/networks.ts';
import type { DicomwebHandlerOptions } from '../../../src/http/dicomweb/dicomweb-handler.ts';
import { InsufficientScopeError, UnknownTenantError } from '../../../src/errors/request-errors.ts';
import { good, jsonAnswer, metadataUrl, startFront, statusOf, wire } from './front.ts';
import type { Front } from './front.ts';

const open: Front[] = [];
const start = async (...parameters: Parameters<typeof startFront>): Promise<Front> => {
  const front = await startFront(...parameters);
  open.push(front);
  return front;
};
afterEach(() => Promise.all(open.splice(0).map((front) => front.close())));

describe('D01 who calls', () => {
  it.each([
    ['no Authorization', {}, 401],
    ['an empty Bearer', { authorization: 'Bearer ' }, 401],
    ['Basic', { authorization: 'Basic dXNlcjpwYXNz' }, 401],
    ['a bad token', { authorization: 'Bearer nonsense' }, 401],
    ['a good one, with the scheme in small letters', { authorization: 'bearer good-token' }, 200],
  ])('with %s', async (_, headers, status) => {
    const front = await start();

    const answer = await fetch(`${front.url}/dicom-web/studies`, { headers });

    expect(answer.status).toBe(status);
    expect(front.relayed).toHaveLength(status === 200 ? 1 : 0);
  });

  it('is asked for before anything is said of the resource', async () => {
    const front = await start();

    for (const [method, path] of [
      ['GET', 'nothing'],
      ['DELETE', 'studies'],
      ['GET', 'studies/not-a-uid'],
      ['OPTIONS', 'studies'],
      ['POST', 'studies'],
    ] as const) {
      expect((await front.get(path, { authorization: '' }, method)).status).toBe(401);
    }
    const wado = await fetch(`${front.url}/wado?requestType=WADO`);
    expect(wado.status).toBe(401);
  });

  it('is told where the metadata is, and no error where there was no token', async () => {
    const front = await start();

    const answer = await front.get('studies', { authorization: '' });

    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer realm="dicomweb", resource_metadata="${metadataUrl}"`,
    );
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({ status: 401, title: 'Unauthorized' });
  });

  it('is told what is wrong with a token', async () => {
    const front = await start();

    const answer = await front.get('studies', { authorization: 'Bearer nonsense' });

    expect(answer.headers.get('www-authenticate')).toBe(
      `Bearer realm="dicomweb", error="invalid_token", error_description="the signature is wrong", resource_metadata="${metadataUrl}"`,
    );
  });
});

it('D15 answers a token without any scope with 403 and insufficient_scope', async () => {
  const front = await start();

  const answer = await front.get('studies', { authorization: 'Bearer no-scope' });

  expect(answer.status).toBe(403);
  expect(answer.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
});

it('answers 403 with the name of the scope that lacks, as the issuer calls it', async () => {
  const front = await start(() => {
    throw new InsufficientScopeError('read');
  });

  const answer = await front.get('studies');

  expect(answer.status).toBe(403);
  expect(answer.headers.get('www-authenticate')).toBe(
    `Bearer realm="dicomweb", error="insufficient_scope", scope="dicomweb.read", resource_metadata="${metadataUrl}"`,
  );
});

it('answers 403 without a challenge where no token would help', async () => {
  const front = await start(() => {
    throw new UnknownTenantError();
  });

  const answer = await front.get('studies');

  expect(answer.status).toBe(403);
  expect(answer.headers.get('www-authenticate')).toBeNull();
});

it('answers 503 with Retry-After, and never 401, while the issuer is away', async () => {
  const front = await start();

  const answer = await front.get('studies', { authorization: 'Bearer nobody-knows' });

  expect(answer.status).toBe(503);
  expect(answer.headers.get('retry-after')).toBe('5');
  expect(answer.headers.get('www-authenticate')).toBeNull();
});

describe('D14 a token that is not in the header', () => {
  it.each([
    ['in the query', wireWithout('/dicom-web/studies?access_token=good-token')],
    ['in a cookie', wireWithout('/dicom-web/studies', 'Cookie: access_token=good-token')],
    ['in a header of its own', wireWithout('/dicom-web/studies', 'X-Access-Token: good-token')],
    [
      'in a form',
      'POST /dicom-web/studies HTTP/1.1\r\nHost: a\r\nConnection: close\r\n' +
        'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 23\r\n\r\naccess_token=good-token',
    ],
  ])('is none: %s', async (_, text) => {
    const front = await start();

    const answer = await front.raw(text);

    expect(statusOf(answer)).toBe(401);
    expect(answer).not.toContain('good-token');
    expect(front.log.lines.join('\n')).not.toContain('good-token');
    expect(front.relayed).toEqual([]);
  });
});

describe('D49 tokens that are tried out', () => {
  const limits = { badTokenBurst: 3, badTokensPerSecond: 0.5 };

  it('end in 429 with Retry-After, and only for who tries them', async () => {
    const front = await start(jsonAnswer(), { limits, trustedProxies: loopback });
    const ask = async (token: string, client: string): Promise<Response> =>
      front.get('studies', { authorization: `Bearer ${token}`, 'x-forwarded-for': client });

    const statuses: number[] = [];
    for (let index = 0; index < 10; index += 1) {
      statuses.push((await ask(`bad-${index}`, '192.0.2.1')).status);
    }
    const limited = await ask('bad', '192.0.2.1');

    expect(statuses).toEqual([401, 401, 401, 429, 429, 429, 429, 429, 429, 429]);
    expect(limited.headers.get('retry-after')).toBe('2');
    expect((await ask('good-token', '192.0.2.2')).status).toBe(200);
    expect(front.limited).toHaveLength(8);
    expect(front.limited[0]).toBe('bad-tokens');
  });

  it('are not looked at meanwhile', async () => {
    let looked = 0;
    const front = await start(jsonAnswer(), {
      limits,
      admission: {
        kind: 'bearer',
        authenticate: () => {
          looked += 1;
          return Promise.resolve({ ok: false, reason: 'signature', description: 'wrong' });
        },
        resourceMetadataUrl: () => metadataUrl,
      },
    });

    for (let index = 0; index < 10; index += 1) await front.get('studies');

    expect(looked).toBe(3);
  });

  it('do not count where none is sent', async () => {
    const front = await start(jsonAnswer(), { limits });

    for (let index = 0; index < 10; index += 1) {
      expect((await front.get('studies', { authorization: '' })).status).toBe(401);
    }
  });

  it('are forgiven with time', () => {
    let now = 0;
    const limit = new BadTokenLimit({ burst: 2, perSecond: 1, now: () => now });
    limit.count('192.0.2.1');
    limit.count('192.0.2.1');
    expect(limit.waitSeconds('192.0.2.1')).toBe(1);

    now = 1_000;

    expect(limit.waitSeconds('192.0.2.1')).toBeUndefined();
  });

  it('count for all addresses of one IPv6 network, however they are written', () => {
    const limit = new BadTokenLimit({ burst: 1, perSecond: 1, now: () => 0 });
    limit.count('2001:db8:0:0:1:2:3:4');

    expect(limit.waitSeconds('2001:db8::5')).toBe(1);
    expect(limit.waitSeconds('2001:db8:0:1::5')).toBeUndefined();
  });

  it('from very many addresses do not fill the memory', () => {
    const limit = new BadTokenLimit({ burst: 1, perSecond: 1, now: () => 0 });
    for (let index = 0; index <= 10_000; index += 1) limit.count(`address-${index}`);

    expect(limit.waitSeconds('address-0')).toBeUndefined();
    expect(limit.waitSeconds('address-1')).toBe(1);
  });

  it('cannot be put on somebody else by a client that is no proxy', async () => {
    const front = await start(jsonAnswer(), { limits });

    for (let index = 0; index < 3; index += 1) {
      await front.get('studies', {
        authorization: 'Bearer x',
        'x-forwarded-for': `192.0.2.${index}`,
      });
    }

    expect((await front.get('studies')).status).toBe(429);
  });
});

describe('without authentication', () => {
  const admission: DicomwebHandlerOptions['admission'] = { kind: 'open' };

  it.each(['localhost', 'localhost:8080', '127.0.0.1:8080', '[::1]:8080'])(
    'answers %s',
    async (name) => {
      const front = await start(jsonAnswer(), { admission });

      expect(statusOf(await front.raw(anonymous(name)))).toBe(200);
    },
  );

  it.each(['evil.example', '192.0.2.1', 'localhost.evil.example', '127.0.0.1.evil.example'])(
    'refuses a name that leads here by accident or by design: %s',
    async (name) => {
      const front = await start(jsonAnswer(), { admission });

      expect(statusOf(await front.raw(anonymous(name)))).toBe(403);
      expect(front.relayed).toEqual([]);
    },
  );

  it.each([
    ['https://evil.example', 403],
    ['null', 403],
    ['http://localhost:3000', 200],
    ['http://[::1]:3000', 200],
  ])('looks at the page that asks: %s', async (origin, status) => {
    const front = await start(jsonAnswer(), { admission });

    expect(statusOf(await front.raw(anonymous('localhost', `Origin: ${origin}`)))).toBe(status);
  });
});

describe('requests at a time', () => {
  it('are limited for each caller, with 429 and Retry-After', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let entered = 0;
    const allIn = new Promise<void>((resolve) => {
      void start(
        async (_, sink) => {
          entered += 1;
          if (entered === 2) resolve();
          await gate;
          sink.begin({ status: 200, headers: {} });
          sink.end();
        },
        { limits: { concurrentRequests: 2 } },
      ).then((started) => {
        front = started;
        first = [started.get('studies'), started.get('studies')];
      });
    });
    let front: Front | undefined;
    let first: Promise<Response>[] = [];
    await allIn;

    const third = await front?.get('studies');
    release();

    expect(third?.status).toBe(429);
    expect(third?.headers.get('retry-after')).toBe('1');
    expect((await Promise.all(first)).map(({ status }) => status)).toEqual([200, 200]);
    expect(front?.limited).toEqual(['concurrent-requests']);
    expect((await front?.get('studies'))?.status).toBe(200);
  });
});

const loopback = [parseNetwork('127.0.0.0/8')].filter((network) => network !== undefined);

function wireWithout(target: string, ...lines: readonly string[]): string {
  return wire(target, ...lines).replace(`Authorization: ${good}\r\n`, '');
}

function anonymous(name: string, ...lines: readonly string[]): string {
  return wireWithout('/dicom-web/studies', ...lines).replace('pacs.example', name);
}
