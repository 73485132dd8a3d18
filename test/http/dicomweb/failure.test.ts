import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { BridgeError } from '../../../src/errors/bridge-error.ts';
import {
  NotFoundError,
  OriginAnswerError,
  OriginRefusedError,
  OriginUnavailableError,
  TokenUnavailableError,
} from '../../../src/errors/origin-errors.ts';
import { answerWith, bulk, bytesOf, frames, gzip, instance, startFront, wire } from './front.ts';
import type { Front } from './front.ts';

const open: Front[] = [];
const start = async (...parameters: Parameters<typeof startFront>): Promise<Front> => {
  const front = await startFront(...parameters);
  open.push(front);
  return front;
};
afterEach(() => Promise.all(open.splice(0).map((front) => front.close())));

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

  it('says what is wrong where nothing has gone out yet', async () => {
    const front = await start((_, sink) => {
      sink.begin({ status: 200, headers: { 'content-type': 'application/dicom+json' } });
      sink.write(Buffer.from('[{},'));
      throw new OriginUnavailableError('the connection broke');
    });

    const answer = await front.get('studies');

    expect(answer.status).toBe(502);
    expect(await answer.json()).toMatchObject({ code: 'origin_unavailable' });
    expect(front.ended[0]).toMatchObject({ status: 502 });
  });

  it('ends it so that it is no orderly end where that is the end of the answer: HTTP/1.0', async () => {
    const front = await start((_, sink) => {
      sink.begin({ status: 200, headers: {} });
      sink.write(Buffer.from('half'));
      throw new OriginUnavailableError('the connection broke');
    });
    const socket = front.connect();
    const error = once(socket, 'error');
    socket.resume().write(wire(`/dicom-web/${frames}`).replace('HTTP/1.1', 'HTTP/1.0'));

    expect(await error).toMatchObject([{ code: 'ECONNRESET' }]);
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

  it('no byte beyond the length goes out: it would be the beginning of the next answer', async () => {
    const outcomes: unknown[] = [];
    const front = await start((_, sink) => {
      sink.begin({ status: 200, headers: { 'content-length': '3' } });
      sink.write(Buffer.from('abc'));
      try {
        outcomes.push(sink.write(Buffer.from('HTTP/1.1 200 OK')));
      } catch (error) {
        outcomes.push(error);
        throw error;
      }
    });

    expect(await front.raw(wire(`/dicom-web/${frames}`))).not.toContain('abcHTTP');
    expect(outcomes).toEqual([expect.any(OriginAnswerError)]);
  });

  it('an answer that nobody ends is a defect, and no answer', async () => {
    const front = await start((_, sink) => {
      sink.begin({ status: 200, headers: {} });
    });

    await expect(front.get('studies').then((one) => one.text())).rejects.toThrow();
  });
});
