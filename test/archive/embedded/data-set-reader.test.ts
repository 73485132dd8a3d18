import { describe, expect, it } from 'vitest';
import type { ByteSource } from '../../../src/archive/embedded/byte-source.ts';
import { DataSetReader } from '../../../src/archive/embedded/data-set-reader.ts';
import {
  element,
  elementHead,
  itemHead,
  undefinedLength,
} from '../../../src/cli/demo/data-element.ts';
import type { DicomJson } from '../../../src/dicom/dicom-json.ts';
import { ObjectUnreadableError } from '../../../src/errors/object-errors.ts';

const explicitLittle = { explicitVr: true, bigEndian: false };

describe('reading a data set', () => {
  it('reads a sequence, its items with and without length', async () => {
    const inner = element('00080100', 'SH', 'CODE');
    const end = Buffer.from('feff0de000000000', 'hex');

    const attributes = await read(
      elementHead('00400275', 'SQ', undefinedLength),
      itemHead('FFFEE000', inner.length),
      inner,
      itemHead('FFFEE000', undefinedLength),
      inner,
      end,
      itemHead('FFFEE0DD', 0),
      element('00400280', 'ST', 'after'),
    );

    const item = { '00080100': { vr: 'SH', Value: ['CODE'] } };
    expect(attributes).toEqual({
      '00400275': { vr: 'SQ', Value: [item, item] },
      '00400280': { vr: 'ST', Value: ['after'] },
    });
  });

  it.each(['known length', 'undefined length'])(
    'reads a sequence of %s that was sent as UN: it is Implicit VR inside',
    async (kind) => {
      const implicit = Buffer.from('080000010400000041424344', 'hex');
      const item = Buffer.concat([itemHead('FFFEE000', implicit.length), implicit]);
      const bytes =
        kind === 'known length'
          ? [elementHead('00400275', 'UN', item.length), item]
          : [elementHead('00400275', 'UN', undefinedLength), item, itemHead('FFFEE0DD', 0)];

      expect(await read(...bytes)).toEqual({
        '00400275': { vr: 'SQ', Value: [{ '00080100': { vr: 'SH', Value: ['ABCD'] } }] },
      });
    },
  );

  it('passes over bulk data, encapsulated and plain, without touching them', async () => {
    const touched: number[] = [];
    const fragment = Buffer.alloc(1_000, 0xaa);

    const attributes = await readNoting(
      touched,
      elementHead('00880200', 'SQ', undefinedLength),
      itemHead('FFFEE000', undefinedLength),
      elementHead('7FE00010', 'OB', undefinedLength),
      itemHead('FFFEE000', fragment.length),
      fragment,
      itemHead('FFFEE0DD', 0),
      Buffer.from('feff0de000000000', 'hex'),
      itemHead('FFFEE0DD', 0),
      elementHead('54001010', 'OW', fragment.length),
      fragment,
      element('54001020', 'LO', 'after'),
    );

    expect(Object.keys(attributes).sort()).toEqual(['00880200', '54001020']);
    expect(Math.max(...touched)).toBeLessThan(100);
  });

  it('reads numbers and texts into what JSON has for them', async () => {
    const attributes = await read(
      element('00080020', 'DA', ''),
      element('00100010', 'PN', 'Doe^J=\u00a0=\\A^B'),
      element('00100020', 'LO', ' X \\\\Y'),
      element('00181000', 'DS', '1.50\\abc\\\\2'),
      element('00280009', 'AT', Buffer.from('180063101800', 'hex')),
      element('00280010', 'US', 512),
      element('00189087', 'FD', Buffer.from('000000000000f87f', 'hex')),
    );

    expect(attributes).toMatchObject({
      '00080020': { vr: 'DA' },
      '00100020': { vr: 'LO', Value: ['X', null, 'Y'] },
      '00181000': { vr: 'DS', Value: [1.5, 'abc', null, 2] },
      '00280009': { vr: 'AT', Value: ['00181063'] },
      '00280010': { vr: 'US', Value: [512] },
      '00189087': { vr: 'FD' },
    });
    expect(attributes['00189087']).not.toHaveProperty('Value');
  });

  it.each([
    ['inside a header', [Buffer.from('0800', 'hex')]],
    ['inside a value', [elementHead('00100020', 'LO', 20), Buffer.from('short')]],
    ['inside bulk data', [elementHead('54001010', 'OW', 2_000), Buffer.alloc(10)]],
    ['inside a sequence', [elementHead('00400275', 'SQ', 100), itemHead('FFFEE000', 92)]],
    [
      'inside fragments',
      [elementHead('7FE00010', 'OB', undefinedLength), itemHead('FFFEE000', 50)],
    ],
    [
      'without delimiter',
      [elementHead('00400275', 'SQ', undefinedLength), element('00080100', 'SH', 'A')],
    ],
    ['in junk', [Buffer.alloc(64, 0x20)]],
  ])('B16 refuses a data set that ends or breaks %s', async (_, parts) => {
    await expect(read(...parts)).rejects.toThrow(ObjectUnreadableError);
  });

  it('refuses nesting without end', async () => {
    const level = Buffer.concat([
      elementHead('00400275', 'SQ', undefinedLength),
      itemHead('FFFEE000', undefinedLength),
    ]);

    await expect(read(...Array<Buffer>(5_000).fill(level))).rejects.toThrow('nest too deeply');
  });
});

function read(...parts: readonly Buffer[]): Promise<DicomJson> {
  return readNoting([], ...parts);
}

/** Notes the length of each read. */
function readNoting(touched: number[], ...parts: readonly Buffer[]): Promise<DicomJson> {
  const all = Buffer.concat(parts);
  const source: ByteSource = {
    end: all.length,
    bytes: (position, length) => {
      touched.push(length);
      return position + length <= all.length
        ? Promise.resolve(all.subarray(position, position + length))
        : Promise.reject(new ObjectUnreadableError('ends'));
    },
  };
  return new DataSetReader(source, 0).read(explicitLittle, { accept: () => true });
}
