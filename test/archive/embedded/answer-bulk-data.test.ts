import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { element } from '../../../src/cli/demo/data-element.ts';
import { NotFoundError } from '../../../src/errors/origin-errors.ts';
import { NotAcceptableError } from '../../../src/errors/request-errors.ts';
import type { BulkDataRequest, InstancePath } from '../../../src/translate/dicomweb-request.ts';
import { hasSharedData, sharedFiles } from '../../support/shared-data.ts';
import { ArchiveUnderTest, publicRoot } from './archive-under-test.ts';
import { encapsulated, fragment, imageObject, jpegBaseline, sequence } from './image-object.ts';
import type { ImageObject } from './image-object.ts';

const octets = 'application/octet-stream';
let archive: ArchiveUnderTest;

beforeEach(async () => {
  archive = await ArchiveUnderTest.create();
});

afterEach(() => archive.close());

describe('bulk data', () => {
  it('come by their path, at every depth', async () => {
    const value = fragment(1026, 7);
    const other = element('54001010', 'OW', fragment(1026, 8));
    const { selector } = await stored({
      pixelData: sequence('54000100', [], [element('54001010', 'OW', value)], [other]),
    });

    const answer = await archive.ask(bulk(selector, '54000100/2/54001010'));

    expect(answer.header('content-type')).toMatch(/type="application\/octet-stream"; boundary=/);
    expect(answer.header('content-length')).toBe(String(answer.body.length));
    expect(answer.header('etag')).toMatch(/^W\/"/);
    const [part, ...others] = answer.parts();
    expect(others).toEqual([]);
    expect(part?.body).toEqual(value);
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = selector;
    expect(part?.headers.split('\r\n')).toEqual([
      `Content-Type: ${octets}`,
      `Content-Location: ${publicRoot}/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}/bulk/54000100/2/54001010`,
    ]);
  });

  it('are found wherever metadata say they are', async () => {
    const { selector } = await stored({
      more: [sequence('00880200', [encapsulated([fragment(2000, 1), fragment(10, 2)])])],
      pixelData: element('7FE00010', 'OW', fragment(8, 3)),
    });
    const metadata = await archive.metadata(selector);
    const [icon] = metadata['00880200']?.Value as readonly [typeof metadata];
    const pathIn = (uri: string | undefined): string => uri?.split('/bulk/')[1] ?? '';

    const iconPath = pathIn(icon['7FE00010']?.BulkDataURI);
    const pixelPath = pathIn(metadata['7FE00010']?.BulkDataURI);

    expect((await archive.ask(bulk(selector, iconPath))).parts()[0]?.body).toEqual(
      Buffer.concat([fragment(2000, 1), fragment(10, 2)]),
    );
    expect((await archive.ask(bulk(selector, pixelPath))).parts()[0]?.body).toEqual(fragment(8, 3));
  });

  it('are found under lower-case tags', async () => {
    const { selector } = await stored({ pixelData: element('7FE00010', 'OW', fragment(8, 3)) });

    expect((await archive.ask(bulk(selector, '7fe00010'))).parts()).toHaveLength(1);
  });

  it.each([
    '54001010',
    '54000100/3/54001010',
    '54000100/1/54001010/1/54001010',
    '00100010',
    '7FE00010',
  ])('are not there under %s', async (path) => {
    const { selector } = await stored({
      pixelData: sequence('54000100', [element('54001010', 'OW', fragment(8, 1))]),
    });

    await expect(archive.ask(bulk(selector, path))).rejects.toThrow(NotFoundError);
  });

  it('of compressed images come frame by frame', async () => {
    const frames = [fragment(30, 1, 'ffd8ff'), fragment(20, 2, 'ffd8ff')];
    const { selector } = await stored({
      ...{ transferSyntax: jpegBaseline, frames: 2 },
      pixelData: encapsulated(frames),
    });

    for (const mediaType of ['image/jpeg', octets]) {
      const answer = await archive.ask(bulk(selector, '7FE00010', [mediaType]));
      expect(answer.parts().map(({ body }) => body)).toEqual(frames);
      expect(answer.parts()[1]?.headers).toContain(
        `Content-Type: ${mediaType}; transfer-syntax=${jpegBaseline}`,
      );
    }
    await expect(archive.ask(bulk(selector, '7FE00010', ['image/jls']))).rejects.toThrow(
      NotAcceptableError,
    );
  });

  it('of a video are one stream, whatever it says of frames', async () => {
    const { selector } = await stored({
      ...{ transferSyntax: '1.2.840.10008.1.2.4.102', frames: 10 },
      pixelData: encapsulated([fragment(30, 1), fragment(20, 2), fragment(20, 3)]),
    });

    const answer = await archive.ask(bulk(selector, '7FE00010', ['video/mp4', octets]));

    expect(answer.header('content-type')).toContain('type="video/mp4"');
    expect(answer.parts().map(({ body }) => body.length)).toEqual([70]);
  });

  it.each([
    ['application/pdf', ['application/pdf', octets], 'application/pdf'],
    ['application/pdf', [octets, 'application/pdf'], octets],
    ['application/pdf', [octets], octets],
    ['model/stl', ['model/stl', octets], 'model/stl'],
    ['text/html\r\nX: 1', ['text/html', octets], octets],
  ])('of a document of type %j are, for %j, %s', async (type, mediaTypes, expected) => {
    const { selector } = await stored({
      pixelData: Buffer.concat([
        element('00420011', 'OB', fragment(20, 1)),
        element('00420012', 'LO', type),
      ]),
    });

    const answer = await archive.ask(bulk(selector, '00420011', mediaTypes));

    expect(answer.header('content-type')).toContain(`type="${expected}"`);
    expect(answer.parts()[0]?.headers).toMatch(new RegExp(`^Content-Type: ${expected}\r\n`));
    expect(answer.parts()[0]?.body).toEqual(fragment(20, 1));
  });

  it('that are no document of the type asked for are refused', async () => {
    const { selector } = await stored({ pixelData: element('00420011', 'OB', fragment(20, 1)) });
    const beside = await stored({
      more: [
        element('00420011', 'OB', fragment(20, 1)),
        element('00420012', 'LO', 'application/pdf'),
      ],
      pixelData: element('54001010', 'OW', fragment(20, 2)),
    });

    await expect(
      archive.ask(bulk(beside.selector, '54001010', ['application/pdf'])),
    ).rejects.toThrow(NotAcceptableError);
    await expect(archive.ask(bulk(selector, '00420011', ['application/pdf']))).rejects.toThrow(
      NotAcceptableError,
    );
  });
});

describe.skipIf(!hasSharedData)('bulk data of a real PDF (../shared/data)', () => {
  it('are the document', async () => {
    const file = sharedFiles().find(({ path }) => path === 'objects/pdf-explicit-le.dcm');
    await archive.store(await readFile(file?.absolutePath ?? ''));
    const [found] = await archive.search({ level: 'instance' });
    const value = (tag: string): unknown => found?.[tag]?.Value?.[0];
    const selector = {
      studyInstanceUid: value('0020000D'),
      seriesInstanceUid: value('0020000E'),
      sopInstanceUid: value('00080018'),
    } as InstancePath;

    const answer = await archive.ask(bulk(selector, '00420011', ['application/pdf', octets]));

    expect(answer.header('content-type')).toContain('type="application/pdf"');
    expect(answer.parts()[0]?.body.toString('latin1', 0, 5)).toBe('%PDF-');
  });
});

async function stored(
  options: Partial<Parameters<typeof imageObject>[0]> & { readonly pixelData: Buffer },
): Promise<ImageObject> {
  const image = imageObject({ rows: 2, columns: 2, ...options });
  await archive.store(image.file);
  return image;
}

function bulk(
  selector: InstancePath,
  path: string,
  mediaTypes: readonly string[] = [octets],
): BulkDataRequest {
  return { kind: 'bulkdata', selector, path, mediaTypes };
}
