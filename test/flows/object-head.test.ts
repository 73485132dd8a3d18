import { buffer } from 'node:stream/consumers';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeFileHeader } from '../../src/dicom/part10.ts';
import {
  dataSetEncodingOf,
  deflatedExplicitVrLittleEndian,
  explicitVrBigEndian,
  explicitVrLittleEndian,
  implicitVrLittleEndian,
} from '../../src/dicom/transfer-syntax.ts';
import { ObjectUnreadableError } from '../../src/errors/object-errors.ts';
import { readObjectHead, unambiguous } from '../../src/flows/object-head.ts';
import { explicitElement } from '../support/data-set.ts';
import { buildPart10, newUid } from '../support/dicom-object.ts';
import { inChunks } from '../support/multipart-body.ts';

const sopClassUid = '1.2.840.10008.5.1.4.1.1.7';
const identity = () => ({ study: newUid(), series: newUid(), sop: newUid() });

/** Group 0002 and before, and what follows it. */
function split(file: Buffer): readonly [Buffer, Buffer] {
  const at = decodeFileHeader(file)?.dataSetOffset ?? 0;
  return [file.subarray(0, at), file.subarray(at)];
}

function deflatedObject(options: { study: string; series: string; sop: string }, more = 2): Buffer {
  const plain = buildPart10({
    ...options,
    transferSyntax: deflatedExplicitVrLittleEndian,
    pixelBytes: more,
  });
  const [start, dataSet] = split(plain);
  return Buffer.concat([start, deflateRawSync(dataSet)]);
}

/** UIDs in Explicit VR Big Endian behind a group 0002 that says so. */
function bigEndianObject({ study, series, sop }: ReturnType<typeof identity>): Buffer {
  const [start] = split(buildPart10({ sop, transferSyntax: explicitVrBigEndian }));
  const element = (group: number, number: number, value: string): Buffer => {
    const text = Buffer.from(value.length % 2 === 0 ? value : `${value}\0`);
    const head = Buffer.alloc(8);
    head.writeUInt16BE(group, 0);
    head.writeUInt16BE(number, 2);
    head.write('UI', 4);
    head.writeUInt16BE(text.length, 6);
    return Buffer.concat([head, text]);
  };
  return Buffer.concat([
    start,
    element(0x0008, 0x0016, sopClassUid),
    element(0x0008, 0x0018, sop),
    element(0x0020, 0x000d, study),
    element(0x0020, 0x000e, series),
  ]);
}

/** An object whose Study Instance UID stands behind so many bytes of references. */
function lateStudy(options: ReturnType<typeof identity>, bytes: number): Buffer {
  const [start, dataSet] = split(buildPart10(options));
  const patient = dataSet.indexOf(Buffer.from([0x10, 0x00, 0x10, 0x00]));
  const references = explicitElement(0x00081115, 'UN', Buffer.alloc(bytes));
  return Buffer.concat([
    start,
    dataSet.subarray(0, patient),
    references,
    dataSet.subarray(patient),
  ]);
}

describe('the head of an object that arrives', () => {
  it.each([
    ['Explicit VR Little Endian', explicitVrLittleEndian],
    ['Implicit VR Little Endian', implicitVrLittleEndian],
    ['a private transfer syntax', '1.2.3.4.5'],
  ])('tells which instance it is, and nothing of it is lost: %s', async (_, transferSyntax) => {
    const uids = identity();
    const file = buildPart10({ ...uids, transferSyntax, pixelBytes: 100_000 });

    for (const chunkBytes of [1, 777, 65_536, file.length]) {
      const head = await readObjectHead(inChunks(file, chunkBytes));

      expect(head.identity).toEqual({
        sopClassUid,
        sopInstanceUid: uids.sop,
        studyInstanceUid: uids.study,
        seriesInstanceUid: uids.series,
      });
      const whole = Buffer.concat([head.start, await buffer(head.dataSet)]);
      expect(whole.equals(file)).toBe(true);
    }
  });

  it('B13 is read in Explicit VR Big Endian', async () => {
    const uids = identity();
    const file = bigEndianObject(uids);

    const head = await readObjectHead(inChunks(file));

    expect(head.identity).toMatchObject({
      sopInstanceUid: uids.sop,
      studyInstanceUid: uids.study,
      seriesInstanceUid: uids.series,
    });
    expect((await buffer(head.dataSet)).equals(split(file)[1])).toBe(true);
  });

  it.each([2, 5_000_000])(
    'B12 is read in a deflated data set that goes on as it came: %i bytes inflated',
    async (pixelBytes) => {
      const uids = identity();
      const file = deflatedObject(uids, pixelBytes);

      const head = await readObjectHead(inChunks(file, 1_000));

      expect(head.identity).toMatchObject({
        sopInstanceUid: uids.sop,
        studyInstanceUid: uids.study,
      });
      expect((await buffer(head.dataSet)).equals(split(file)[1])).toBe(true);
    },
  );

  it('B12 of a bomb is not found, and costs no more than a megabyte', async () => {
    const [start, dataSet] = split(buildPart10({ transferSyntax: deflatedExplicitVrLittleEndian }));
    const zeros = explicitElement(0x00080001, 'UN', Buffer.alloc(8 * 1024 * 1024));
    const bomb = Buffer.concat([start, deflateRawSync(Buffer.concat([zeros, dataSet]))]);

    const { identity: found } = await readObjectHead(inChunks(bomb));

    expect(found).toEqual({});
  });

  it('is found behind the references of a segmentation with a thousand slices', async () => {
    const uids = identity();
    const file = lateStudy(uids, 300_000);

    const head = await readObjectHead(inChunks(file));

    expect(head.identity.studyInstanceUid).toBe(uids.study);
    expect(Buffer.concat([head.start, await buffer(head.dataSet)]).equals(file)).toBe(true);
  });

  it('is not looked for further than a megabyte', async () => {
    const uids = identity();
    let chunks = 0;
    async function* counted(): AsyncGenerator<Buffer> {
      for await (const chunk of inChunks(lateStudy(uids, 3_000_000))) {
        chunks += 1;
        yield chunk;
      }
    }

    const { identity: found } = await readObjectHead(counted());

    expect(found).toEqual({ sopClassUid, sopInstanceUid: uids.sop });
    expect(chunks).toBeLessThan(20);
  });

  it('is what the data set says, whatever group 0002 does', async () => {
    const uids = identity();
    const [start] = split(buildPart10());
    const [, dataSet] = split(buildPart10(uids));

    const head = await readObjectHead(inChunks(Buffer.concat([start, dataSet])));

    expect(head.identity.sopInstanceUid).toBe(uids.sop);
    expect(head.header.sopInstanceUid).not.toBe(uids.sop);
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['text', Buffer.from('<html>'.repeat(1_000))],
    ['a data set that cannot be followed', () => split(buildPart10())[0]],
    ['what was deflated by nobody', () => split(deflatedObject(identity()))[0]],
  ])('is none of %s', async (_, given) => {
    const bytes =
      typeof given === 'function' ? Buffer.concat([given(), Buffer.alloc(500, 0xff)]) : given;

    await expect(readObjectHead(inChunks(bytes))).rejects.toThrow(ObjectUnreadableError);
  });
});

describe('a data set that has to be unambiguous', () => {
  const encoding = dataSetEncodingOf(explicitVrLittleEndian);

  it('goes on as it came', async () => {
    const [, dataSet] = split(buildPart10({ pixelBytes: 200_000 }));

    const passed = await buffer(unambiguous(inChunks(dataSet), encoding));

    expect(passed.equals(dataSet)).toBe(true);
  });

  it('breaks off where a second Study Instance UID stands', async () => {
    const [, dataSet] = split(buildPart10({ pixelBytes: 200_000 }));
    const second = explicitElement(0x0020000d, 'UI', '1.2.3.4\0');

    const passing = buffer(unambiguous(inChunks(Buffer.concat([dataSet, second])), encoding));

    await expect(passing).rejects.toThrow(ObjectUnreadableError);
  });
});
