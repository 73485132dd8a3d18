import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DicomWebArchive } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import { implicitVrLittleEndian } from '../../../src/dicom/transfer-syntax.ts';
import {
  NotFoundError,
  OriginAnswerError,
  OriginRefusedError,
  OriginUnavailableError,
} from '../../../src/errors/origin-errors.ts';
import { buildPart10, newUid, uid } from '../../support/dicom-object.ts';
import { ArchiveServer, answerJson, fixedTokens } from './archive-server.ts';

const { signal } = new AbortController();
const studyInstanceUid = uid('1.2.3');
const seriesInstanceUid = uid('1.2.3.4');
const sopInstanceUid = uid('1.2.3.4.5');
const multipart = 'multipart/related; type="application/dicom"; boundary=b';
let server: ArchiveServer;

beforeAll(async () => {
  server = await ArchiveServer.start();
});
afterEach(() => server.closeClients());
afterAll(() => server.stop());

/** The body of an answer with these files. */
function messageOf(files: readonly Buffer[]): Buffer {
  const parts = files.map((file) =>
    Buffer.concat([Buffer.from('--b\r\nContent-Type: application/dicom\r\n\r\n'), file, lineEnd]),
  );
  return Buffer.concat([...parts, Buffer.from('--b--')]);
}

const lineEnd = Buffer.from('\r\n');

function answer(
  response: ServerResponse,
  body: Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, { 'content-type': multipart, ...headers }).end(body);
}

interface ReadObject {
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  readonly dataSet: Buffer;
}

async function retrieved(archive: DicomWebArchive, wait = signal): Promise<readonly ReadObject[]> {
  const found: ReadObject[] = [];
  for await (const object of archive.retrieve({ studyInstanceUid }, { signal: wait })) {
    const chunks: Buffer[] = [];
    for await (const chunk of object.dataSet) chunks.push(Buffer.from(chunk));
    found.push({ ...object, dataSet: Buffer.concat(chunks) });
  }
  return found;
}

function dataSetIn(file: Buffer): Buffer {
  return file.subarray(decodeFileHeader(file)?.dataSetOffset);
}

describe('retrieving', () => {
  it.each([
    [{ studyInstanceUid }, '/studies/1.2.3'],
    [{ studyInstanceUid, seriesInstanceUid }, '/studies/1.2.3/series/1.2.3.4'],
    [
      { studyInstanceUid, seriesInstanceUid, sopInstanceUid },
      '/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5',
    ],
  ])(
    'asks for the objects as they are stored, and for nothing encoded: %j',
    async (selector, path) => {
      const archive = server.play(
        (_request, response) => answer(response, messageOf([buildPart10()])),
        { wadoPath: '/wado' },
      );

      for await (const object of archive.retrieve(selector, { signal })) {
        expect(object.transferSyntaxUid).toBe('1.2.840.10008.1.2.1');
      }

      expect(server.requests[0]?.url).toBe(`/dicom-web/wado${path}`);
      expect(server.requests[0]?.headers).toMatchObject({
        accept: 'multipart/related; type="application/dicom"; transfer-syntax=*',
        'accept-encoding': 'identity',
        traceparent: expect.stringMatching(/^00-/) as string,
      });
    },
  );

  it('gives each data set, and what group 0002 says of it', async () => {
    const sops = [newUid(), newUid(), newUid()] as const;
    const files = [
      buildPart10({ sop: sops[0] }),
      buildPart10({ sop: sops[1], pixelBytes: 3_000_000 }),
      buildPart10({ sop: sops[2], transferSyntax: implicitVrLittleEndian }),
    ];
    const archive = server.play((_request, response) => answer(response, messageOf(files)));

    const found = await retrieved(archive);

    expect(found.map((object) => object.sopInstanceUid)).toEqual(sops);
    expect(found.map((object) => object.transferSyntaxUid.slice(-2))).toEqual(['.1', '.1', '.2']);
    for (const [index, file] of files.entries()) {
      expect(found[index]?.dataSet.equals(dataSetIn(file))).toBe(true);
    }
  });

  it('passes over what of an object is not read, and lets none be read twice', async () => {
    const files = [buildPart10({ pixelBytes: 500_000 }), buildPart10(), buildPart10()];
    const archive = server.play((_request, response) => answer(response, messageOf(files)));
    let objects = 0;

    for await (const { dataSet } of archive.retrieve({ studyInstanceUid }, { signal })) {
      objects += 1;
      if (objects === 2) continue;
      for await (const chunk of dataSet) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      expect(() => dataSet[Symbol.asyncIterator]()).toThrow('an object can be read once');
    }

    expect(objects).toBe(3);
  });

  it.each([
    ['404', (response: ServerResponse) => response.writeHead(404).end(), NotFoundError],
    ['204', (response: ServerResponse) => response.writeHead(204).end(), NotFoundError],
    ['no part', (response: ServerResponse) => answer(response, messageOf([])), NotFoundError],
    ['503', (response: ServerResponse) => response.writeHead(503).end(), OriginUnavailableError],
    ['401', (response: ServerResponse) => response.writeHead(401).end(), OriginRefusedError],
    ['403', (response: ServerResponse) => response.writeHead(403).end(), OriginRefusedError],
    ['406', (response: ServerResponse) => response.writeHead(406).end(), OriginRefusedError],
    ['302', (response: ServerResponse) => response.writeHead(302).end(), OriginAnswerError],
    ['206', (response: ServerResponse) => response.writeHead(206).end(), OriginAnswerError],
    [
      'HTML',
      (response: ServerResponse) =>
        response.writeHead(200, { 'content-type': 'text/html' }).end('<html>Doe^Jane</html>'),
      OriginAnswerError,
    ],
    ['JSON', (response: ServerResponse) => answerJson(response, 200, []), OriginAnswerError],
    [
      'a part that is no DICOM object',
      (response: ServerResponse) => answer(response, messageOf([Buffer.from('Doe^Jane')])),
      OriginAnswerError,
    ],
    [
      'a line that begins with the boundary and is none',
      (response: ServerResponse) =>
        answer(
          response,
          Buffer.concat([messageOf([buildPart10()]).subarray(0, -2), Buffer.from('x\r\n')]),
        ),
      OriginAnswerError,
    ],
    [
      'an encoded answer, though it was asked not to be',
      (response: ServerResponse) =>
        answer(response, gzipSync(messageOf([buildPart10()])), { 'content-encoding': 'gzip' }),
      OriginAnswerError,
    ],
  ])('B38 never takes a fault for an object: %s', async (_what, play, kind) => {
    const archive = server.play((_request, response) => play(response));

    const error: unknown = await retrieved(archive).catch((e: unknown) => e);

    expect(error).toBeInstanceOf(kind);
    expect(String(error)).not.toContain('Doe');
  });

  it.each([
    ['in an object', 60_000],
    ['between two objects', messageOf([buildPart10({ pixelBytes: 100_000 })]).length - 5],
  ])(
    'C17 takes an answer that ends %s for cut off, though its HTTP message is whole',
    async (_where, bytes) => {
      const body = messageOf([buildPart10({ pixelBytes: 100_000 }), buildPart10()]);
      const archive = server.play((_request, response) =>
        answer(response, body.subarray(0, bytes)),
      );

      await expect(retrieved(archive)).rejects.toThrow(OriginUnavailableError);
    },
  );

  it('C17 says so when the connection breaks in the middle of an object', async () => {
    const body = messageOf([buildPart10({ pixelBytes: 300_000 })]);
    const archive = server.play((_request, response) => {
      response.writeHead(200, { 'content-type': multipart, 'content-length': body.length });
      response.write(body.subarray(0, 200_000), () => response.destroy());
    });

    await expect(retrieved(archive)).rejects.toThrow(OriginUnavailableError);
  });

  it('C15 waits no longer than set for an answer that stalls', async () => {
    const archive = server.play(
      (_request, response) => {
        response.writeHead(200, { 'content-type': multipart });
        response.write(messageOf([buildPart10({ pixelBytes: 100_000 })]).subarray(0, 50_000));
      },
      { timeoutMs: 150 },
    );

    await expect(retrieved(archive)).rejects.toThrow(OriginUnavailableError);
  });

  it('ends the request when its reader leaves', async () => {
    const ended = endlessAnswer();

    for await (const { dataSet } of ended.archive.retrieve({ studyInstanceUid }, { signal })) {
      for await (const chunk of dataSet) {
        expect(chunk.length).toBeGreaterThan(0);
        break;
      }
      break;
    }

    await ended.closed;
  });

  it.each([
    [503, multipart, OriginUnavailableError],
    [200, 'text/html', OriginAnswerError],
  ])('ends the request when it makes nothing of the answer: %i %s', async (status, type, kind) => {
    const ended = endlessAnswer(status, type);

    await expect(retrieved(ended.archive)).rejects.toThrow(kind);
    await ended.closed;
  });

  it('ends with the reason of its signal, and with it the request', async () => {
    const stop = new AbortController();
    const ended = endlessAnswer();
    const reason = new Error('stopped');

    const reading = (async () => {
      for await (const { dataSet } of ended.archive.retrieve(
        { studyInstanceUid },
        { signal: stop.signal },
      )) {
        for await (const chunk of dataSet) if (chunk.length > 0) stop.abort(reason);
      }
    })();

    await expect(reading).rejects.toBe(reason);
    await ended.closed;
  });

  it('C11 tries once more with a new token', async () => {
    const archive = server.play(
      (request, response) => {
        if (request.headers.authorization !== 'Bearer new') response.writeHead(401).end('no');
        else answer(response, messageOf([buildPart10()]));
      },
      { authorization: fixedTokens('Bearer old', 'Bearer new') },
    );

    expect(await retrieved(archive)).toHaveLength(1);
    expect(server.requests).toHaveLength(2);
  });

  it('uses its connection again after an answer that was read to its end', async () => {
    const archive = server.play(
      (_request, response) => answer(response, messageOf([buildPart10({ pixelBytes: 90_000 })])),
      { connections: 1 },
    );

    await retrieved(archive);
    await retrieved(archive);

    const ports = server.requests.map(({ socket }) => socket.remotePort);
    expect(new Set(ports).size).toBe(1);
  });
});

/** An archive that sends one object without an end; `closed` once nobody listens any more. */
function endlessAnswer(
  status = 200,
  type = multipart,
): { readonly archive: DicomWebArchive; readonly closed: Promise<void> } {
  let close = (): void => undefined;
  const closed = new Promise<void>((resolve) => (close = resolve));
  const archive = server.play((_request, response) => {
    response.once('close', close);
    response.writeHead(status, { 'content-type': type });
    response.write(messageOf([buildPart10({ pixelBytes: 100_000 })]).subarray(0, -10));
    const pour = (): void => {
      while (response.writable && response.write(Buffer.alloc(65_536)));
    };
    response.on('drain', pour);
    pour();
  });
  return { archive, closed };
}
