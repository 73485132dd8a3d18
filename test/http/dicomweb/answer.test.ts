import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { BridgeError } from '../../../src/errors/bridge-error.ts';
import {
  NotFoundError,
  OriginAnswerError,
  OriginRefusedError,
  OriginUnavailableError,
  TokenUnavailableError,
} from '../../../src/errors/origin-errors.ts';
import type { AnswerOptions } from '../../../src/archive/dicomweb-origin.ts';
import { preferredCoding } from '../../../src/http/dicomweb/content-coding.ts';
import type { ResponseSink } from '../../../src/translate/response-sink.ts';
import { good, host, jsonAnswer, startFront, statusOf, wire } from './front.ts';
import type { Front } from './front.ts';

const instance = 'studies/1.2/series/1.2.3/instances/1.2.3.4';
const frames = `${instance}/frames/1`;
const bulk = `${instance}/bulk/00420011`;

const open: Front[] = [];
const start = async (...parameters: Parameters<typeof startFront>): Promise<Front> => {
  const front = await startFront(...parameters);
  open.push(front);
  return front;
};
afterEach(() => Promise.all(open.splice(0).map((front) => front.close())));

/** Answers with these headers and bytes. */
function answerWith(headers: Readonly<Record<string, string>>, ...chunks: readonly string[]) {
  return (_: unknown, sink: ResponseSink): void => {
    sink.begin({ status: 200, headers });
    for (const chunk of chunks) sink.write(Buffer.from(chunk));
    sink.end();
  };
}

describe('an answer', () => {
  it('carries what keeps browsers and caches careful', async () => {
    const front = await start();

    const { headers } = await front.get('studies');

    expect(Object.fromEntries(headers)).toMatchObject({
      'cache-control': 'private, no-cache',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
      vary: 'Authorization, Accept, Origin, Accept-Encoding',
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    'text/html',
    'image/svg+xml; charset=utf-8',
    'application/xml',
    'application/xhtml+xml',
  ])('is never a page of ours: %s', async (type) => {
    const front = await start(answerWith({ 'content-type': type }, '<script>'));

    const { headers } = await front.get(bulk);

    expect(headers.get('content-disposition')).toBe('attachment');
    expect(headers.get('content-security-policy')).toContain('sandbox');
  });

  it.each([
    'application/pdf',
    'image/jpeg',
    'application/dicom+xml',
    'multipart/related; type="text/html"',
  ])('is shown where it runs nothing: %s', async (type) => {
    const front = await start(answerWith({ 'content-type': type }, 'x'));

    const { headers } = await front.get(bulk);

    expect(headers.get('content-disposition')).toBeNull();
  });

  it('keeps the length the archive gave', async () => {
    const front = await start(answerWith({ 'content-length': '3' }, 'abc'));

    const answer = await front.get(frames);

    expect(answer.headers.get('content-length')).toBe('3');
    expect(await answer.text()).toBe('abc');
  });

  it('leaves one line in the log, without values and UIDs', async () => {
    const front = await start();

    await (await front.get('studies/1.2.3.4.5/series?PatientName=Doe', plain)).text();

    const [line = '', ...more] = front.log.lines;
    expect(more).toEqual([]);
    expect(line).toMatch(/^info .* request answered$/);
    expect(JSON.parse(line.slice('info '.length, line.lastIndexOf('}') + 1))).toEqual({
      request: '00000000',
      method: 'GET',
      route: 'studies/{study}/series',
      status: 200,
      bytesIn: 0,
      bytesOut: 2,
      durationMs: expect.any(Number) as number,
      caller: 'Reader One',
    });
  });

  it('is measured', async () => {
    const front = await start();

    await (await front.get('studies', plain)).text();
    await (await front.get('nothing')).text();

    const seconds = expect.any(Number) as number;
    expect(front.ended).toEqual([
      { route: 'search', status: 200, seconds, bytesIn: 0, bytesOut: 2 },
      { route: 'other', status: 404, seconds, bytesIn: 0, bytesOut: expect.any(Number) as number },
    ]);
  });
});

describe('compression', () => {
  const text = JSON.stringify(Array.from({ length: 500 }, () => ({ '00100010': { vr: 'PN' } })));
  const json = { 'content-type': 'application/dicom+json' };

  it('is used for JSON where the client takes it', async () => {
    const front = await start(answerWith({ ...json, 'content-length': `${text.length}` }, text));

    const answer = await bytesOf(front, 'studies', gzip());

    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(answer.headers['content-length']).toBeUndefined();
    expect(answer.headers.vary).toContain('Accept-Encoding');
    expect(gunzipSync(answer.body).toString()).toBe(text);
    expect(front.ended[0]?.bytesOut).toBe(answer.body.length);
  });

  it('is Brotli where the client takes that too', async () => {
    const front = await start(answerWith(json, text));

    const answer = await bytesOf(front, 'studies', { 'accept-encoding': 'gzip, deflate, br' });

    expect(answer.headers['content-encoding']).toBe('br');
    expect(brotliDecompressSync(answer.body).toString()).toBe(text);
  });

  it.each([
    ['gzip;q=1, br;q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br'],
    ['*;q=0.1, br;q=0', 'gzip'],
    ['GZIP', 'gzip'],
    ['deflate', undefined],
    ['identity, *;q=0', undefined],
    ['', undefined],
  ])('is what the client likes best: %s', (header, coding) => {
    expect(preferredCoding(header)).toBe(coding);
  });

  it.each([
    ['the client does not say that it takes it', 'studies', {}, json],
    ['the client refuses it', 'studies', { 'accept-encoding': 'gzip;q=0, *;q=0' }, json],
    ['it is encoded already', 'studies', gzip(), { ...json, 'content-encoding': 'x-other' }],
    ['it is short', 'studies', gzip(), { ...json, 'content-length': '5' }],
    ['it is pixel data', frames, gzip(), { 'content-type': 'multipart/related' }],
  ])('is not used where %s', async (_, path, headers, given) => {
    const body = 'content-length' in given ? '"abc"' : text;
    const front = await start(answerWith(given, body));

    const answer = await bytesOf(front, path, headers);

    expect(answer.headers['content-encoding']).toBe(
      'content-encoding' in given ? 'x-other' : undefined,
    );
    expect(answer.body.toString()).toBe(body);
  });

  it('goes no faster than the client', async () => {
    let written = 0;
    let waits = 0;
    const front = await start(async (_, sink) => {
      sink.begin({ status: 200, headers: json });
      // Random, so that what goes out is about as long as what comes in.
      for (let index = 0; index < 200; index += 1) {
        const chunk = Buffer.from(randomBytes(50_000).toString('base64'));
        written += chunk.length;
        if (sink.write(chunk)) continue;
        waits += 1;
        await new Promise<void>((resolve) => sink.drained(resolve));
      }
      sink.end();
    });

    const answer = await bytesOf(front, 'studies', gzip());

    expect(gunzipSync(answer.body)).toHaveLength(written);
    expect(waits).toBeGreaterThan(10);
  });
});

describe('a validator', () => {
  const multipart = (boundary: string) => ({
    'content-type': `multipart/related; type="application/octet-stream"; boundary=${boundary}`,
    'content-length': '3',
  });

  it('of pixel data is the same for the same answer, and private for five minutes', async () => {
    let asked = 0;
    const front = await start((_, sink) => {
      asked += 1;
      sink.begin({ status: 200, headers: multipart(`b${asked}`) });
      sink.write(Buffer.from('abc'));
      sink.end();
    });

    const first = await front.get(frames);
    const second = await front.get(frames);

    expect(first.headers.get('etag')).toMatch(/^W\/"[\w-]{22}"$/);
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(first.headers.get('cache-control')).toBe('private, max-age=300');
  });

  it('is another one for another frame, form, length and hour', async () => {
    let nowMs = 0;
    let headers: Readonly<Record<string, string>> = multipart('b');
    const front = await start(
      (_, sink) => {
        sink.begin({ status: 200, headers });
        sink.write(Buffer.alloc(Number(headers['content-length'])));
        sink.end();
      },
      { now: () => nowMs },
    );
    const ask = async (path: string): Promise<string | null> =>
      (await front.get(path)).headers.get('etag');

    const tags = [await ask(frames), await ask(`${instance}/frames/2`)];
    headers = { ...headers, 'content-type': 'image/jpeg' };
    tags.push(await ask(frames));
    headers = { ...headers, 'content-length': '4' };
    tags.push(await ask(frames));
    nowMs = 60 * 60 * 1000;
    tags.push(await ask(frames));

    expect(new Set(tags).size).toBe(5);
  });

  it('saves the body of what the browser has, and the archive the rest of its answer', async () => {
    let aborted = false;
    const front = await start(async (_, sink, { signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      sink.begin({ status: 200, headers: multipart('b') });
      if (!aborted) sink.write(Buffer.from('abc'));
      if (!aborted) sink.end();
      signal.throwIfAborted();
      await Promise.resolve();
    });
    const etag = (await front.get(frames)).headers.get('etag') ?? '';

    const answer = await front.get(frames, { 'if-none-match': `"other", ${etag}` });

    expect(answer.status).toBe(304);
    expect(await answer.text()).toBe('');
    expect(answer.headers.get('etag')).toBe(etag);
    expect(answer.headers.get('content-type')).toBeNull();
    expect(answer.headers.get('content-security-policy')).not.toBeNull();
    expect(aborted).toBe(true);
    expect(front.log.lines.filter((line) => !line.startsWith('info'))).toEqual([]);
  });

  it('is of no use to whoever may not have the thing itself', async () => {
    const front = await start(answerWith(multipart('b'), 'abc'));
    const etag = (await front.get(frames)).headers.get('etag') ?? '';

    const stranger = await front.get(frames, { 'if-none-match': etag, authorization: '' });

    expect(stranger.status).toBe(401);
    expect(front.relayed).toHaveLength(1);
  });

  it('of the archive is used where it has one, as a weak one', async () => {
    const front = await start(
      answerWith({ etag: '"abc"', 'content-type': 'application/json' }, '[]'),
    );

    const answer = await front.get('studies', { 'if-none-match': '"abc"' });

    expect(answer.status).toBe(304);
    expect(answer.headers.get('etag')).toBe('W/"abc"');
  });

  it('is not made up for what may change', async () => {
    const front = await start(answerWith({ 'content-length': '2' }, '[]'));

    expect((await front.get('studies')).headers.get('etag')).toBeNull();
    expect((await front.get(`${instance}/metadata`)).headers.get('etag')).toBeNull();
  });
});

describe('D38 a method', () => {
  it('HEAD gives the head of GET, and ends the request to the archive after it', async () => {
    const ends: unknown[] = [];
    const front = await start(async (_, sink, { signal }) => {
      sink.begin({ status: 200, headers: { 'content-type': 'image/jpeg', 'content-length': '9' } });
      await aborted(signal).catch((reason: unknown) => {
        ends.push(reason);
        throw reason;
      });
    });

    const answer = await front.get(frames, {}, 'HEAD');

    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-length')).toBe('9');
    expect(ends).toHaveLength(1);
    expect(front.ended).toMatchObject([{ route: 'frames', status: 200, bytesOut: 0 }]);
  });

  it.each(['DELETE', 'PUT', 'PATCH', 'TRACE'])('%s is 405 with Allow', async (method) => {
    const front = await start();

    const answer = await front.raw(wire('/dicom-web/studies').replace('GET', method));

    expect(statusOf(answer)).toBe(405);
    expect(answer).toMatch(/^allow: GET, POST, HEAD, OPTIONS\r$/im);
    expect(front.relayed).toEqual([]);
  });

  it.each(['POST', 'DELETE'])('%s is 405 for WADO-URI', async (method) => {
    const front = await start();

    const answer = await front.raw(wire('/wado').replace('GET', method));

    expect(statusOf(answer)).toBe(405);
    expect(answer).toMatch(/^allow: GET, HEAD, OPTIONS\r$/im);
  });

  it('OPTIONS without a page says what there is', async () => {
    const front = await start();

    const answer = await front.get('studies', {}, 'OPTIONS');

    expect(answer.status).toBe(204);
    expect(answer.headers.get('allow')).toBe('GET, POST, HEAD, OPTIONS');
  });

  it('in a header or the query is none', async () => {
    const front = await start();

    const inHeader = await front.get('studies', { 'x-http-method-override': 'DELETE' });
    const inQuery = await front.get('studies?_method=DELETE');

    expect([inHeader.status, inQuery.status]).toEqual([200, 400]);
    expect(front.relayed).toHaveLength(1);
  });
});

it.each(['bytes=0-0', 'bytes=9999999999-', 'bytes=-0', `bytes=${'0-0,'.repeat(1_000)}1-1`])(
  'D39 passes over Range, as any server may: %s',
  async (range) => {
    const front = await start(answerWith({ 'content-length': '3' }, 'abc'));

    const answer = await front.get(bulk, { range });

    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('abc');
  },
);

it('D23 does nothing of what hop-by-hop headers ask for', async () => {
  const front = await start();

  const answer = await front.raw(
    wire(
      '/dicom-web/studies',
      'Connection: Authorization, X-Tenant, Upgrade',
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQAAP__',
      'Keep-Alive: timeout=9999',
      'TE: trailers',
      'Proxy-Authorization: Basic eDp5',
      'Proxy-Connection: keep-alive',
    ),
  );

  expect(statusOf(answer)).toBe(200);
  expect(answer).not.toMatch(/^(upgrade|proxy-|te:)/im);
  expect(front.relayed).toHaveLength(1);
});

describe('what goes wrong before the answer', () => {
  const timeout = Object.assign(new Error('secret address 10.0.0.1'), {
    code: 'UND_ERR_HEADERS_TIMEOUT',
  });
  it.each([
    [new NotFoundError('the archive does not have it'), 404, 'not_found'],
    [new OriginRefusedError('the archive refuses us (401)', 401), 502, 'origin_refused'],
    [new OriginRefusedError('the archive refuses us (403)', 403), 502, 'origin_refused'],
    [new OriginAnswerError('its JSON is malformed'), 502, 'origin_answer_invalid'],
    [new OriginUnavailableError('nothing listens there'), 502, 'origin_unavailable'],
    [new OriginUnavailableError('it is silent', { cause: timeout }), 504, 'origin_unavailable'],
    [new OriginUnavailableError('HTTP 503', { status: 503 }), 503, 'origin_unavailable'],
    [new TokenUnavailableError('no token', { transient: true }), 503, 'token_unavailable'],
    [new Error('PatientName^Secret at /srv/x.ts'), 500, 'internal_error'],
  ])('D42 is a problem document: %s', async (error, status, code) => {
    const front = await start(() => {
      throw error;
    });

    const answer = await front.get('studies', { origin: 'https://viewer.example' });

    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('www-authenticate')).toBeNull();
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://viewer.example');
    const text = await answer.text();
    expect(JSON.parse(text)).toMatchObject({ status, code });
    expect(text).not.toMatch(/Secret|10\.0\.0\.1|\.ts/);
  });

  it('names the request that stands in the log, where somebody has to look', async () => {
    const front = await start(() => {
      throw new Error('a defect');
    });

    const answer = await front.get('studies');

    expect(await answer.json()).toMatchObject({ requestId: '00000000' });
    expect(front.log.lines[0]).toMatch(/^error {"request":"00000000"/);
  });

  it('hands on how long the archive wants to be left alone', async () => {
    const front = await start(() => {
      throw new OriginUnavailableError('HTTP 503', { status: 503, retryAfterMs: 1_500 });
    });

    expect((await front.get('studies')).headers.get('retry-after')).toBe('2');
  });
});

it('D31 what a caller may not see, what the archive lacks and what nobody has are one answer', async () => {
  const front = await start(() => {
    throw new NotFoundError('a sentence that tells them apart');
  });
  const tellOf = async (path: string): Promise<object> => {
    const answer = await front.get(path);
    const headers = [...answer.headers].filter(([name]) => name !== 'date');
    return { status: answer.status, headers, body: await answer.text() };
  };

  const [first, ...others] = [
    await tellOf(`${instance}/metadata`),
    await tellOf(frames),
    await tellOf(bulk),
    await tellOf('studies/1.2.9/rendered'),
    await tellOf('no/such/resource'),
  ];

  expect(first).toMatchObject({
    status: 404,
    body: JSON.stringify({ status: 404, title: 'Not Found', code: 'not_found' }),
  });
  for (const other of others) expect(other).toEqual(first);
});

describe('D42 what goes wrong within the answer', () => {
  it('ends the connection, so that nobody takes it for whole: chunked', async () => {
    const front = await start((_, sink) => {
      sink.begin({ status: 200, headers: {} });
      sink.write(Buffer.from('half'));
      throw new BridgeError('origin_unavailable', 'the connection broke', { transient: true });
    });

    const answer = await front.raw(wire(`/dicom-web/${frames}`));

    expect(answer).not.toContain('0\r\n\r\n');
    await expect(front.get(frames).then((one) => one.text())).rejects.toThrow();
    expect(front.ended[0]).toMatchObject({ status: 'aborted' });
  });

  it('ends it with a length too', async () => {
    const front = await start((_, sink) => {
      sink.begin({ status: 200, headers: { 'content-length': '100' } });
      sink.write(Buffer.from('half'));
      throw new OriginUnavailableError('the connection broke');
    });

    await expect(front.get(frames).then((one) => one.text())).rejects.toThrow();
  });

  it('ends it where compression was under way', async () => {
    const front = await start((_, sink) => {
      sink.begin({ status: 200, headers: { 'content-type': 'application/json' } });
      sink.write(Buffer.alloc(100_000, '['));
      throw new OriginAnswerError('its JSON ends too early');
    });

    await expect(bytesOf(front, 'studies', gzip())).rejects.toThrow();
  });

  it.each([
    ['shorter', 'ab'],
    ['longer', 'abcd'],
  ])('an answer that is %s than it said is no answer', async (_, text) => {
    const front = await start(answerWith({ 'content-length': '3' }, text));

    await expect(front.get(frames).then((one) => one.text())).rejects.toThrow();
  });

  it('an answer that nobody ends is a defect, and no answer', async () => {
    const front = await start((_, sink) => {
      sink.begin({ status: 200, headers: {} });
    });

    await expect(front.get('studies').then((one) => one.text())).rejects.toThrow();
  });
});

describe('D41 a client that goes away', () => {
  it('is noticed at once by whoever writes', async () => {
    const gone = deferred<unknown>();
    const begun = deferred<undefined>();
    const front = await start(async (_, sink, { signal }) => {
      sink.begin({ status: 200, headers: {} });
      sink.write(Buffer.from('x'));
      begun.resolve(undefined);
      await aborted(signal).catch((reason: unknown) => {
        gone.resolve(reason);
        throw reason;
      });
    });
    const socket = front.connect();
    socket.write(wire(`/dicom-web/${frames}`));
    await begun.promise;

    socket.destroy();

    expect(await gone.promise).toMatchObject({ message: 'the client has gone' });
    expect(front.log.lines).toHaveLength(1);
    expect(front.log.lines[0]).toMatch(/request broken off$/);
    expect(front.ended).toMatchObject([{ status: 'aborted', bytesOut: 1 }]);
  });

  it('or takes nothing any more is cut off', async () => {
    const gone = deferred<unknown>();
    const front = await start(
      async (_, sink, { signal }) => {
        sink.begin({ status: 200, headers: {} });
        const writing = async (): Promise<void> => {
          for (;;) {
            if (!sink.write(Buffer.alloc(1_000_000))) {
              await Promise.race([
                aborted(signal),
                new Promise<void>((resolve) => sink.drained(resolve)),
              ]);
            }
          }
        };
        await writing().catch((reason: unknown) => {
          gone.resolve(reason);
          throw reason;
        });
      },
      { limits: { stallMs: 100 } },
    );
    const socket = front.connect();
    socket.on('error', () => undefined).pause();
    socket.write(wire(`/dicom-web/${frames}`));

    expect(await gone.promise).toMatchObject({ message: 'the client has gone' });
    socket.destroy();
  });
});

it('serves the next request on the same connection', async () => {
  const front = await start(jsonAnswer());

  const answer = await front.raw(
    wire('/dicom-web/studies').replace('Connection: close\r\n', '') + wire('/dicom-web/series'),
  );

  expect(answer.match(/HTTP\/1\.1 200 /g)).toHaveLength(2);
});

/** `fetch` takes gzip unless told otherwise. */
const plain = { 'accept-encoding': 'identity' };

function gzip(): Readonly<Record<string, string>> {
  return { 'accept-encoding': 'gzip' };
}

/** The bytes as they come, not unpacked. */
async function bytesOf(
  front: Front,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly headers: IncomingMessage['headers']; readonly body: Buffer }> {
  const sent = request({
    host,
    port: front.port,
    path: `/dicom-web/${path}`,
    headers: { authorization: good, ...headers },
    agent: false,
  }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { headers: answer.headers, body: Buffer.concat((await answer.toArray()) as Buffer[]) };
}

function aborted(signal: AnswerOptions['signal']): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

function deferred<T>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
