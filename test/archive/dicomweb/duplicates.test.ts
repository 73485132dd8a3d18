import type { IncomingMessage, ServerResponse } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { DicomWebArchiveOptions } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import type { Part10Source } from '../../../src/dicom/instance.ts';
import {
  deflatedExplicitVrLittleEndian,
  explicitVrLittleEndian,
  implicitVrLittleEndian,
} from '../../../src/dicom/transfer-syntax.ts';
import { ObjectUnreadableError } from '../../../src/errors/object-errors.ts';
import { TokenUnavailableError } from '../../../src/errors/origin-errors.ts';
import type { InstanceOutcome, StowVerdict } from '../../../src/translate/stow-verdict.ts';
import { buildPart10, newUid, part10Source } from '../../support/dicom-object.ts';
import { ArchiveServer, answerJson, fixedTokens } from './archive-server.ts';

const { signal } = new AbortController();
const study = '1.2.3';
const series = '1.2.3.4';
let server: ArchiveServer;

beforeAll(async () => {
  server = await ArchiveServer.start();
});
afterEach(() => server.closeClients());
afterAll(() => server.stop());

interface SentObject extends Part10Source {
  readonly file: Buffer;
}

function newObject(pixelBytes = 2, transferSyntax = explicitVrLittleEndian): SentObject {
  const sop = newUid();
  const file = buildPart10({ sop, study, series, pixelBytes, transferSyntax });
  return { ...part10Source(file, { sop, transferSyntax }, 10_000), file };
}

/** The same data set behind another group 0002, as another writer has it. */
function rewritten(file: Buffer, transferSyntax = explicitVrLittleEndian): Buffer {
  const sop = decodeFileHeader(file)?.sopInstanceUid ?? '';
  const other = buildPart10({ sop, transferSyntax, sopClass: '1.2.840.10008.5.1.4.1.1.77.1.6' });
  const header = other.subarray(0, decodeFileHeader(other)?.dataSetOffset);
  return Buffer.concat([header, file.subarray(decodeFileHeader(file)?.dataSetOffset)]);
}

function changed(file: Buffer, at = file.length - 1): Buffer {
  const copy = Buffer.from(file);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

type Play = (request: IncomingMessage, response: ServerResponse) => unknown;

interface Duplicates {
  readonly store?: Play;
  readonly search?: Play;
  readonly retrieve: Play;
}

/** An archive that has these objects already, and says so. */
function playDuplicates(
  objects: readonly Part10Source[],
  { store, search, retrieve }: Duplicates,
  options: Partial<DicomWebArchiveOptions> = {},
) {
  return server.play(
    (request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://archive.test');
      if (request.method === 'POST') {
        request.resume().once('end', () => (store ?? saysDuplicate(objects))(request, response));
      } else if (pathname === '/dicom-web/instances') (search ?? findsIt)(request, response);
      else retrieve(request, response);
    },
    { duplicates: 'verify', ...options },
  );
}

const plainConflict: Play = (_request, response) => response.writeHead(409).end('conflict');

const saysDuplicate =
  (objects: readonly Part10Source[]): Play =>
  (_request, response) => {
    const items = objects.map(({ sopInstanceUid }) => ({
      '00081155': { vr: 'UI', Value: [sopInstanceUid] },
      '00081197': { vr: 'US', Value: [0x0111] },
    }));
    answerJson(response, 409, { '00081198': { vr: 'SQ', Value: items } });
  };

const findsIt: Play = (request, response) => {
  const asked = new URL(request.url ?? '', 'http://archive.test').searchParams;
  answerJson(response, 200, [
    {
      '00080018': { vr: 'UI', Value: [asked.get('00080018')] },
      '0020000D': { vr: 'UI', Value: [study] },
      '0020000E': { vr: 'UI', Value: [series] },
    },
  ]);
};

const findsNothing: Play = (_request, response) => answerJson(response, 200, []);

const multipart = { 'content-type': 'multipart/related; type="application/dicom"; boundary=b' };
const gives =
  (...files: readonly Buffer[]): Play =>
  (_request, response) => {
    const parts = files.flatMap((file) => [Buffer.from('--b\r\n\r\n'), file, Buffer.from('\r\n')]);
    response.writeHead(200, multipart).end(Buffer.concat([...parts, Buffer.from('--b--')]));
  };
const answers =
  (status: number): Play =>
  (_request, response) =>
    response.writeHead(status).end();

function outcomeOf(verdict: StowVerdict, object: Part10Source): InstanceOutcome | undefined {
  if (verdict.kind !== 'each') throw new Error(`the verdict is ${verdict.kind}`);
  return verdict.outcomes.get(object.sopInstanceUid);
}

describe('an object the archive says it has, when duplicates are to be verified', () => {
  it.each([
    ['0111H', undefined],
    ['a plain 409', plainConflict],
  ])(
    'is delivered after %s when the archive gives back the same data set',
    async (_what, store) => {
      const object = newObject(300_000);
      const archive = playDuplicates([object], {
        ...(store && { store }),
        retrieve: gives(rewritten(object.file)),
      });

      expect(outcomeOf(await archive.store([object], { signal }), object)).toEqual({
        kind: 'delivered',
      });
      expect(server.requests.at(-1)?.url).toBe(
        `/dicom-web/studies/${study}/series/${series}/instances/${object.sopInstanceUid}`,
      );
    },
  );

  it.each([
    ['0111H', undefined, 0x0111],
    ['a plain 409', plainConflict, undefined],
  ])(
    'is set aside after %s when the archive has another under its UID',
    async (_what, store, reason) => {
      const object = newObject(300_000);
      const archive = playDuplicates([object], {
        ...(store && { store }),
        retrieve: gives(changed(object.file)),
      });

      const outcome = outcomeOf(await archive.store([object], { signal }), object);

      expect(outcome).toMatchObject({
        kind: 'set-aside',
        code: 'differs-from-archived',
        message: 'the archive has another object under the same SOP Instance UID (HTTP 409)',
        httpStatus: 409,
      });
      expect(outcome).toHaveProperty('answer');
      expect((outcome as { failureReason?: number }).failureReason).toBe(reason);
    },
  );

  it.each([
    ['shorter', (file: Buffer) => file.subarray(0, -2)],
    ['longer', (file: Buffer) => Buffer.concat([file, Buffer.alloc(2)])],
  ])('is not the same when what the archive has is %s', async (_what, other) => {
    const object = newObject(50_000);
    const archive = playDuplicates([object], { retrieve: gives(other(object.file)) });

    expect(outcomeOf(await archive.store([object], { signal }), object)).toMatchObject({
      code: 'differs-from-archived',
    });
  });

  const deflated = newObject(2, deflatedExplicitVrLittleEndian);
  const plain = newObject();
  it.each([
    [
      'comes in another transfer syntax',
      plain,
      { retrieve: gives(rewritten(plain.file, implicitVrLittleEndian)) },
      'gives it in another transfer syntax',
    ],
    [
      'is deflated in another way',
      deflated,
      { retrieve: gives(changed(deflated.file)) },
      'the two are compressed as a whole, and not in the same way',
    ],
    [
      'is not found by a search',
      plain,
      {
        search: findsNothing,
        retrieve: answers(500),
      },
      'a search does not find it',
    ],
    ['is not there', plain, { retrieve: answers(404) }, 'the archive does not have it'],
    ['may not be had', plain, { retrieve: answers(403) }, 'the archive refuses what we ask'],
    ['is another', plain, { retrieve: gives(newObject().file) }, 'the archive sent another object'],
  ])(
    'is set aside for somebody to compare when what the archive has %s',
    async (_what, object, play, why) => {
      const archive = playDuplicates([object], play);

      expect(outcomeOf(await archive.store([object], { signal }), object)).toMatchObject({
        kind: 'set-aside',
        code: 'could-not-be-verified',
        message: expect.stringContaining(why) as string,
        failureReason: 0x0111,
      });
    },
  );

  it.each([
    ['the archive cannot answer', answers(503)],
    ['its answer is no multipart message', answers(200)],
    [
      'its answer is cut off',
      (_request, response) =>
        response
          .writeHead(200, multipart)
          .end(Buffer.concat([Buffer.from('--b\r\n\r\n'), plain.file])),
    ],
  ])('is tried again later while %s', async (_what, retrieve) => {
    const archive = playDuplicates([plain], { retrieve });

    expect(outcomeOf(await archive.store([plain], { signal }), plain)).toMatchObject({
      kind: 'retry',
      failureReason: 0x0111,
    });
  });

  it('is tried again later while the search fails, or there is no token to ask with', async () => {
    const searching = playDuplicates([plain], { search: answers(503), retrieve: answers(500) });
    expect(outcomeOf(await searching.store([plain], { signal }), plain)?.kind).toBe('retry');

    const away = new TokenUnavailableError('the token server is away', { transient: false });
    let asked = 0;
    const tokens = {
      ...fixedTokens('Bearer t'),
      authorization: () => {
        asked += 1;
        return asked === 1 ? Promise.resolve('Bearer t') : Promise.reject(away);
      },
    };
    const tokenless = playDuplicates(
      [plain],
      { retrieve: answers(500) },
      { authorization: tokens },
    );
    expect(outcomeOf(await tokenless.store([plain], { signal }), plain)?.kind).toBe('retry');
  });

  it('costs the other objects of its batch nothing', async () => {
    const [kept, same, other] = [newObject(), newObject(), newObject()];
    const archive = playDuplicates([same, other], {
      store: (_request, response) => {
        const item = (sop: string, reason?: number) => ({
          '00081155': { vr: 'UI', Value: [sop] },
          ...(reason !== undefined && { '00081197': { vr: 'US', Value: [reason] } }),
        });
        answerJson(response, 202, {
          '00081199': { vr: 'SQ', Value: [item(kept.sopInstanceUid)] },
          '00081198': {
            vr: 'SQ',
            Value: [item(same.sopInstanceUid, 0x0111), item(other.sopInstanceUid, 0x0111)],
          },
        });
      },
      retrieve: (request, response) => {
        const isSame = request.url?.endsWith(same.sopInstanceUid) === true;
        gives(isSame ? same.file : changed(other.file))(request, response);
      },
    });

    const verdict = await archive.store([kept, same, other], { signal });

    expect([kept, same, other].map((object) => outcomeOf(verdict, object)?.kind)).toEqual([
      'delivered',
      'delivered',
      'set-aside',
    ]);
  });

  it('is read no further than it is alike, on either side', async () => {
    const object = newObject(30_000_000);
    const read = { bytes: 0, isClosed: false };
    const watched: Part10Source = {
      ...object,
      async *read() {
        read.bytes = 0;
        read.isClosed = false;
        try {
          for await (const chunk of object.read()) {
            read.bytes += chunk.length;
            yield chunk;
          }
        } finally {
          read.isClosed = true;
        }
      },
    };
    let closed = (): void => undefined;
    const hasClosed = new Promise<void>((resolve) => (closed = resolve));
    const archive = playDuplicates([object], {
      retrieve: (request, response) => {
        response.once('close', closed);
        gives(changed(object.file, 1_000_000))(request, response);
      },
    });

    expect(outcomeOf(await archive.store([watched], { signal }), object)?.kind).toBe('set-aside');
    await hasClosed;
    expect(read.isClosed).toBe(true);
    expect(read.bytes).toBeLessThan(1_100_000);
  });

  it('ends what reading it threw: that is neither the fault of the archive nor of the object', async () => {
    const object = newObject(50_000);
    const failure = new ObjectUnreadableError('the disk');
    let reads = 0;
    const broken: Part10Source = {
      ...object,
      async *read() {
        reads += 1;
        for await (const chunk of object.read()) {
          if (reads > 1) throw failure;
          yield chunk;
        }
      },
    };
    const archive = playDuplicates([object], { retrieve: gives(object.file) });

    await expect(archive.store([broken], { signal })).rejects.toBe(failure);
  });

  it('ends with the reason of its signal', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const archive = playDuplicates([plain], { retrieve: () => stop.abort(reason) });

    await expect(archive.store([plain], { signal: stop.signal })).rejects.toBe(reason);
  });

  it.each(['accept', 'fail'] as const)('is not asked for at all with %s', async (duplicates) => {
    const archive = playDuplicates([plain], { retrieve: answers(500) }, { duplicates });

    await archive.store([plain], { signal });

    expect(server.requests.map(({ method }) => method)).toEqual(['POST']);
  });
});
