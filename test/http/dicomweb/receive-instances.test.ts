import { once } from 'node:events';
import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { DicomwebHandlerOptions } from '../../../src/http/dicomweb/dicomweb-handler.ts';
import { UnsupportedMediaTypeError } from '../../../src/errors/request-errors.ts';
import { good, jsonAnswer, startFront, statusOf } from './front.ts';
import type { Front } from './front.ts';

type Store = NonNullable<DicomwebHandlerOptions['storeInstances']>;

const open: Front[] = [];
afterEach(() => Promise.all(open.splice(0).map((front) => front.close())));

/** A front whose store reads the whole body, and what it has read. */
async function start(
  options: Partial<DicomwebHandlerOptions> = {},
): Promise<Front & { readonly stored: string[] }> {
  const stored: string[] = [];
  const storeInstances: Store = async (_, request, { contentType, chunks }) => {
    const read: Buffer[] = [];
    for await (const chunk of chunks) read.push(Buffer.from(chunk));
    stored.push(Buffer.concat(read).toString());
    return {
      status: 202,
      dataSet: { '00081190': { vr: 'UR', Value: [request.studyInstanceUid, contentType] } },
    };
  };
  const front = await startFront(jsonAnswer(), { storeInstances, ...options });
  open.push(front);
  return { ...front, stored };
}

it('hands the body on and answers with the report', async () => {
  const front = await start();

  const answer = await post(front, 'studies/1.2.3', 'abc', { 'content-type': 'multipart/related' });

  expect(answer.status).toBe(202);
  expect(answer.headers.get('content-type')).toBe('application/dicom+json');
  expect(await answer.json()).toEqual({
    '00081190': { vr: 'UR', Value: ['1.2.3', 'multipart/related'] },
  });
  expect(front.stored).toEqual(['abc']);
  expect(front.ended).toMatchObject([{ route: 'store', status: 202, bytesIn: 3 }]);
});

it('takes a body in chunks of unknown number', async () => {
  const front = await start();

  const answer = await front.raw(posting('Transfer-Encoding: chunked') + '3\r\nabc\r\n0\r\n\r\n');

  expect(statusOf(answer)).toBe(202);
  expect(front.stored).toEqual(['abc']);
});

it('is not there where nothing can be stored', async () => {
  const front = await start({ storeInstances: undefined });

  expect((await post(front, 'studies', 'abc')).status).toBe(501);
});

it('answers what the store throws', async () => {
  const front = await start({
    storeInstances: () => Promise.reject(new UnsupportedMediaTypeError('not this')),
  });

  const answer = await post(front, 'studies', 'x'.repeat(500_000));

  expect(answer.status).toBe(415);
  expect(await answer.json()).toMatchObject({ code: 'unsupported_media_type', detail: 'not this' });
});

describe('D29 a body that is too large', () => {
  it('is refused at once where its length is said, before a byte of it is read', async () => {
    const front = await start();
    const socket = front.connect();
    socket.write(posting('Content-Length: 4294967296'));

    const answer = await headOf(socket);

    expect(statusOf(answer)).toBe(413);
    expect(answer).toMatch(/^connection: close\r$/im);
    socket.destroy();
  });

  it('is refused as it comes where it is not', async () => {
    const front = await start({ maxBodyBytes: 10 });
    const socket = front.connect();
    socket.write(`${posting('Transfer-Encoding: chunked')}5\r\n12345\r\n`);
    socket.write('6\r\n678901\r\n');

    expect(statusOf(await headOf(socket))).toBe(413);
    expect(front.stored).toEqual([]);
    socket.destroy();
  });

  it('may have exactly the size that is allowed', async () => {
    const front = await start({ maxBodyBytes: 5 });

    expect((await post(front, 'studies', '12345')).status).toBe(202);
    expect((await post(front, 'studies', '123456')).status).toBe(413);
  });

  it('gets its answer through to a client that is still sending', async () => {
    const front = await start({ maxBodyBytes: 10 });
    const socket = front.connect();
    const head = headOf(socket);
    socket.write(posting('Content-Length: 3000000'));
    for (let index = 0; index < 3; index += 1) socket.write(Buffer.alloc(1_000_000));

    expect(statusOf(await head)).toBe(413);
    await once(socket, 'close');
  });
});

describe('D30 an encoded body', () => {
  it.each(['gzip', 'gzip, gzip', 'br', 'identity'])('is refused: %s', async (encoding) => {
    const front = await start();

    const answer = await post(front, 'studies', 'abc', { 'content-encoding': encoding });

    expect(answer.status).toBe(415);
    expect(answer.headers.get('accept-encoding')).toBe('identity');
    expect(front.stored).toEqual([]);
  });
});

describe('a client that asks before it sends', () => {
  it('is told to go on by us', async () => {
    const front = await start();
    const socket = front.connect();
    socket.write(posting('Content-Length: 3', 'Expect: 100-continue'));
    const [first] = (await once(socket, 'data')) as [Buffer];
    expect(first.toString()).toBe('HTTP/1.1 100 Continue\r\n\r\n');

    socket.write('abc');

    expect(statusOf(await headOf(socket))).toBe(202);
    expect(front.stored).toEqual(['abc']);
  });

  it.each([
    ['without a token', posting('Content-Length: 3').replace(good, 'Bearer x'), 401],
    ['with too much', posting('Content-Length: 99999999'), 413],
    ['with an encoded body', posting('Content-Length: 3', 'Content-Encoding: gzip'), 415],
  ])('is told not to: %s', async (_, text, status) => {
    const front = await start();

    const answer = await front.raw(text.replace(/\r\n$/, 'Expect: 100-continue\r\n\r\n'));

    expect(statusOf(answer)).toBe(status);
    expect(answer).not.toContain('100 Continue');
  });

  it('and expects something else is told that nobody knows it', async () => {
    const front = await start();

    const answer = await front.raw(
      posting('Content-Length: 0', 'Expect: miracle', 'Connection: close'),
    );

    expect(statusOf(answer)).toBe(417);
  });
});

describe('D28 a body that comes slowly', () => {
  it('is waited for, and then refused with 408', async () => {
    const front = await start({ limits: { stallMs: 60 } });

    const answer = await front.raw(`${posting('Content-Length: 10')}abc`);

    expect(statusOf(answer)).toBe(408);
    expect(front.stored).toEqual([]);
  });

  it('is refused also where a byte comes now and then', async () => {
    const front = await start({ limits: { stallMs: 100 } });
    const socket = front.connect();
    const answer = headOf(socket);
    socket.write(posting('Content-Length: 1000000'));
    const dripping = setInterval(() => socket.write('x'), 10);

    expect(statusOf(await answer)).toBe(408);
    clearInterval(dripping);
    socket.destroy();
  });

  it('is not the client’s fault while it is we who take our time', async () => {
    const front = await start({
      limits: { stallMs: 60 },
      storeInstances: async (_principal, _request, { chunks }) => {
        for await (const chunk of chunks) {
          expect(chunk.length).toBeGreaterThan(0);
          await new Promise((resolve) => setTimeout(resolve, 150));
        }
        return { status: 200, dataSet: {} };
      },
    });

    expect((await post(front, 'studies', 'x'.repeat(200_000))).status).toBe(200);
  });
});

it('tells the store when the client goes away', async () => {
  let noticed: (reason: unknown) => void = () => undefined;
  const reason = new Promise((resolve) => {
    noticed = resolve;
  });
  let begun: () => void = () => undefined;
  const reading = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const front = await start({
    storeInstances: async (_principal, _request, { chunks }, { signal }) => {
      signal.addEventListener('abort', () => noticed(signal.reason));
      for await (const chunk of chunks) if (chunk.length > 0) begun();
      return { status: 200, dataSet: {} };
    },
  });
  const socket = front.connect();
  socket.write(`${posting('Content-Length: 10')}abc`);
  await reading;

  socket.destroy();

  expect(await reason).toMatchObject({ message: 'the client has gone' });
});

it('does not take what a client sends with GET for the next request', async () => {
  const front = await start();

  const answer = await front.raw(
    `GET /dicom-web/studies HTTP/1.1\r\nHost: a\r\nAuthorization: ${good}\r\nContent-Length: 99\r\n\r\n` +
      `GET /dicom-web/series HTTP/1.1\r\nHost: a\r\nAuthorization: ${good}\r\n\r\n`,
  );

  expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
  expect(front.relayed).toHaveLength(1);
});

function post(
  front: Front,
  path: string,
  body: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${front.url}/dicom-web/${path}`, {
    method: 'POST',
    body,
    headers: { authorization: good, ...headers },
  });
}

function posting(...lines: readonly string[]): string {
  const head = ['POST /dicom-web/studies HTTP/1.1', 'Host: a', `Authorization: ${good}`];
  return [...head, ...lines, '', ''].join('\r\n');
}

/** What comes until the end of the next header. */
async function headOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('error', () => undefined);
  while (!text.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString('latin1');
  }
  return text;
}
