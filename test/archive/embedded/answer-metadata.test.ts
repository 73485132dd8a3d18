import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { element, elementHead } from '../../../src/cli/demo/data-element.ts';
import { generateStudy } from '../../../src/cli/demo/generate-study.ts';
import type { DicomJson } from '../../../src/dicom/dicom-json.ts';
import { NotFoundError } from '../../../src/errors/origin-errors.ts';
import { newUid } from '../../support/dicom-object.ts';
import { ArchiveUnderTest, publicRoot } from './archive-under-test.ts';
import { encapsulated, fragment, imageObject, jpegBaseline, sequence } from './image-object.ts';

let archive: ArchiveUnderTest;

beforeEach(async () => {
  archive = await ArchiveUnderTest.create();
});

afterEach(() => archive.close());

describe('metadata', () => {
  it('come for a study, a series and an instance', async () => {
    const objects = [...generateStudy({ instances: 3, rows: 4, columns: 4, random: Math.random })];
    await archive.store(...objects.map(({ bytes }) => bytes));
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = objects[1]?.identity ?? never();
    const of = async (selector: Parameters<typeof archive.metadata>[0]) => {
      const answer = await archive.ask({ kind: 'metadata', selector });
      expect(answer.header('content-type')).toBe('application/dicom+json');
      return answer.json() as readonly DicomJson[];
    };

    const ofInstance = await of({ studyInstanceUid, seriesInstanceUid, sopInstanceUid } as never);
    expect(await of({ studyInstanceUid })).toHaveLength(3);
    expect(await of({ studyInstanceUid, seriesInstanceUid } as never)).toHaveLength(3);
    expect(ofInstance).toHaveLength(1);
    expect(ofInstance[0]).toMatchObject({
      '00080018': { vr: 'UI', Value: [sopInstanceUid] },
      '00200013': { vr: 'IS', Value: [2] },
    });
    await expect(of({ studyInstanceUid: newUid() })).rejects.toThrow(NotFoundError);
    await expect(of({ studyInstanceUid, seriesInstanceUid: newUid() } as never)).rejects.toThrow(
      NotFoundError,
    );
  });

  it('have short binary values where they stand, and URLs of long ones, at every depth', async () => {
    const long = element('54001010', 'OW', fragment(1026, 1));
    const short = element('5400100A', 'OB', fragment(4, 2));
    const { file, selector } = imageObject({
      ...{ rows: 1, columns: 1 },
      more: [sequence('54000100', [short], [long, short])],
      pixelData: element('7FE00010', 'OW', fragment(2, 1)),
    });
    await archive.store(file);

    const found = await archive.metadata(selector);

    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = selector;
    const url = `${publicRoot}/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`;
    const inline = { vr: 'OB', InlineBinary: fragment(4, 2).toString('base64') };
    expect(found['54000100']).toEqual({
      vr: 'SQ',
      Value: [
        { '5400100A': inline },
        {
          '54001010': { vr: 'OW', BulkDataURI: `${url}/bulk/54000100/2/54001010` },
          '5400100A': inline,
        },
      ],
    });
    expect(found['7FE00010']).toEqual({ vr: 'OW', BulkDataURI: `${url}/bulk/7FE00010` });
  });

  it('have a URL of compressed pixel data, and nothing of empty ones', async () => {
    const compressed = imageObject({
      ...{ transferSyntax: jpegBaseline, rows: 1, columns: 1 },
      pixelData: encapsulated([fragment(8, 1)]),
    });
    const empty = imageObject({ rows: 1, columns: 1, pixelData: element('7FE00010', 'OW', '') });
    await archive.store(compressed.file, empty.file);

    expect((await archive.metadata(compressed.selector))['7FE00010']).toMatchObject({
      vr: 'OB',
      BulkDataURI: expect.stringMatching(/\/bulk\/7FE00010$/) as string,
    });
    expect((await archive.metadata(empty.selector))['7FE00010']).toEqual({ vr: 'OW' });
  });

  it('B12 have what lies deeper than a URL can lead where it stands, unless it is too long', async () => {
    let inner: Buffer = Buffer.concat([
      element('54001010', 'OW', fragment(2000, 1)),
      element('5400100A', 'OW', fragment(2 ** 20 + 2, 1)),
    ]);
    for (let depth = 0; depth < 9; depth += 1) inner = sequence('00400275', [inner]);
    const { file, selector } = imageObject({ rows: 1, columns: 1, pixelData: inner });
    await archive.store(file);

    let found: DicomJson = await archive.metadata(selector);
    for (let depth = 0; depth < 9; depth += 1) {
      found = found['00400275']?.Value?.[0] as DicomJson;
    }

    expect(found['54001010']).toEqual({
      vr: 'OW',
      InlineBinary: fragment(2000, 1).toString('base64'),
    });
    expect(found['5400100A']).toEqual({ vr: 'OW' });
  });

  it('say of numbers in Implicit VR whether they are signed', async () => {
    const implicit = (tag: string, hex: string): Buffer => {
      const value = Buffer.from(hex, 'hex');
      const head = elementHead(tag, 'US', 0).subarray(0, 4);
      const length = Buffer.from([value.length, 0, 0, 0]);
      return Buffer.concat([head, length, value]);
    };
    const text = (tag: string, value: string): Buffer =>
      implicit(tag, Buffer.from(value.length % 2 === 0 ? value : `${value}\0`).toString('hex'));
    const { file, selector } = imageObject({
      ...{ transferSyntax: '1.2.840.10008.1.2', rows: 1, columns: 1, pixelData: Buffer.alloc(0) },
    });
    const [studyUid, seriesUid, sopUid] = [newUid(), newUid(), newUid()];
    const start = file.length - dataSetLength(file);
    await archive.store(
      Buffer.concat([
        Buffer.from(
          file
            .subarray(0, start)
            .toString('latin1')
            .replace(selector.sopInstanceUid, sopUid.padEnd(selector.sopInstanceUid.length, '\0')),
          'latin1',
        ),
        text('00080016', '1.2.840.10008.5.1.4.1.1.7.3'),
        text('00080018', sopUid),
        text('0020000D', studyUid),
        text('0020000E', seriesUid),
        implicit('00280103', '0100'),
        implicit('00280120', '0080'),
      ]),
    );

    expect((await archive.metadata({ studyInstanceUid: studyUid }))['00280120']).toEqual({
      vr: 'SS',
      Value: [-32_768],
    });
  });
});

function dataSetLength(file: Buffer): number {
  return file.length - file.indexOf(elementHead('00080005', 'CS', 0).subarray(0, 6));
}

function never(): never {
  throw new Error('nothing was generated');
}
