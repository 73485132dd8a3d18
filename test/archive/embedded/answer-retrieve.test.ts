import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateMultiFrame } from '../../../src/cli/demo/generate-large.ts';
import { generateStudy } from '../../../src/cli/demo/generate-study.ts';
import type { GeneratedInstance } from '../../../src/cli/demo/generate-study.ts';
import type { InstanceIdentity } from '../../../src/dicom/instance.ts';
import { NotFoundError } from '../../../src/errors/origin-errors.ts';
import { NotAcceptableError } from '../../../src/errors/request-errors.ts';
import { parseMultipartRelated } from '../../../src/multipart/parser.ts';
import type { RetrieveRequest } from '../../../src/translate/dicomweb-request.ts';
import { CollectingSink } from '../../support/collecting-sink.ts';
import { newUid } from '../../support/dicom-object.ts';
import { ArchiveUnderTest } from './archive-under-test.ts';
import { encapsulated, fragment, imageObject, jpegBaseline } from './image-object.ts';

let archive: ArchiveUnderTest;

beforeEach(async () => {
  archive = await ArchiveUnderTest.create();
});

afterEach(() => archive.close());

describe('retrieving', () => {
  it('gives a study byte for byte, each object a part with its transfer syntax', async () => {
    const objects = await storedStudy(3);

    const answer = await archive.ask(retrieve(studyOf(objects[0].identity)));

    expect(answer.head?.status).toBe(200);
    expect(answer.header('content-type')).toMatch(
      /^multipart\/related; type="application\/dicom"; boundary="[0-9a-f-]{36}"$/,
    );
    expect(answer.header('content-length')).toBe(String(answer.body.length));
    expect(answer.parts().map(({ headers }) => headers)).toEqual(
      Array(3).fill('Content-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1'),
    );
    expect(answer.parts().map(({ body }, index) => body.equals(bytesOf(objects, index)))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('gives a series or an instance of it, and nothing under a wrong one', async () => {
    const objects = await storedStudy(2);
    const { studyInstanceUid, seriesInstanceUid } = objects[0].identity;
    const { sopInstanceUid } = objects[1]?.identity ?? objects[0].identity;
    const partsOf = async (selector: RetrieveRequest['selector']) =>
      (await archive.ask(retrieve(selector))).parts();

    expect(await partsOf({ studyInstanceUid, seriesInstanceUid })).toHaveLength(2);
    const [one, ...others] = await partsOf({ studyInstanceUid, seriesInstanceUid, sopInstanceUid });
    expect(others).toEqual([]);
    expect(one?.body.equals(bytesOf(objects, 1))).toBe(true);
    const [other] = await storedStudy(1);
    for (const wrong of [
      { studyInstanceUid: newUid() },
      { studyInstanceUid, seriesInstanceUid: other.identity.seriesInstanceUid },
      { studyInstanceUid, seriesInstanceUid, sopInstanceUid: other.identity.sopInstanceUid },
      { studyInstanceUid, seriesInstanceUid: newUid(), sopInstanceUid },
    ]) {
      await expect(partsOf(wrong)).rejects.toThrow(NotFoundError);
    }
  });

  it('puts another boundary between objects each time', async () => {
    const objects = await storedStudy(1);
    const boundaryOf = async (): Promise<string | undefined> => {
      const answer = await archive.ask(retrieve(studyOf(objects[0].identity)));
      return /boundary="([^"]+)"/.exec(answer.header('content-type'))?.[1];
    };

    expect(await boundaryOf()).not.toBe(await boundaryOf());
  });

  it('gives one object without multipart around it, and only one', async () => {
    const objects = await storedStudy(2);
    const { identity, bytes } = objects[0];
    const { sopInstanceUid, ...series } = pathOf(identity);

    const answer = await archive.ask(
      retrieve({ ...series, sopInstanceUid }, { framing: 'single' }),
    );

    expect(answer.head).toEqual({
      status: 200,
      headers: {
        'content-type': 'application/dicom; transfer-syntax=1.2.840.10008.1.2.1',
        'content-length': String(bytes.length),
      },
    });
    expect(answer.body.equals(bytes)).toBe(true);
    await expect(archive.ask(retrieve(series, { framing: 'single' }))).rejects.toThrow(
      NotAcceptableError,
    );
  });

  it('transcodes nothing', async () => {
    const plain = await storedStudy(1);
    const jpeg = imageObject({
      ...{ transferSyntax: jpegBaseline, rows: 1, columns: 1 },
      pixelData: encapsulated([fragment(8, 1)]),
    });
    await archive.store(jpeg.file);
    const explicit = '1.2.840.10008.1.2.1';
    const typesOf = async (selector: RetrieveRequest['selector'], transferSyntax: string) =>
      (await archive.ask(retrieve(selector, { transferSyntax }))).parts().length;

    expect(await typesOf(studyOf(plain[0].identity), '*')).toBe(1);
    expect(await typesOf(studyOf(plain[0].identity), explicit)).toBe(1);
    expect(await typesOf(jpeg.selector, '*')).toBe(1);
    expect(await typesOf(jpeg.selector, jpegBaseline)).toBe(1);
    await expect(typesOf(jpeg.selector, explicit)).rejects.toThrow(NotAcceptableError);
    await expect(typesOf(studyOf(plain[0].identity), jpegBaseline)).rejects.toThrow(
      NotAcceptableError,
    );
    const study = jpeg.selector.studyInstanceUid;
    const mixed = imageObject({ rows: 1, columns: 1, study, pixelData: Buffer.alloc(0) });
    await archive.store(mixed.file);
    expect(await typesOf({ studyInstanceUid: study }, '*')).toBe(2);
    await expect(typesOf({ studyInstanceUid: study }, jpegBaseline)).rejects.toThrow(
      NotAcceptableError,
    );
    const [part] = (await archive.ask(retrieve(jpeg.selector))).parts();
    expect(part?.body.equals(jpeg.file)).toBe(true);
  });

  it('D41 waits for a client that is slow, and ends with one that goes', async () => {
    const object = generateMultiFrame({ frames: 8, rows: 512, columns: 512, random: Math.random });
    await archive.storeSources(object);
    const leaving = new AbortController();
    const [patient, gone] = [
      new CollectingSink({ chunksAtOnce: 2 }),
      new CollectingSink({ chunksAtOnce: 2 }),
    ];

    const served = archive.askInto(patient, retrieve(studyOf(object.identity)));
    const broken = archive.askInto(gone, retrieve(studyOf(object.identity)), leaving.signal);
    await expect.poll(() => gone.isAwaited).toBe(true);
    leaving.abort(new Error('the client has gone'));
    await expect(broken).rejects.toThrow('the client has gone');
    while (!patient.hasEnded) {
      await expect.poll(() => patient.isAwaited || patient.hasEnded).toBe(true);
      patient.take();
    }
    await served;

    expect(gone.chunks).toHaveLength(2);
    expect(gone.hasEnded).toBe(false);
    expect(patient.ignoredLimits).toBe(0);
    expect(Math.max(...patient.chunks.map(({ length }) => length))).toBeLessThanOrEqual(262_144);
    // Chunks are kept as they were given: none was written to afterwards.
    const [part] = patient.parts();
    const frames = Array.from({ length: 8 }, (_, frame) =>
      part?.body.readUInt32LE(part.body.length - (8 - frame) * 524_288),
    );
    expect(frames).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('can be read by a strict parser', async () => {
    const objects = await storedStudy(2);

    const answer = await archive.ask(retrieve(studyOf(objects[0].identity)));

    const found: boolean[] = [];
    const message = {
      contentType: answer.header('content-type'),
      maxParts: 2,
      async *body() {
        for (const chunk of answer.chunks) yield await Promise.resolve(Buffer.from(chunk));
      },
    };
    for await (const part of parseMultipartRelated({ ...message, body: message.body() })) {
      const chunks: Buffer[] = [];
      for await (const chunk of part.body) chunks.push(Buffer.from(chunk));
      found.push(Buffer.concat(chunks).equals(bytesOf(objects, found.length)));
    }
    expect(found).toEqual([true, true]);
  });
});

async function storedStudy(
  instances: number,
): Promise<readonly [GeneratedInstance, ...GeneratedInstance[]]> {
  const options = { instances, rows: 64, columns: 64, random: Math.random };
  const objects = [...generateStudy(options)] as [GeneratedInstance];
  await archive.store(...objects.map(({ bytes }) => bytes));
  return objects;
}

function retrieve(
  selector: RetrieveRequest['selector'],
  options: Partial<Pick<RetrieveRequest, 'framing' | 'transferSyntax'>> = {},
): RetrieveRequest {
  return { kind: 'retrieve', selector, framing: 'multipart', ...options };
}

function pathOf({ studyInstanceUid, seriesInstanceUid, sopInstanceUid }: InstanceIdentity) {
  return { studyInstanceUid, seriesInstanceUid, sopInstanceUid };
}

function studyOf({ studyInstanceUid }: InstanceIdentity): RetrieveRequest['selector'] {
  return { studyInstanceUid };
}

function bytesOf(objects: readonly GeneratedInstance[], index: number): Buffer {
  return objects[index]?.bytes ?? Buffer.alloc(0);
}
