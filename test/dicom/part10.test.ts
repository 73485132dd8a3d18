import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeFileHeader, encodeFileHeader } from '../../src/dicom/part10.ts';
import { hasSharedData, sharedFiles } from '../support/shared-data.ts';
import { aeTitle, uid } from '../support/uid.ts';

const facts = {
  sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
  sopInstanceUid: uid('1.2.3.45'),
  transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
  sourceAeTitle: aeTitle('CT1'),
  sendingAeTitle: aeTitle('CT10'),
  receivingAeTitle: aeTitle('DRAWBRIDGE'),
};
const dataSet = Buffer.from('080005004353', 'hex');
const file = (...parts: readonly Buffer[]): Buffer => Buffer.concat(parts);

describe('file header', () => {
  it('is a preamble, a prefix and group 0002 of the length it says', () => {
    const header = encodeFileHeader(facts);

    expect(header.subarray(0, 128).equals(Buffer.alloc(128))).toBe(true);
    expect(header.toString('latin1', 128, 132)).toBe('DICM');
    expect(header.subarray(132, 140).toString('hex')).toBe('02000000554c0400');
    expect(header.readUInt32LE(140)).toBe(header.length - 144);
    expect(header.subarray(144, 158).toString('hex')).toBe('020001004f4200000200' + '00000001');
  });

  it('is read back as it was written, whatever follows', () => {
    const component = fc.nat({ max: 99_999 });
    const anyUid = fc
      .array(component, { minLength: 1, maxLength: 9 })
      .map((components) => uid(['1', ...components].join('.')));
    const title = fc.stringMatching(/^[A-Z0-9_]{1,16}$/).map(aeTitle);
    fc.assert(
      fc.property(
        fc.record({
          ...{ sopClassUid: anyUid, sopInstanceUid: anyUid, transferSyntaxUid: anyUid },
          ...{ sourceAeTitle: title, sendingAeTitle: title, receivingAeTitle: title },
        }),
        fc.uint8Array(),
        (given, data) => {
          const header = encodeFileHeader(given);
          expect(decodeFileHeader(file(header, Buffer.from(data)))).toEqual({
            ...given,
            dataSetOffset: header.length,
          });
        },
      ),
    );
  });

  it('leaves out the AE titles it is not given', () => {
    const { sopClassUid, sopInstanceUid, transferSyntaxUid } = facts;
    const header = encodeFileHeader({ sopClassUid, sopInstanceUid, transferSyntaxUid });
    expect(decodeFileHeader(header)).toMatchObject({
      sourceAeTitle: undefined,
      receivingAeTitle: undefined,
      dataSetOffset: header.length,
    });
  });

  it('is not mistaken to go on where a deflated data set begins like group 0002', () => {
    const header = encodeFileHeader(facts);
    const deflated = Buffer.from('02001000ffffffff0000', 'hex');
    expect(decodeFileHeader(file(header, deflated))?.dataSetOffset).toBe(header.length);
  });

  const header = encodeFileHeader(facts);
  const wrongLength = Buffer.from(header);
  wrongLength.writeUInt32LE(7, 140);
  const longDataSet = Buffer.concat([dataSet, Buffer.alloc(20)]);

  it.each([
    ['without a preamble', header.subarray(128), 16],
    ['without preamble and prefix', header.subarray(132), 12],
    ['without a group length', file(header.subarray(0, 132), header.subarray(144)), 132],
    ['with a wrong group length', wrongLength, 144],
  ])('is read %s', (_, given) => {
    expect(decodeFileHeader(file(given, longDataSet))).toEqual({
      ...facts,
      dataSetOffset: given.length,
    });
  });

  it('is not read from bytes that end within it', () => {
    for (let length = 0; length < header.length; length += 1) {
      expect(decodeFileHeader(header.subarray(0, length))).toBeUndefined();
    }
  });

  it('B05 does not take for a UID what is none', () => {
    const spoilt = Buffer.from(header);
    spoilt.write('../', spoilt.indexOf('1.2.3.45'), 'latin1');
    expect(decodeFileHeader(file(spoilt, longDataSet))?.sopInstanceUid).toBeUndefined();
  });

  it('never throws, whatever it is given', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat({ max: 350 }), (noise, at) => {
        const bytes = Buffer.concat([header, longDataSet]);
        bytes.set(noise.subarray(0, Math.max(0, bytes.length - at)), at);
        expect(() => decodeFileHeader(bytes)).not.toThrow();
        expect(() => decodeFileHeader(Buffer.from(noise))).not.toThrow();
      }),
    );
  });

  it.skipIf(!hasSharedData)('is read from every valid sample file', () => {
    const files = sharedFiles().filter(({ valid }) => valid);
    expect(files.length).toBeGreaterThan(90);
    for (const { absolutePath, sopInstanceUid } of files) {
      const decoded = decodeFileHeader(readFileSync(absolutePath));
      expect(decoded?.sopInstanceUid).toBe(sopInstanceUid);
      expect(decoded?.transferSyntaxUid).toMatch(/^1\./);
    }
  });

  it
    .skipIf(!hasSharedData)
    .each([
      'zero-bytes',
      'no-file-meta',
      'no-preamble-dicm-in-data',
      'preamble-then-junk',
      'meta-without-transfer-syntax',
    ])('is not read from broken/%s.dcm', (name) => {
    const found = sharedFiles().find(({ path }) => path === `broken/${name}.dcm`);
    expect(decodeFileHeader(readFileSync(found?.absolutePath ?? ''))).toBeUndefined();
  });
});
