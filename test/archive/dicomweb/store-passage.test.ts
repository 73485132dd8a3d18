import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ArrivingObject } from '../../../src/archive/store-origin.ts';
import {
  OriginAnswerError,
  OriginRefusedError,
  OriginUnavailableError,
} from '../../../src/errors/origin-errors.ts';
import { ContentTooLargeError } from '../../../src/errors/request-errors.ts';
import { newUid, uid } from '../../support/dicom-object.ts';
import {
  ArchiveServer,
  answerJson,
  fixedTokens,
  keepAll,
  watchedSource,
} from './archive-server.ts';
import type { Handler, WatchedSource } from './archive-server.ts';

const { signal } = new AbortController();
const options = { studyInstanceUid: undefined, signal, trace: undefined };
const large = 8 * 1024 * 1024;
let server: ArchiveServer;

beforeAll(async () => {
  server = await ArchiveServer.start();
});
afterEach(() => server.closeClients());
afterAll(() => server.stop());

// eslint-disable-next-line @typescript-eslint/require-await -- what reads it is asynchronous
async function* arriving(...sources: readonly WatchedSource[]): AsyncGenerator<ArrivingObject> {
  for (const source of sources) {
    const { sopInstanceUid, transferSyntaxUid } = source;
    yield { sopInstanceUid, transferSyntaxUid, file: source.read() };
  }
}

/** Sends one small object to what the handler plays. */
function storeOne(handler: Handler) {
  return server.play(handler).storeArriving(arriving(watchedSource()), options);
}

/** Takes all of the request before it answers. */
function answering(status: number, body = '', contentType = 'application/dicom+json'): Handler {
  return async (request, response) => {
    await buffer(request);
    response.writeHead(status, { 'content-type': contentType }).end(body);
  };
}

describe('a request made of objects that are still arriving', () => {
  it('carries their bytes, of unknown length, in plain parts', async () => {
    const bodies: Promise<Buffer>[] = [];
    const archive = server.play((request, response) => {
      bodies.push(keepAll(request, response));
    });
    const sources = [watchedSource(300_000), watchedSource(10)];

    const answer = await archive.storeArriving(arriving(...sources), options);

    const { url, method, headers } = server.requests[0] ?? {};
    expect(`${method} ${url}`).toBe('POST /dicom-web/studies');
    expect(headers).toMatchObject({
      accept: 'application/dicom+json',
      'transfer-encoding': 'chunked',
    });
    expect(headers?.['content-type']).toMatch(
      /^multipart\/related; type="application\/dicom"; boundary="drawbridge-[0-9a-f]{48}"$/,
    );
    const body = (await bodies[0]) ?? Buffer.alloc(0);
    for (const source of sources) {
      const whole: Buffer[] = [];
      for await (const chunk of source.read()) whole.push(chunk);
      expect(body.includes(Buffer.concat(whole))).toBe(true);
    }
    expect(body.toString('latin1').match(/Content-Type: .*\r\n/g)).toEqual([
      'Content-Type: application/dicom\r\n',
      'Content-Type: application/dicom\r\n',
    ]);
    expect([...answer.kept.keys()]).toEqual(sources.map(({ sopInstanceUid }) => sopInstanceUid));
  });

  it('goes to the study of the path, where the archive has its STOW service', async () => {
    const archive = server.play(keepAll, { stowPath: '/stow', nameTransferSyntax: true });
    const studyInstanceUid = newUid();

    await archive.storeArriving(arriving(watchedSource()), { ...options, studyInstanceUid });

    expect(server.requests[0]?.url).toBe(`/dicom-web/stow/studies/${studyInstanceUid}`);
  });

  it('never goes on a connection that has been used, and leaves none behind', async () => {
    const ports = new Set<number | undefined>();
    const archive = server.play((request, response) => {
      ports.add(request.socket.remotePort);
      return keepAll(request, response);
    });

    for (let round = 0; round < 3; round += 1) {
      await archive.storeArriving(arriving(watchedSource()), options);
      await connectionClosed(server.requests[round]);
      // Who hears that it will be closed may close it with an early answer still unread.
      expect(server.requests[round]?.headers.connection).toBe('keep-alive');
    }

    expect(ports.size).toBe(3);
  });

  it('is sent no faster than the archive reads', async () => {
    let resume = (): void => undefined;
    let hasBegun = (): void => undefined;
    const begun = new Promise<void>((resolve) => (hasBegun = resolve));
    const archive = server.play((request, response) => {
      request.once('data', (first: Buffer) => {
        request.pause();
        request.unshift(first);
        resume = () => void keepAll(request, response);
        hasBegun();
      });
    });
    const source = watchedSource(4 * large);

    const storing = archive.storeArriving(arriving(source), options);
    await begun;
    const early = await settled(() => source.readBytes);
    resume();
    const answer = await storing;

    expect(early).toBeLessThan(large);
    expect(answer.kept.has(source.sopInstanceUid)).toBe(true);
    expect(source.readBytes).toBe(source.bytes);
  });
});

describe('what the archive answers', () => {
  it('is read for whom it names, whatever the status', async () => {
    const [kept, failed] = [newUid(), newUid()];
    const body = JSON.stringify({
      '00081199': { vr: 'SQ', Value: [{ '00081155': { vr: 'UI', Value: [kept] } }] },
      '00081198': {
        vr: 'SQ',
        Value: [
          { '00081155': { vr: 'UI', Value: [failed] }, '00081197': { vr: 'US', Value: [0xc000] } },
        ],
      },
    });

    for (const status of [200, 202, 400, 409, 422]) {
      expect(await storeOne(answering(status, body))).toEqual({
        kept: new Map([[kept, { warningReason: undefined }]]),
        failed: new Map([[failed, { failureReason: 0xc000 }]]),
      });
    }
  });

  it.each([
    [200, '{}', 'application/json'],
    [400, '{"Message":"Bad file format"}', 'application/json'],
    [409, '', 'text/plain'],
    [409, 'no', 'text/plain'],
  ])('names nobody: %i %s', async (status, body, contentType) => {
    expect(await storeOne(answering(status, body, contentType))).toEqual({
      kept: new Map(),
      failed: new Map(),
    });
  });

  it.each([
    [200, '<html>', 'text/html', OriginAnswerError],
    [200, '', 'application/dicom+json', OriginAnswerError],
    [202, '<NativeDicomModel/>', 'application/dicom+xml', OriginAnswerError],
    [409, '<html>', 'text/html', OriginAnswerError],
    [302, '', 'text/plain', OriginAnswerError],
    [413, 'too large', 'text/plain', ContentTooLargeError],
    [401, '', 'text/plain', OriginRefusedError],
    [403, '', 'text/plain', OriginRefusedError],
    [404, '', 'text/plain', OriginRefusedError],
    [415, '', 'text/plain', OriginRefusedError],
    [500, 'stack trace', 'text/plain', OriginUnavailableError],
    [503, '', 'text/plain', OriginUnavailableError],
  ])('is no answer to hand on: %i %s', async (status, body, contentType, fault) => {
    const storing = storeOne(answering(status, body, contentType));

    await expect(storing).rejects.toThrow(fault);
    await expect(storing).rejects.not.toThrow(/stack trace/);
  });

  it('may come early: the upload stops, and what it says counts', async () => {
    const kept = newUid();
    const archive = server.play((_request, response) =>
      answerJson(response, 202, {
        '00081199': { vr: 'SQ', Value: [{ '00081155': { vr: 'UI', Value: [kept] } }] },
      }),
    );
    const source = watchedSource(4 * large);

    const answer = await archive.storeArriving(arriving(source), options);
    await source.closed;

    expect([...answer.kept.keys()]).toEqual([kept]);
    expect(source.readBytes).toBeLessThan(source.bytes);
  });

  it('may come early and mean too much', async () => {
    const archive = server.play((_request, response) => response.writeHead(413).end('too large'));
    const source = watchedSource(4 * large);

    await expect(archive.storeArriving(arriving(source), options)).rejects.toThrow(
      ContentTooLargeError,
    );
    await source.closed;
    expect(source.readBytes).toBeLessThan(source.bytes);
  });
});

describe('an upload that cannot be made twice', () => {
  it('waits for its turn where many are under way, in vain when none of them ends', async () => {
    const caller = new AbortController();
    const archive = server.play((request) => void request.once('data', () => request.pause()), {
      timeoutMs: 300,
    });
    const endless = Array.from({ length: 16 }, () =>
      archive.storeArriving(arriving(watchedSource()), {
        ...options,
        signal: AbortSignal.any([caller.signal]),
      }),
    );
    const ends = Promise.allSettled(endless);
    const source = watchedSource();

    await expect(archive.storeArriving(arriving(source), options)).rejects.toThrow(
      'all connections to the archive are in use',
    );

    caller.abort();
    await ends;
    expect(source.readBytes).toBe(0);
    server.play(keepAll);
    expect((await archive.storeArriving(arriving(source), options)).kept.size).toBe(1);
  });

  it('is not tried again after a 401; the next one goes with another token', async () => {
    const tokens = fixedTokens('Bearer old', 'Bearer new');
    const seen: (string | undefined)[] = [];
    const archive = server.play(
      (request, response) => {
        seen.push(request.headers.authorization);
        if (request.headers.authorization === 'Bearer new') return keepAll(request, response);
        return answering(401)(request, response);
      },
      { authorization: tokens },
    );

    await expect(archive.storeArriving(arriving(watchedSource()), options)).rejects.toThrow(
      OriginRefusedError,
    );
    await archive.storeArriving(arriving(watchedSource()), options);

    expect(seen).toEqual(['Bearer old', 'Bearer new']);
    expect(tokens.refusals).toEqual(['Bearer old']);
  });

  it('D42 is not tried again when the archive breaks the connection', async () => {
    const source = watchedSource(large);
    const archive = server.play((request) => request.once('data', () => request.socket.destroy()));

    await expect(archive.storeArriving(arriving(source), options)).rejects.toThrow(
      OriginUnavailableError,
    );
    await source.closed;
    expect(server.requests).toHaveLength(1);
  });

  it('ends when an object breaks off, without ever looking whole, and says what it was', async () => {
    const reason = new Error('the client has gone');
    const bodies: Promise<Buffer>[] = [];
    const archive = server.play((request) => {
      bodies.push(whatever(request));
    });
    async function* breaking(): AsyncGenerator<ArrivingObject> {
      yield* arriving(watchedSource(large));
      yield {
        sopInstanceUid: newUid(),
        transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
        // eslint-disable-next-line require-yield, @typescript-eslint/require-await -- it never gives anything
        file: (async function* (): AsyncGenerator<Buffer> {
          throw reason;
        })(),
      };
    }

    await expect(archive.storeArriving(breaking(), options)).rejects.toBe(reason);
    expect((await bodies[0])?.includes('--\r\n')).toBe(false);
    expect(server.requests[0]?.complete).toBe(false);
  });

  it('D41 ends when nobody waits for it any more', async () => {
    const caller = new AbortController();
    const archive = server.play((request) => {
      request.once('data', () => caller.abort(new Error('the viewer was closed')));
    });
    const source = watchedSource(4 * large);

    await expect(
      archive.storeArriving(arriving(source), { ...options, signal: caller.signal }),
    ).rejects.toThrow('the viewer was closed');
    await source.closed;
    await connectionClosed(server.requests[0]);
    expect(server.requests[0]?.complete).toBe(false);
  });
});

async function connectionClosed(request: IncomingMessage | undefined): Promise<void> {
  if (request === undefined || request.socket.destroyed) return;
  await new Promise((resolve) => request.socket.once('close', resolve));
}

/** As much of a request as came. */
async function whatever(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of request) chunks.push(chunk as Buffer);
  } catch {
    // It was cut off.
  }
  return Buffer.concat(chunks);
}

/** A number once it stays the same for a while. */
async function settled(read: () => number): Promise<number> {
  let before = -1;
  for (let calm = 0; calm < 20;) {
    await new Promise((resolve) => setImmediate(resolve));
    const now = read();
    calm = now === before ? calm + 1 : 0;
    before = now;
  }
  return before;
}
