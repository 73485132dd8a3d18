import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { DataSetWalker } from '../../src/dicom/data-set-walker.ts';
import { dataSetEncodingOf } from '../../src/dicom/transfer-syntax.ts';
import { decodeFileHeader } from '../../src/dicom/part10.ts';
import { ObjectUnreadableError } from '../../src/errors/object-errors.ts';
import {
  delimiter,
  explicitElement,
  implicitElement,
  item,
  itemEnd,
  openSequence,
  sequenceEnd,
} from '../support/data-set.ts';
import { hasSharedData, sharedFiles } from '../support/shared-data.ts';

const explicitLe = { explicitVr: true, bigEndian: false };
const implicitLe = { explicitVr: false, bigEndian: false };
const wanted = new Set([0x00080018, 0x0020000d]);

const sop = explicitElement(0x00080018, 'UI', '1.2.3\0');
const study = explicitElement(0x0020000d, 'UI', '1.2\0');
const nestedSop = Buffer.concat([
  openSequence(0x00081115, 'SQ'),
  delimiter(item, 0xffffffff),
  explicitElement(0x00080018, 'UI', '9.9.9\0'),
  delimiter(itemEnd, 0),
  delimiter(item, sop.length, sop),
  delimiter(sequenceEnd, 0),
]);
const encapsulated = Buffer.concat([
  openSequence(0x7fe00010, 'OB'),
  delimiter(item, 0),
  delimiter(item, 4, Buffer.from('abcd')),
  delimiter(sequenceEnd, 0),
]);
const whole = Buffer.concat([sop, nestedSop, study, encapsulated]);

function walk(bytes: Buffer, encoding = explicitLe): DataSetWalker {
  const walker = new DataSetWalker(encoding, wanted);
  walker.push(bytes);
  walker.end();
  return walker;
}

describe('DataSetWalker', () => {
  it('finds top-level values and ignores those of nested items', () => {
    const walker = walk(whole);

    expect(walker.value(0x00080018)?.toString()).toBe('1.2.3\0');
    expect(walker.value(0x0020000d)?.toString()).toBe('1.2\0');
  });

  it('finds the same however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: whole.length })), (cuts) => {
        const walker = new DataSetWalker(explicitLe, wanted);
        let from = 0;
        for (const to of [...cuts, whole.length].sort((a, b) => a - b)) {
          walker.push(whole.subarray(from, to));
          from = to;
        }
        walker.end();
        expect(walker.value(0x00080018)?.toString()).toBe('1.2.3\0');
        expect(walker.value(0x0020000d)?.toString()).toBe('1.2\0');
      }),
    );
  });

  it('B16 refuses a data set cut anywhere but between top-level elements', () => {
    const boundaries = new Set([
      sop.length,
      sop.length + nestedSop.length,
      sop.length + nestedSop.length + study.length,
      whole.length,
    ]);

    for (let length = 0; length <= whole.length; length += 1) {
      const cut = (): DataSetWalker => walk(whole.subarray(0, length));
      if (boundaries.has(length)) expect(cut, `cut at ${length}`).not.toThrow();
      else expect(cut, `cut at ${length}`).toThrow(ObjectUnreadableError);
    }
  });

  it('B11 does not find identifiers when Explicit bytes come as Implicit and the reverse', () => {
    const implicit = Buffer.concat([
      implicitElement(0x00080018, '1.2.3\0'),
      implicitElement(0x0020000d, '1.2\0'),
    ]);

    expect(() => walk(Buffer.concat([sop, study]), implicitLe)).toThrow(ObjectUnreadableError);
    expect(() => walk(implicit, explicitLe)).toThrow(ObjectUnreadableError);
    expect(walk(implicit, implicitLe).value(0x0020000d)?.toString()).toBe('1.2\0');
  });

  it('follows a sequence of VR UN in Implicit VR, and in the Explicit VR some devices write', () => {
    const inImplicit = Buffer.concat([
      openSequence(0x00091001, 'UN'),
      delimiter(item, 0xffffffff),
      implicitElement(0x00091002, 'abcd'),
      delimiter(itemEnd, 0),
      delimiter(sequenceEnd, 0),
    ]);
    const inExplicit = Buffer.concat([
      openSequence(0x00091001, 'UN'),
      delimiter(item, 0xffffffff),
      explicitElement(0x00091002, 'LO', 'abcd'),
      delimiter(itemEnd, 0),
      delimiter(sequenceEnd, 0),
    ]);

    for (const sequence of [inImplicit, inExplicit]) {
      expect(
        walk(Buffer.concat([sequence, study]))
          .value(0x0020000d)
          ?.toString(),
      ).toBe('1.2\0');
    }
  });

  it('reads Explicit VR Big Endian', () => {
    const swapped = Buffer.from(study);
    swapped.subarray(0, 2).swap16();
    swapped.subarray(2, 4).swap16();
    swapped.subarray(6, 8).swap16();

    const walker = walk(swapped, { explicitVr: true, bigEndian: true });

    expect(walker.value(0x0020000d)?.toString()).toBe('1.2\0');
  });

  it('refuses an identifier that comes twice: two readers could take two different ones', () => {
    expect(() => walk(Buffer.concat([sop, sop]))).toThrow(/twice/);
  });

  it.each([
    ['a delimiter at top level', delimiter(sequenceEnd, 0)],
    ['an item at top level', delimiter(item, 0)],
    ['an element between items', Buffer.concat([openSequence(0x00081115, 'SQ'), sop])],
    ['no letters for a value representation', Buffer.from('0800180000000600312e322e3300', 'hex')],
  ])('refuses %s', (_what, bytes) => {
    expect(() => walk(bytes)).toThrow(ObjectUnreadableError);
  });

  it('bounds the nesting a hostile peer can open', () => {
    const level = Buffer.concat([openSequence(0x00081115, 'SQ'), delimiter(item, 0xffffffff)]);
    const walker = new DataSetWalker(explicitLe, wanted);

    expect(() => {
      for (let depth = 0; depth < 10_000; depth += 1) walker.push(level);
    }).toThrow(/deep/);
  });

  it('keeps at most 256 bytes of a value', () => {
    const long = explicitElement(0x00080018, 'UN', Buffer.alloc(100_000, '1'));

    expect(walk(long).value(0x00080018)).toHaveLength(256);
  });

  it.skipIf(!hasSharedData)('follows every valid sample file to its end', () => {
    const walked = sharedFiles()
      .filter(({ valid }) => valid)
      .map(({ absolutePath, path, sopInstanceUid }) => {
        const bytes = readFileSync(absolutePath);
        const header = decodeFileHeader(bytes);
        if (header === undefined) throw new Error(`${path} has no header`);
        const encoding = dataSetEncodingOf(header.transferSyntaxUid);
        if (encoding.deflated) return sopInstanceUid;
        const walker = walk(bytes.subarray(header.dataSetOffset), encoding);
        return walker.value(0x00080018)?.toString('latin1').replace(/\0$/, '');
      });

    expect(walked).toEqual(
      sharedFiles()
        .filter(({ valid }) => valid)
        .map((f) => f.sopInstanceUid),
    );
    expect(walked.length).toBeGreaterThan(90);
  });

  it.skipIf(!hasSharedData).each(['truncated-in-sequence.dcm', 'truncated-pixel-data.dcm'])(
    'B16 refuses broken/%s',
    (name) => {
      const file = sharedFiles().find(({ path }) => path === `broken/${name}`);
      const bytes = readFileSync(file?.absolutePath ?? '');
      const header = decodeFileHeader(bytes);
      if (header === undefined) throw new Error('no header');

      expect(() =>
        walk(bytes.subarray(header.dataSetOffset), dataSetEncodingOf(header.transferSyntaxUid)),
      ).toThrow(ObjectUnreadableError);
    },
  );
});
