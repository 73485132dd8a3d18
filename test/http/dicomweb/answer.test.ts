import { afterEach, describe, expect, it } from 'vitest';
import { aborted, answerWith, bulk, frames, plain, startFront, statusOf, wire } from './front.ts';
import type { Front } from './front.ts';

const json = { 'content-type': 'application/dicom+json' };

const open: Front[] = [];
const start = async (...parameters: Parameters<typeof startFront>): Promise<Front> => {
  const front = await startFront(...parameters);
  open.push(front);
  return front;
};
afterEach(() => Promise.all(open.splice(0).map((front) => front.close())));

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

  it('that is short goes out in one piece, with its length', async () => {
    const front = await start(answerWith(json, '[{}]'));

    const answer = await front.get('studies');

    expect(answer.headers.get('content-length')).toBe('4');
    expect(await answer.text()).toBe('[{}]');
  });

  it('begins to go out while the rest is still awaited', async () => {
    let go: () => void = () => undefined;
    const asked = new Promise<void>((resolve) => (go = resolve));
    const front = await start(async (_, sink) => {
      sink.begin({ status: 200, headers: json });
      sink.write(Buffer.from('[{},'));
      await asked;
      sink.write(Buffer.from('{}]'));
      sink.end();
    });

    const answer = await front.get('studies');
    go();

    expect(answer.headers.get('content-length')).toBeNull();
    expect(await answer.text()).toBe('[{},{}]');
  });

  it.each([[['a'.repeat(20_000)]], [['[{},', '{}]', 'x'.repeat(20_000)]]])(
    'comes in order, however it is cut',
    async (chunks) => {
      const front = await start((_, sink) => {
        sink.begin({ status: 200, headers: json });
        for (const chunk of chunks) sink.write(Buffer.from(chunk));
        sink.end();
      });

      const answer = await front.get('studies');

      expect(await answer.text()).toBe(chunks.join(''));
    },
  );

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
      trace: expect.stringMatching(/^[0-9a-f]{32}$/) as string,
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
