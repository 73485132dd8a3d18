import { open, readFile } from 'node:fs/promises';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { element, elementHead, itemHead } from '../../../src/cli/demo/data-element.ts';
import { generateEncapsulated, generateMultiFrame } from '../../../src/cli/demo/generate-large.ts';
import { fileHeader } from '../../../src/cli/demo/generate-study.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import {
  deflatedExplicitVrLittleEndian,
  explicitVrBigEndian,
} from '../../../src/dicom/transfer-syntax.ts';
import { NotFoundError, OriginAnswerError } from '../../../src/errors/origin-errors.ts';
import { NotAcceptableError } from '../../../src/errors/request-errors.ts';
import type { FramesRequest, InstancePath } from '../../../src/translate/dicomweb-request.ts';
import { CollectingSink } from '../../support/collecting-sink.ts';
import { hasSharedData, sharedFiles } from '../../support/shared-data.ts';
import { ArchiveUnderTest, publicRoot } from './archive-under-test.ts';
import { encapsulated, fragment, imageObject, jpegBaseline, jpegLs } from './image-object.ts';
import type { ImageObject } from './image-object.ts';

let archive: ArchiveUnderTest;

beforeEach(async () => {
  archive = await ArchiveUnderTest.create();
});

afterEach(() => archive.close());

describe('frames that are not compressed', () => {
  it('go one by one, as parts in the order asked for', async () => {
    const pixels = fragment(6 * 6 * 2 * 3, 1);
    const image = await stored({ rows: 6, columns: 6, frames: 3, pixelData: words(pixels) });

    const answer = await archive.ask(frames(image, [3, 1]));

    expect(answer.head?.status).toBe(200);
    expect(answer.header('content-type')).toMatch(
      /^multipart\/related; type="application\/octet-stream"; boundary="[0-9a-f-]{36}"$/,
    );
    expect(answer.header('content-length')).toBe(String(answer.body.length));
    expect(answer.parts().map(({ body }) => body)).toEqual([
      pixels.subarray(144, 216),
      pixels.subarray(0, 72),
    ]);
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = image.selector;
    expect(answer.parts()[0]?.headers.split('\r\n')).toEqual([
      'Content-Type: application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1',
      `Content-Location: ${publicRoot}/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}/frames/3`,
    ]);
  });

  it.each([
    ['colour', { samples: 3, bits: 8, photometric: 'RGB' }, 27],
    ['shared colour', { samples: 3, bits: 8, photometric: 'YBR_FULL_422' }, 18],
    ['words of four bytes', { samples: 1, bits: 32 }, 36],
  ])('are cut where %s ends', async (_, description, frameBytes) => {
    const pixels = fragment(frameBytes * 2, 3);
    const image = await stored({
      ...{ rows: 3, columns: 3, frames: 2, ...description },
      pixelData: words(pixels),
    });

    const [part] = (await archive.ask(frames(image, [2]))).parts();

    expect(part?.body).toEqual(pixels.subarray(frameBytes));
  });

  it('of one bit a pixel begin at a byte of their own', async () => {
    // Three frames of 3 × 3 pixels: 27 bits without a gap, the first in the lowest bit.
    const bits = '101010101' + '110011001' + '000111000' + '00000';
    const bytes = Buffer.from(
      bits.match(/.{8}/g)?.map((byte) => Number.parseInt(Array.from(byte).reverse().join(''), 2)) ??
        [],
    );
    const image = await stored({
      rows: 3,
      columns: 3,
      bits: 1,
      frames: 3,
      pixelData: words(bytes),
    });

    const answer = await archive.ask(frames(image, [1, 2, 3]));

    // What is left of the second byte belongs to nobody.
    const pixels = answer.parts().map(({ body }) => [...body].map(lowestFirst).join(''));
    expect(pixels).toEqual(
      ['101010101', '110011001', '000111000'].map((own) => own.padEnd(16, '0')),
    );
  });

  it('are to be had under every name of what they are', async () => {
    const image = await stored({ rows: 2, columns: 2, pixelData: words(fragment(8, 1)) });

    for (const transferSyntax of ['*', '1.2.840.10008.1.2', '1.2.840.10008.1.2.1', undefined]) {
      const answer = await archive.ask(frames(image, [1], { transferSyntax }));
      expect(answer.parts()[0]?.body).toEqual(fragment(8, 1));
    }
  });

  it('are not compressed for anybody', async () => {
    const image = await stored({ rows: 2, columns: 2, pixelData: words(fragment(8, 1)) });

    for (const form of [
      { mediaType: 'image/jpeg' },
      { mediaType: 'image/jpeg', transferSyntax: '*' },
      { transferSyntax: jpegLs },
    ]) {
      await expect(archive.ask(frames(image, [1], form))).rejects.toThrow(NotAcceptableError);
    }
  });

  it.each([4, 100_000_000])('do not include number %i of three', async (number) => {
    const image = await stored({
      rows: 2,
      columns: 2,
      frames: 3,
      pixelData: words(fragment(24, 1)),
    });

    await expect(archive.ask(frames(image, [1, number]))).rejects.toThrow(NotFoundError);
  });

  it('do not include what the object does not call a frame', async () => {
    const image = await stored({ rows: 2, columns: 2, pixelData: words(fragment(24, 1)) });

    expect((await archive.ask(frames(image, [1]))).parts()).toHaveLength(1);
    await expect(archive.ask(frames(image, [2]))).rejects.toThrow(NotFoundError);
  });

  it('do not include one that is not there although the object says so', async () => {
    const image = await stored({
      rows: 2,
      columns: 2,
      frames: 3,
      pixelData: words(fragment(16, 1)),
    });

    expect((await archive.ask(frames(image, [2]))).parts()).toHaveLength(1);
    await expect(archive.ask(frames(image, [3]))).rejects.toThrow(NotFoundError);
  });

  it('come out of a deflated object', async () => {
    const pixels = fragment(64 * 64 * 2 * 40, 5);
    const plain = imageObject({ rows: 64, columns: 64, frames: 40, pixelData: words(pixels) });
    const start = decodeFileHeader(plain.file)?.dataSetOffset ?? 0;
    const identity = { ...plain.selector, sopClassUid: decodeFileHeader(plain.file)?.sopClassUid };
    const file = Buffer.concat([
      fileHeader(identity as Parameters<typeof fileHeader>[0], deflatedExplicitVrLittleEndian),
      deflateRawSync(plain.file.subarray(start)),
    ]);
    await archive.store(file);

    const answer = await archive.ask(frames(plain, [40, 2]));

    expect(answer.parts().map(({ body }) => body)).toEqual([
      pixels.subarray(39 * 8192),
      pixels.subarray(8192, 16_384),
    ]);
  });
});

describe('compressed frames', () => {
  const pieces = [
    fragment(30, 1, 'ffd8ff'),
    fragment(20, 2),
    fragment(40, 3, 'ffd8ff'),
    fragment(10, 4, 'ffd8ff'),
    fragment(50, 5),
  ];
  const whole = [
    Buffer.concat(pieces.slice(0, 2)),
    pieces[2],
    Buffer.concat(pieces.slice(3)),
  ] as const;

  it.each([
    ['by the Basic Offset Table', [0, 66, 114]],
    ['by how they begin, without a table', []],
    ['by how they begin, with a table that is none', [0]],
  ])('are found %s', async (_, offsets) => {
    const pixelData = encapsulated(pieces, offsets);
    const image = await stored({ ...small, frames: 3, pixelData });

    const answer = await archive.ask(frames(image, [1, 2, 3], asStored));

    expect(answer.parts().map(({ body }) => body)).toEqual(whole);
  });

  it('are found by the Basic Offset Table alone where nothing else shows', async () => {
    const nameless = [fragment(30, 1), fragment(20, 2), fragment(40, 3)];
    const image = await stored({ ...small, frames: 2, pixelData: encapsulated(nameless, [0, 66]) });

    const answer = await archive.ask(frames(image, [2, 1], asStored));

    expect(answer.parts().map(({ body }) => body)).toEqual([
      nameless[2],
      Buffer.concat(nameless.slice(0, 2)),
    ]);
  });

  it('are found by the Extended Offset Table, whatever their order', async () => {
    const nameless = [fragment(30, 1), fragment(20, 2)];
    const table = Buffer.alloc(16);
    table.writeBigUInt64LE(38n, 0);
    const lengths = Buffer.alloc(16);
    const more = [
      Buffer.concat([elementHead('7FE00001', 'UT', 16), table]),
      Buffer.concat([elementHead('7FE00002', 'UT', 16), lengths]),
    ].map(asOv);
    const image = await stored({ ...small, frames: 2, more, pixelData: encapsulated(nameless) });

    const answer = await archive.ask(frames(image, [2, 1], asStored));

    expect(answer.parts().map(({ body }) => body)).toEqual(nameless);
  });

  it('are one a fragment, where there are as many', async () => {
    const nameless = [fragment(30, 1), fragment(20, 2)];
    const image = await stored({ ...small, frames: 2, pixelData: encapsulated(nameless) });

    const [part] = (await archive.ask(frames(image, [2], asStored))).parts();

    expect(part?.body).toEqual(nameless[1]);
  });

  it('are all there is, where there is but one', async () => {
    const nameless = [fragment(30, 1), fragment(20, 2, 'ffd8ff'), fragment(8, 3)];
    const image = await stored({ ...small, pixelData: encapsulated(nameless) });

    const [part] = (await archive.ask(frames(image, [1], asStored))).parts();

    expect(part?.body).toEqual(Buffer.concat(nameless));
  });

  it('that nobody can tell apart are not to be had', async () => {
    const nameless = [fragment(30, 1), fragment(20, 2), fragment(8, 3)];
    const image = await stored({ ...small, frames: 2, pixelData: encapsulated(nameless) });

    await expect(archive.ask(frames(image, [1], asStored))).rejects.toThrow(/told apart/);
  });

  it('go under their own media type to who takes any transfer syntax', async () => {
    const image = await stored({ ...small, pixelData: encapsulated([fragment(8, 1)]) });

    for (const form of [
      asStored,
      { mediaType: 'image/jpeg' },
      { mediaType: 'image/jpeg', transferSyntax: jpegBaseline },
      { mediaType: 'image/jpeg', transferSyntax: '*' },
      { transferSyntax: jpegBaseline },
    ]) {
      const answer = await archive.ask(frames(image, [1], form));
      expect(answer.header('content-type')).toMatch(/^multipart\/related; type="image\/jpeg";/);
      expect(answer.parts()[0]?.headers).toContain(
        `Content-Type: image/jpeg; transfer-syntax=${jpegBaseline}\r\n`,
      );
    }
  });

  it('are not decoded for anybody, and the refusal says how they can be had', async () => {
    const image = await stored({ ...small, pixelData: encapsulated([fragment(8, 1)]) });

    for (const form of [
      { transferSyntax: undefined },
      { transferSyntax: '1.2.840.10008.1.2.1' },
      { mediaType: 'image/jls', transferSyntax: '*' },
      { mediaType: 'image/jpeg', transferSyntax: '1.2.840.10008.1.2.4.70' },
    ]) {
      const refusal = archive.ask(frames(image, [1], form));
      await expect(refusal).rejects.toThrow(NotAcceptableError);
      await expect(refusal).rejects.toThrow(`image/jpeg; transfer-syntax=${jpegBaseline}`);
    }
  });

  it('beyond the last are not there, whatever form they are asked for in', async () => {
    const image = await stored({
      ...small,
      frames: 2,
      pixelData: encapsulated(pieces.slice(0, 2)),
    });

    await expect(archive.ask(frames(image, [3], asStored))).rejects.toThrow(NotFoundError);
    await expect(archive.ask(frames(image, [3]))).rejects.toThrow(NotFoundError);
  });

  it('B16 with a table that leads astray are refused, whatever it says', async () => {
    for (const offsets of [
      [4, 38],
      [0, 0xfffffff0],
      [0, 40],
      [0xffffffff, 0xffffffff],
    ]) {
      const image = await stored({ ...small, frames: 2, pixelData: encapsulated(pieces, offsets) });
      await expect(archive.ask(frames(image, [1, 2], asStored))).rejects.toThrow(OriginAnswerError);
    }
  });

  it.each([
    ['without a table', []],
    ['with one', [asOv(Buffer.concat([elementHead('7FE00001', 'UT', 8), Buffer.alloc(8)]))]],
  ])('D42 that were cut off are refused before anything is sent, %s', async (_, more) => {
    const image = imageObject({ ...small, more, pixelData: encapsulated([fragment(300_000, 1)]) });
    await archive.store(image.file.subarray(0, -1000));
    const sink = new CollectingSink();

    await expect(archive.askInto(sink, frames(image, [1], asStored))).rejects.toThrow(
      OriginAnswerError,
    );
    expect(sink.head).toBeUndefined();
  });

  it('B16 with fragments without end are given up', async () => {
    const empty = Buffer.concat(Array<Buffer>(140_000).fill(encapsulated([]).subarray(12, 20)));
    const pixelData = encapsulated([Buffer.alloc(0)]);
    const image = await stored({
      ...{ ...small, frames: 2 },
      pixelData: Buffer.concat([pixelData.subarray(0, -8), empty, pixelData.subarray(-8)]),
    });

    await expect(archive.ask(frames(image, [1], asStored))).rejects.toThrow('too many fragments');
  });
});

describe('any frames', () => {
  it('carry a validator that changes when the object is replaced', async () => {
    const image = await stored({ rows: 2, columns: 2, pixelData: words(fragment(8, 1)) });
    const first = (await archive.ask(frames(image, [1]))).header('etag');
    const again = (await archive.ask(frames(image, [1]))).header('etag');

    await archive.store(image.file);
    const replaced = (await archive.ask(frames(image, [1]))).header('etag');

    expect(first).toMatch(/^W\/"[\x21\x23-\x7e]+"$/);
    expect(again).toBe(first);
    expect(replaced).not.toBe(first);
  });

  it('are not there where there are no pixel data', async () => {
    const image = await stored({ rows: 2, columns: 2, pixelData: element('00400280', 'ST', 'x') });

    await expect(archive.ask(frames(image, [1]))).rejects.toThrow(NotFoundError);
  });

  it('are not there under a series or study they do not belong to', async () => {
    const image = await stored({ rows: 2, columns: 2, pixelData: words(fragment(8, 1)) });
    const other = await stored({ rows: 2, columns: 2, pixelData: words(fragment(8, 2)) });

    for (const wrong of [
      { studyInstanceUid: other.selector.studyInstanceUid },
      { seriesInstanceUid: other.selector.seriesInstanceUid },
      { sopInstanceUid: other.selector.sopInstanceUid },
    ]) {
      const selector = { ...image.selector, ...wrong };
      await expect(archive.ask(frames({ selector }, [1]))).rejects.toThrow(NotFoundError);
    }
  });

  it('are found without reading what else the object holds', async () => {
    const item = Buffer.concat(
      Array<Buffer>(50_000).fill(element('00400007', 'LO', 'x'.repeat(60))),
    );
    const more = [
      Buffer.concat([
        elementHead('00400275', 'SQ', item.length + 8),
        itemHead('FFFEE000', item.length),
        item,
      ]),
    ];
    const image = await stored({ rows: 2, columns: 2, more, pixelData: words(fragment(8, 1)) });
    const counted = await countReads();

    await archive.ask(frames(image, [1]));
    const bytes = counted.bytes();
    counted.stop();

    expect(item.length).toBeGreaterThan(3_000_000);
    expect(bytes).toBeLessThan(200_000);
  });

  it('of a long object are read where they lie, and nothing else', async () => {
    const plain = generateMultiFrame({ frames: 60, rows: 512, columns: 512, random: Math.random });
    const video = generateEncapsulated({
      fragments: 60,
      fragmentBytes: 524_288,
      random: Math.random,
    });
    await archive.storeSources(plain, video);
    const counted = await countReads();

    const [frame] = (await archive.ask(frames({ selector: pathOf(plain.identity) }, [60]))).parts();
    const bytesForOne = counted.bytes();
    const whole = await archive.ask(frames({ selector: pathOf(video.identity) }, [1], asStored));
    const bytesForAll = counted.bytes() - bytesForOne;
    counted.stop();

    expect(frame?.body.readUInt32LE(0)).toBe(59);
    expect(bytesForOne).toBeLessThan(524_288 + 300_000);
    expect(whole.parts()[0]?.body.length).toBe(60 * 524_288);
    expect(bytesForAll).toBeLessThan(60 * 524_288 + 300_000);
  });
});

describe.skipIf(!hasSharedData)('frames of real files (../shared/data)', () => {
  const named = (name: string) => {
    const file = sharedFiles().find(({ path }) => path === `objects/${name}.dcm`);
    if (file === undefined) throw new Error(`no ${name}`);
    return file;
  };

  it('are the same bytes from every plain transfer syntax', async () => {
    const names = ['ct-explicit-le', 'ct-implicit-le', 'ct-deflated', 'ct-explicit-be'];
    const found: Buffer[] = [];
    for (const name of names) {
      const { absolutePath } = named(name);
      await archive.store(await readFile(absolutePath));
    }
    for (const name of names) {
      const selector = await find(named(name).sopInstanceUid);
      const [part] = (await archive.ask(frames({ selector }, [1]))).parts();
      found.push(part?.body ?? Buffer.alloc(0));
    }

    const file = await readFile(named('ct-explicit-le').absolutePath);
    const expected = file.subarray(file.length - 524_288);
    expect(found.map((bytes) => bytes.equals(expected))).toEqual([true, true, true, true]);
  });

  it('come out of fragments without a table', async () => {
    const { absolutePath, sopInstanceUid } = named('enhanced-ct-mf-jpegls-fragmented');
    await archive.store(await readFile(absolutePath));
    const selector = await find(sopInstanceUid);

    const answer = await archive.ask(frames({ selector }, [1, 2], asStored));

    // SOI at the beginning, EOI at the end, perhaps padded (ISO/IEC 14495-1).
    for (const { body } of answer.parts()) {
      expect(body.toString('hex', 0, 4)).toBe('ffd8fff7');
      expect(body.toString('hex').replace(/(?:00)+$/, '')).toMatch(/ffd9$/);
    }
    expect(answer.parts()).toHaveLength(2);
  });

  it('refuses Big Endian words that it cannot tell apart', async () => {
    const { absolutePath, sopInstanceUid } = named('ct-explicit-be');
    const file = await readFile(absolutePath);
    // Bits Allocated 16 → 32: nobody knows then what the words are.
    const bits = file.indexOf(Buffer.from('00280100555300020010', 'hex'));
    file.writeUInt16BE(32, bits + 8);
    file.writeUInt16BE(256, file.indexOf(Buffer.from('0028001055530002', 'hex')) + 8);
    await archive.store(file);
    const selector = await find(sopInstanceUid);

    await expect(archive.ask(frames({ selector }, [1]))).rejects.toThrow(NotAcceptableError);
    expect(decodeFileHeader(file)?.transferSyntaxUid).toBe(explicitVrBigEndian);
  });
});

const small = { transferSyntax: jpegBaseline, rows: 4, columns: 4, bits: 8 };
const asStored = { transferSyntax: '*' };

async function stored(options: Parameters<typeof imageObject>[0]): Promise<ImageObject> {
  const image = imageObject(options);
  await archive.store(image.file);
  return image;
}

function frames(
  { selector }: { readonly selector: InstancePath },
  numbers: readonly number[],
  {
    mediaType = 'application/octet-stream',
    transferSyntax,
  }: { readonly mediaType?: string; readonly transferSyntax?: string | undefined } = {},
): FramesRequest {
  return {
    kind: 'frames',
    selector,
    frames: numbers,
    mediaType,
    ...(transferSyntax !== undefined && { transferSyntax }),
  };
}

function words(pixels: Buffer): Buffer {
  return Buffer.concat([elementHead('7FE00010', 'OW', pixels.length), pixels]);
}

/** An element of the demonstration's builder, with a value representation it does not know. */
function asOv(bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  changed.write('OV', 4, 'latin1');
  return changed;
}

function lowestFirst(byte: number): string {
  return Array.from(byte.toString(2).padStart(8, '0')).reverse().join('');
}

function pathOf({
  studyInstanceUid,
  seriesInstanceUid,
  sopInstanceUid,
}: InstancePath): InstancePath {
  return { studyInstanceUid, seriesInstanceUid, sopInstanceUid };
}

async function find(sopInstanceUid: string): Promise<InstancePath> {
  const [found] = await archive.search({
    level: 'instance',
    match: { '00080018': sopInstanceUid },
  });
  const value = (tag: string): unknown => found?.[tag]?.Value?.[0];
  return {
    studyInstanceUid: value('0020000D'),
    seriesInstanceUid: value('0020000E'),
    sopInstanceUid: value('00080018'),
  } as InstancePath;
}

/** Counts the bytes that every open file is asked for. */
async function countReads(): Promise<{ readonly bytes: () => number; readonly stop: () => void }> {
  const probe = await open('/dev/null');
  const prototype = Object.getPrototypeOf(probe) as {
    read: (...args: unknown[]) => Promise<unknown>;
  };
  await probe.close();
  const original = prototype.read;
  let bytes = 0;
  prototype.read = function (...args: unknown[]) {
    bytes += args[2] as number;
    return original.apply(this, args);
  };
  return {
    bytes: () => bytes,
    stop: () => {
      prototype.read = original;
    },
  };
}
