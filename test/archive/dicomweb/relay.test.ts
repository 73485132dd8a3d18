import { setMaxListeners } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DicomWebArchive } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import type { ReadRequest } from '../../../src/archive/dicomweb-origin.ts';
import {
  NotFoundError,
  OriginAnswerError,
  OriginRefusedError,
  OriginUnavailableError,
} from '../../../src/errors/origin-errors.ts';
import { InvalidQuestionError, NotAcceptableError } from '../../../src/errors/request-errors.ts';
import { buildPart10, uid } from '../../support/dicom-object.ts';
import { ArchiveServer, answerJson, fixedTokens } from './archive-server.ts';
import { RecordingSink } from './recording-sink.ts';

const { signal } = new AbortController();
// All tests wait by the same.
setMaxListeners(0, signal);
const publicRoot = 'https://pacs.example.org/dicom-web';
const study = { studyInstanceUid: uid('1.2.3') };
const selector = {
  ...study,
  seriesInstanceUid: uid('1.2.3.4'),
  sopInstanceUid: uid('1.2.3.4.5'),
};
const instancePath = '/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5';
const multipart = 'multipart/related; type="application/dicom"; boundary=b';
const retrieve = { kind: 'retrieve', selector: study, framing: 'multipart' } as const;
const metadata = { kind: 'metadata', selector: study } as const;
const search = {
  kind: 'search',
  level: 'study',
  query: { match: {}, includeField: [], fuzzyMatching: false },
} as const;
const rendered = {
  kind: 'rendered',
  selector,
  mediaType: 'image/jpeg',
  parameters: {},
} as const;

let server: ArchiveServer;

beforeAll(async () => {
  server = await ArchiveServer.start();
});
afterEach(() => server.closeClients());
afterAll(() => server.stop());

async function answerTo(archive: DicomWebArchive, request: ReadRequest): Promise<RecordingSink> {
  const sink = new RecordingSink();
  await archive.answer(request, sink, { signal, publicRoot });
  expect(sink).toMatchObject({ begins: 1, hasEnded: true });
  return sink;
}

/** The error it ends with; the answer must not have ended as a whole one. */
async function faultOf(
  archive: DicomWebArchive,
  request: ReadRequest,
  sink = new RecordingSink(),
  wait = signal,
): Promise<unknown> {
  const fault = await archive.answer(request, sink, { signal: wait, publicRoot }).then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(sink.hasEnded).toBe(false);
  return fault;
}

/** The body of an answer with these parts. */
function messageOf(...parts: readonly Buffer[]): Buffer {
  const framed = parts.flatMap((part) => [
    Buffer.from('--b\r\nContent-Type: application/dicom\r\n\r\n'),
    part,
    Buffer.from('\r\n'),
  ]);
  return Buffer.concat([...framed, Buffer.from('--b--\r\n')]);
}

const give =
  (body: Buffer | string, headers: Record<string, string>, status = 200) =>
  (_request: IncomingMessage, response: ServerResponse): unknown =>
    response.writeHead(status, headers).end(body);

const objects = messageOf(buildPart10());
const giveObjects = give(objects, { 'content-type': multipart });
const json = { 'content-type': 'application/dicom+json' };

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => (resolve = settle));
  return { promise, resolve };
}

describe('what the archive is asked', () => {
  it.each<[ReadRequest, string, string]>([
    [search, '/qido/studies', 'application/dicom+json'],
    [
      {
        ...search,
        level: 'instance',
        ...study,
        query: {
          match: { '00100010': 'a&limit=0#ü', '00400275.00400009': 'x' },
          includeField: ['00081030', '00080060'],
          fuzzyMatching: true,
          limit: 3,
          offset: 9,
        },
      },
      '/qido/studies/1.2.3/instances?00100010=a%26limit%3D0%23%C3%BC&00400275.00400009=x&includefield=00081030&includefield=00080060&fuzzymatching=true&limit=3&offset=9',
      'application/dicom+json',
    ],
    [
      { ...search, query: { ...search.query, includeField: 'all' } },
      '/qido/studies?includefield=all',
      'application/dicom+json',
    ],
    [{ kind: 'metadata', selector }, `/wado${instancePath}/metadata`, 'application/dicom+json'],
    [retrieve, '/wado/studies/1.2.3', 'multipart/related; type="application/dicom"'],
    [
      { ...retrieve, selector, transferSyntax: '1.2.840.10008.1.2.4.80' },
      `/wado${instancePath}`,
      'multipart/related; type="application/dicom"; transfer-syntax=1.2.840.10008.1.2.4.80',
    ],
    [
      { kind: 'frames', selector, frames: [3, 1], mediaType: 'image/jls', transferSyntax: '*' },
      `/wado${instancePath}/frames/3,1`,
      'multipart/related; type="image/jls"; transfer-syntax=*',
    ],
    [
      { kind: 'bulkdata', selector, path: '54000100/1/54001010', mediaTypes: ['a/b', 'c/d'] },
      `/wado${instancePath}/bulk/54000100/1/54001010`,
      'multipart/related; type="a/b", multipart/related; type="c/d"',
    ],
    [
      { ...rendered, frames: [2], parameters: { viewport: '100,200', quality: '90' } },
      `/wado${instancePath}/frames/2/rendered?viewport=100%2C200&quality=90`,
      'image/jpeg',
    ],
    [
      { kind: 'thumbnail', selector: study, mediaType: 'image/png', parameters: {} },
      '/wado/studies/1.2.3/thumbnail',
      'image/png',
    ],
  ])('D20 D23 is written by us, path and headers: %j', async (request, path, accept) => {
    const archive = server.play((_request, response) => response.writeHead(404).end(), {
      quirks: 'none',
      qidoPath: '/qido',
      wadoPath: '/wado',
      authorization: fixedTokens('Bearer ours'),
    });

    expect(await faultOf(archive, request)).toBeInstanceOf(NotFoundError);

    expect(server.requests.map(({ url, method }) => [method, url])).toEqual([
      ['GET', `/dicom-web${path}`],
    ]);
    const { host, connection, ...headers } = server.requests[0]?.headers ?? {};
    expect({ host, connection }).toEqual({
      host: new URL(server.url).host,
      connection: 'keep-alive',
    });
    expect(headers).toEqual({
      accept,
      'accept-encoding': 'identity',
      authorization: 'Bearer ours',
      traceparent: expect.stringMatching(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/) as string,
    });
  });

  it('carries the trace of the request it is asked for', async () => {
    const archive = server.play(giveObjects);
    const trace = '0af7651916cd43dd8448eb211c80319c';

    await archive.answer(retrieve, new RecordingSink(), { signal, publicRoot, trace });

    expect(server.requests[0]?.headers['traceparent']).toContain(`00-${trace}-`);
  });

  it('tells Orthanc where it is reached, in the only form it reads', async () => {
    const archive = server.play(giveObjects, { quirks: 'orthanc' });

    await archive.answer(retrieve, new RecordingSink(), {
      signal,
      publicRoot: 'https://pacs.example.org:8443/x',
    });

    expect(server.requests[0]?.headers['forwarded']).toBe('host=pacs.example.org:8443;proto=https');
  });

  it.each<[string, ReadRequest]>([
    ['JPEG-LS frames', { kind: 'frames', selector, frames: [1], mediaType: 'image/jls' }],
    [
      'JPEG 2000 frames by their transfer syntax',
      {
        kind: 'frames',
        selector,
        frames: [1],
        mediaType: 'image/jp2',
        transferSyntax: '1.2.840.10008.1.2.4.90',
      },
    ],
    ['JPEG-LS objects', { ...retrieve, transferSyntax: '1.2.840.10008.1.2.4.80' }],
  ])('never makes an archive compress that may be Orthanc: %s', async (_what, request) => {
    const archive = server.play(giveObjects);

    expect(await faultOf(archive, request)).toBeInstanceOf(NotAcceptableError);

    expect(server.requests[0]?.headers['accept']).toMatch(
      /^multipart\/related; type="application\/(octet-stream|dicom)"; transfer-syntax=\*$/,
    );
    expect(server.requests).toHaveLength(1);
  });
});

describe('our credentials', () => {
  const expiring = (_request: IncomingMessage, response: ServerResponse): void => {
    const isGood = _request.headers.authorization === 'Bearer new';
    if (isGood) giveObjects(_request, response);
    else response.writeHead(401, { 'www-authenticate': 'Bearer realm=inner' }).end('who are you');
  };

  it('are renewed once when the archive refuses them, before the client sees anything', async () => {
    const tokens = fixedTokens('Bearer old', 'Bearer new');
    const archive = server.play(expiring, { authorization: tokens });

    const sink = await answerTo(archive, retrieve);

    expect(sink.body.equals(objects)).toBe(true);
    expect(tokens.refusals).toEqual(['Bearer old']);
  });

  it('D25 that it refuses for good are our trouble, and not the client’s', async () => {
    const archive = server.play(expiring, {
      authorization: fixedTokens('Bearer old', 'Bearer older'),
    });

    expect(await faultOf(archive, retrieve)).toBeInstanceOf(OriginRefusedError);
    expect(server.requests).toHaveLength(2);
  });

  it('are not asked for again where there are none', async () => {
    const archive = server.play(expiring);

    expect(await faultOf(archive, retrieve)).toBeInstanceOf(OriginRefusedError);
    expect(server.requests).toHaveLength(1);
  });
});

describe('what reaches the client', () => {
  it('D25 of the headers is what an allow-list has', async () => {
    const body = messageOf(buildPart10());
    const archive = server.play(
      give(body, {
        'content-type': multipart,
        'content-length': String(body.length),
        etag: '"v1"',
        'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT',
        'set-cookie': 'session=1',
        server: 'Orthanc',
        'x-powered-by': 'PHP',
        location: 'http://orthanc:8042/x',
        'www-authenticate': 'Basic realm=x',
        'access-control-allow-origin': '*',
        'content-location': 'http://orthanc:8042/x',
      }),
    );

    const { head } = await answerTo(archive, retrieve);

    expect(head).toEqual({
      status: 200,
      headers: {
        'content-type': multipart,
        'content-length': String(body.length),
        etag: '"v1"',
        'last-modified': 'Wed, 21 Oct 2015 07:28:00 GMT',
      },
    });
  });

  it('of a body is every byte, however it arrives', async () => {
    const body = messageOf(buildPart10({ pixelBytes: 300_000 }), buildPart10());
    const archive = server.play(async (_request, response) => {
      response.writeHead(200, { 'content-type': multipart });
      for (let at = 0; at < body.length; at += 77_777) {
        await new Promise((resolve) => response.write(body.subarray(at, at + 77_777), resolve));
      }
      response.end();
    });

    expect((await answerTo(archive, retrieve)).body.equals(body)).toBe(true);
  });

  it('D34 of URLs are those of the front, and none of a stranger', async () => {
    const { port } = new URL(server.url);
    const own = `http://127.0.0.1:${port}/dicom-web`;
    const bulk = (url: string): unknown => ({ vr: 'OB', BulkDataURI: url });
    const at = '/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/bulk';
    const archive = server.play((_request, response) =>
      answerJson(response, 200, [
        {
          '00081190': { vr: 'UR', Value: [`${own}/studies/1.2.3`] },
          '00420011': bulk(`${own}${at}/00420011`),
          '7FE00010': bulk(`https://127.0.0.1/dicom-web${at}/7FE00010`),
          '00091010': bulk(`../..${at}/00091010`),
          '54000100': {
            vr: 'SQ',
            Value: [{ '54001010': bulk(`${own}${at}/54000100/1/54001010`) }],
          },
          '00091001': bulk('http://169.254.169.254/latest/meta-data'),
          '00091002': bulk(`${own}/../instances`),
          '00091003': bulk(`${own}/studies/%2e%2e/%2e%2e/system`),
          '00091004': bulk(`${own}${at}/00420011?x=1`),
          '00091005': bulk(`http://u:p@127.0.0.1:${port}/dicom-web${at}/00420011`),
          '00091006': bulk(`http://127.0.0.1.evil.example:${port}/dicom-web${at}/00420011`),
          '00091007': bulk('file:///etc/passwd'),
          '00091008': bulk(`${own}/servers`),
        },
      ]),
    );

    const sink = await answerTo(archive, metadata);

    const gone = { vr: 'OB' };
    expect(sink.json).toEqual([
      {
        '00081190': { vr: 'UR', Value: [`${publicRoot}/studies/1.2.3`] },
        '00420011': bulk(`${publicRoot}${at}/00420011`),
        '7FE00010': bulk(`${publicRoot}${at}/7FE00010`),
        '00091010': bulk(`${publicRoot}${at}/00091010`),
        '54000100': {
          vr: 'SQ',
          Value: [{ '54001010': bulk(`${publicRoot}${at}/54000100/1/54001010`) }],
        },
        '00091001': gone,
        '00091002': gone,
        '00091003': gone,
        '00091004': gone,
        '00091005': gone,
        '00091006': gone,
        '00091007': gone,
        '00091008': gone,
      },
    ]);
    expect(sink.head?.headers).toEqual(json);
    expect(server.requests).toHaveLength(1);
  });

  it.each([
    ['nothing', 204, ''],
    ['an empty body', 200, ''],
    ['null', 200, ' null '],
    ['an empty list', 200, '[\n]'],
  ])(
    'F06 of a search without results, told by %s, is an empty list',
    async (_what, status, body) => {
      const archive = server.play(give(body, json, status));

      const sink = await answerTo(archive, search);

      expect(sink.head).toEqual({ status: 200, headers: json });
      expect(sink.text).toBe('[]');
      expect(await faultOf(archive, metadata)).toBeInstanceOf(NotFoundError);
    },
  );

  it('is a short list as well as a long one', async () => {
    const archive = server.play(give('[{}]', json));

    expect((await answerTo(archive, search)).text).toBe('[{}]');
  });
});

describe('an answer that is none', () => {
  it.each<[number, new (...values: never[]) => Error]>([
    [301, OriginAnswerError],
    [302, OriginAnswerError],
    [400, InvalidQuestionError],
    [403, OriginRefusedError],
    [404, NotFoundError],
    [405, OriginRefusedError],
    [406, NotAcceptableError],
    [410, NotFoundError],
    [413, InvalidQuestionError],
    [429, OriginUnavailableError],
    [500, OriginUnavailableError],
    [503, OriginUnavailableError],
  ])('D25 is told by its status, and in our words: %i', async (status, kind) => {
    const secret = 'http://orthanc:8042/secret';
    const archive = server.play(
      give(`<html>${secret}`, { 'content-type': 'text/html', location: secret }, status),
    );

    for (const request of [retrieve, metadata, search]) {
      const fault = await faultOf(archive, request);
      expect(fault).toBeInstanceOf(kind);
      expect(String(fault)).not.toContain('orthanc');
    }
  });

  it('says when the archive wants to be asked again', async () => {
    const archive = server.play(give('', { 'retry-after': '7' }, 503));

    expect(await faultOf(archive, retrieve)).toMatchObject({ retryAfterMs: 7000 });
  });

  it.each<[string, ReadRequest, Record<string, string>, Buffer | string]>([
    ['HTML for objects', retrieve, { 'content-type': 'text/html' }, '<html>'],
    ['HTML for a list', search, { 'content-type': 'text/html' }, '<html>'],
    ['HTML for a picture', rendered, { 'content-type': 'text/html' }, '<html>'],
    ['another picture', rendered, { 'content-type': 'image/svg+xml' }, '<svg/>'],
    ['no content type', retrieve, {}, 'x'],
    ['no boundary', retrieve, { 'content-type': 'multipart/related' }, 'x'],
    ['an object for a list', search, json, '{"a":1}'],
    ['HTML that calls itself JSON', search, json, '<html>'],
    ['HTML that calls itself JSON', metadata, json, '<html>'],
    [
      'gzip nobody asked for',
      metadata,
      { ...json, 'content-encoding': 'gzip' },
      gzipSync('[{"00100010":{"vr":"PN"}}]'),
    ],
    [
      'gzip nobody asked for',
      retrieve,
      { 'content-type': multipart, 'content-encoding': 'x-gzip' },
      gzipSync('x'),
    ],
  ])('goes no further: %s', async (_what, request, headers, body) => {
    const archive = server.play(give(body, headers));
    const sink = new RecordingSink();

    expect(await faultOf(archive, request, sink)).toBeInstanceOf(OriginAnswerError);
    expect(sink.begins).toBe(0);
  });

  it('is a picture whose end nobody could tell', async () => {
    const archive = server.play((request) =>
      request.socket.end('HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\nabc'),
    );

    expect(await faultOf(archive, rendered)).toBeInstanceOf(OriginAnswerError);
  });
});

describe('an answer that breaks off', () => {
  const message = messageOf(buildPart10({ pixelBytes: 100_000 }));
  const raw =
    (head: string, body: Buffer, end: 'end' | 'reset') =>
    ({ socket }: IncomingMessage): unknown =>
      socket.write(Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`), body]), () =>
        end === 'end' ? socket.end() : socket.resetAndDestroy(),
      );
  const type = `Content-Type: ${multipart}`;
  const chunkOf = (body: Buffer): Buffer =>
    Buffer.concat([Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n')]);
  const most = message.subarray(0, -20);

  it.each([
    ['without a length, before the closing boundary', raw(type, most, 'end')],
    ['without a length, by a reset', raw(`${type}\r\nConnection: close`, most, 'reset')],
    ['short of its length', raw(`${type}\r\nContent-Length: ${message.length}`, most, 'end')],
    [
      'short of its length, by a reset',
      raw(`${type}\r\nContent-Length: ${message.length}`, most, 'reset'),
    ],
    [
      'in the middle of its chunks',
      raw(`${type}\r\nTransfer-Encoding: chunked\r\nConnection: close`, chunkOf(message), 'end'),
    ],
    [
      'before the closing boundary, though its chunks have ended well',
      raw(
        `${type}\r\nTransfer-Encoding: chunked`,
        Buffer.concat([chunkOf(most), Buffer.from('0\r\n\r\n')]),
        'end',
      ),
    ],
    [
      'before the closing boundary, though its length is right',
      raw(`${type}\r\nContent-Length: ${most.length}`, most, 'end'),
    ],
  ])('D42 never looks whole: %s', async (_how, handler) => {
    const archive = server.play(handler);
    const sink = new RecordingSink();

    expect(await faultOf(archive, retrieve, sink)).toBeInstanceOf(OriginUnavailableError);
    expect(sink.begins).toBe(1);
    expect(server.requests).toHaveLength(1);
  });

  it('is whole with its closing boundary, though it has no length', async () => {
    const archive = server.play(raw(type, message, 'end'));

    expect((await answerTo(archive, retrieve)).body.equals(message)).toBe(true);
  });

  it('D42 never looks whole: a list of data sets', async () => {
    const archive = server.play(
      raw('Content-Type: application/dicom+json', Buffer.from('[{"00100020":{"vr":"LO"}}'), 'end'),
    );
    const sink = new RecordingSink();

    expect(await faultOf(archive, metadata, sink)).toBeInstanceOf(OriginUnavailableError);
    expect(sink.begins).toBe(1);
  });

  it('D42 never looks whole: a picture', async () => {
    const archive = server.play(
      raw('Content-Type: image/jpeg\r\nContent-Length: 9', Buffer.from('abc'), 'end'),
    );

    expect(await faultOf(archive, rendered)).toBeInstanceOf(OriginUnavailableError);
  });

  it('D42 is given up when it stalls', async () => {
    const archive = server.play(
      (_request, response) => response.writeHead(200, { 'content-type': multipart }).write(most),
      { timeoutMs: 50 },
    );
    const sink = new RecordingSink();

    expect(await faultOf(archive, retrieve, sink)).toBeInstanceOf(OriginUnavailableError);
    expect(sink.bytes).toBe(most.length);
  });

  it('D42 is an unavailable archive when nothing of it has come', async () => {
    const silent = server.play(() => undefined, { timeoutMs: 50 });
    expect(await faultOf(silent, retrieve)).toBeInstanceOf(OriginUnavailableError);

    const resetting = server.play(({ socket }) => socket.resetAndDestroy());
    expect(await faultOf(resetting, retrieve)).toBeInstanceOf(OriginUnavailableError);
  });

  it('is asked for again when the connection turns out to be closed already', async () => {
    let asked = 0;
    const archive = server.play((request, response) => {
      asked += 1;
      if (asked === 2) request.socket.destroy();
      else giveObjects(request, response);
    });

    await answerTo(archive, retrieve);
    await answerTo(archive, retrieve);

    expect(asked).toBe(3);
  });
});

describe('a client that goes away', () => {
  it('D41 ends the archive’s answer with it', async () => {
    const leaving = new AbortController();
    let closed: Promise<unknown> | undefined;
    const archive = server.play((request, response) => {
      closed = new Promise((resolve) => request.socket.once('close', resolve));
      response.writeHead(200, { 'content-type': multipart });
      const pour = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536)));
      };
      response.on('drain', pour);
      pour();
    });
    const sink = new RecordingSink({ isFast: ({ bytes }) => bytes < 1_000_000, keeps: false });

    const fault = faultOf(archive, retrieve, sink, leaving.signal);
    await sink.full();
    leaving.abort(new Error('gone'));

    expect(await fault).toEqual(new Error('gone'));
    await closed;
  });

  it('D41 is not asked for when it has gone before', async () => {
    const archive = server.play(giveObjects);

    const fault = await faultOf(
      archive,
      retrieve,
      new RecordingSink(),
      AbortSignal.abort(new Error('gone')),
    );

    expect(fault).toEqual(new Error('gone'));
    expect(server.requests).toHaveLength(0);
  });

  it('takes 512 MiB at its own pace, and the archive waits', async () => {
    const mebibyte = 1_048_576;
    const piece = Buffer.alloc(mebibyte);
    let poured = 0;
    let ahead = 0;
    const sink = new RecordingSink({
      keeps: false,
      isFast: ({ bytes }) => {
        ahead = Math.max(ahead, poured - bytes);
        return false;
      },
    });
    const archive = server.play((_request, response) => {
      response.writeHead(200, { 'content-type': multipart });
      const pour = (): void => {
        for (let goesOn = true; goesOn && poured < 512 * mebibyte;) {
          poured += mebibyte;
          goesOn = response.write(piece);
        }
        if (poured === 512 * mebibyte) response.end('\r\n--b--');
      };
      response.on('drain', pour);
      pour();
    });
    const before = process.memoryUsage();

    const answer = archive.answer(retrieve, sink, { signal, publicRoot });
    const isOver = answer.then(() => true);
    while (!(await Promise.race([isOver, sink.full().then(() => false)]))) sink.drain();

    expect(sink.bytes).toBe(512 * mebibyte + '\r\n--b--'.length);
    expect(ahead).toBeLessThan(16 * mebibyte);
    expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(64 * mebibyte);
  });
});

describe('many clients at once', () => {
  it('have a bounded number of connections to the archive, and all get their answer', async () => {
    let open = 0;
    let most = 0;
    const held: (() => void)[] = [];
    const archive = server.play((request, response) => {
      open += 1;
      most = Math.max(most, open);
      response.once('close', () => (open -= 1));
      held.push(() => giveObjects(request, response));
      if (held.length === 32) for (const release of held.splice(0)) release();
    });

    const sinks = await Promise.all(Array.from({ length: 96 }, () => answerTo(archive, retrieve)));

    expect(sinks.every(({ body }) => body.equals(objects))).toBe(true);
    expect(most).toBe(32);
  });

  it('leave the questions and deliveries of the bridge their own connections', async () => {
    const { resolve: release, promise: released } = deferred();
    const archive = server.play(async (request, response) => {
      if (request.headers.accept?.startsWith('multipart') === true) await released;
      answerJson(response, 200, []);
    });
    const busy = Array.from({ length: 40 }, () => faultOf(archive, retrieve));

    await expect(archive.search({ level: 'study', match: {} }, { signal })).resolves.toEqual([]);

    release();
    await Promise.all(busy);
  });
});

describe('one object without multipart around it', () => {
  const single = { ...retrieve, selector, framing: 'single' } as const;

  it('comes as it is in the message, wherever that is cut', async () => {
    const file = Buffer.concat([buildPart10(), Buffer.from('\r\n--\r\n-b\r\n--')]);
    const message = messageOf(file);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(message.length), { maxLength: 6 }), async (cuts) => {
        const places = [0, ...cuts.sort((a, b) => a - b), message.length];
        const archive = server.play(async (_request, response) => {
          response.writeHead(200, { 'content-type': multipart });
          response.socket?.setNoDelay();
          for (const [index, end] of places.slice(1).entries()) {
            const piece = message.subarray(places[index], end);
            await new Promise((resolve) => response.write(piece, resolve));
            await new Promise(setImmediate);
          }
          response.end();
        });

        const sink = await answerTo(archive, single);

        expect(sink.body.equals(file)).toBe(true);
        expect(sink.head).toEqual({
          status: 200,
          headers: { 'content-type': 'application/dicom' },
        });
        await server.closeClients();
      }),
      { numRuns: 30 },
    );
  });

  it.each([
    ['is cut off', messageOf(buildPart10()).subarray(0, -12), OriginUnavailableError],
    ['has no part', Buffer.from('--b--\r\n\r\n'), OriginAnswerError],
    ['has an endless header', Buffer.alloc(40_000, 'x'), OriginAnswerError],
  ])('does not come out of a message that %s', async (_how, message, kind) => {
    const archive = server.play(give(message, { 'content-type': multipart }));

    expect(await faultOf(archive, single)).toBeInstanceOf(kind);
  });
});
