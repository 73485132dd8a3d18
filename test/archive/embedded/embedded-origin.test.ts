import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ReadRequest } from '../../../src/archive/dicomweb-origin.ts';
import { EmbeddedArchive } from '../../../src/archive/embedded/embedded-archive.ts';
import { elementHead } from '../../../src/cli/demo/data-element.ts';
import {
  NotFoundError,
  OriginAnswerError,
  OriginUnavailableError,
} from '../../../src/errors/origin-errors.ts';
import { NotAcceptableError } from '../../../src/errors/request-errors.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';
import { CollectingSink } from '../../support/collecting-sink.ts';
import { newUid } from '../../support/dicom-object.ts';
import { ArchiveUnderTest, publicRoot, searchFor } from './archive-under-test.ts';
import { fragment, imageObject } from './image-object.ts';
import type { ImageObject } from './image-object.ts';

let archive: ArchiveUnderTest;
let image: ImageObject;

beforeEach(async () => {
  archive = await ArchiveUnderTest.create();
  const pixels = fragment(200_000, 1);
  image = imageObject({
    ...{ rows: 100, columns: 1000 },
    pixelData: Buffer.concat([elementHead('7FE00010', 'OW', pixels.length), pixels]),
  });
  await archive.store(image.file);
});

afterEach(() => archive.close());

describe('the embedded archive as an origin', () => {
  it('draws no pictures, and says so', async () => {
    const { studyInstanceUid } = image.selector;
    const picture = (selector: { readonly studyInstanceUid: typeof studyInstanceUid }) =>
      (['rendered', 'thumbnail'] as const).map((kind): ReadRequest => ({
        ...{ kind, selector, mediaType: 'image/jpeg', parameters: {} },
      }));

    for (const request of picture({ studyInstanceUid })) {
      const refusal = archive.ask(request);
      await expect(refusal).rejects.toThrow(NotAcceptableError);
      await expect(refusal).rejects.toThrow('draws no pictures');
    }
    for (const request of picture({ studyInstanceUid: newUid() })) {
      await expect(archive.ask(request)).rejects.toThrow(NotFoundError);
    }
  });

  it('has lost what somebody took from its folder', async () => {
    await rm(fileOf(image));

    for (const request of readingAll(image)) {
      await expect(attempt(request)).resolves.toEqual([expect.any(NotFoundError), undefined]);
    }
  });

  it('B16 answers for a file that somebody spoilt with an error, and begins nothing', async () => {
    await writeFile(fileOf(image), Buffer.concat([Buffer.alloc(128), Buffer.from('DICM junk')]));

    for (const request of readingAll(image)) {
      await expect(attempt(request)).resolves.toEqual([expect.any(OriginAnswerError), undefined]);
    }
  });

  it('D42 ends in an error when a file turns out shorter than it was', async () => {
    await writeFile(fileOf(image), image.file.subarray(0, image.file.length - 1000));
    const sink = new CollectingSink();

    const [retrieve] = readingAll(image) as [ReadRequest];
    await expect(archive.askInto(sink, retrieve)).rejects.toThrow(OriginAnswerError);

    expect(sink.head?.status).toBe(200);
    expect(sink.hasEnded).toBe(false);
  });

  it('waits for a folder that cannot be read', async () => {
    await rm(fileOf(image));
    await mkdir(fileOf(image)); // reading it fails as a broken disk does

    const [error, head] = await attempt(readingAll(image)[0] as ReadRequest);

    expect(error).toBeInstanceOf(OriginUnavailableError);
    expect((error as OriginUnavailableError).message).not.toContain(archive.folder);
    expect(head).toBeUndefined();
  });

  it('is not there while its folder cannot be used', async () => {
    const blocked = join(archive.folder, 'file');
    await writeFile(blocked, 'in the way');
    const other = new EmbeddedArchive({ folder: blocked, log: silentLogger });
    const sink = new CollectingSink();
    const { signal } = new AbortController();

    await expect(other.answer(searchFor({}), sink, { signal, publicRoot })).rejects.toThrow(
      OriginUnavailableError,
    );
    expect(sink.head).toBeUndefined();

    await rename(blocked, `${blocked}.away`);
    await other.answer(searchFor({}), sink, { signal, publicRoot });
    expect(sink.json()).toEqual([]);
    await other.close();
  });

  it('D41 begins nothing for who has gone already', async () => {
    const sink = new CollectingSink();
    const gone = AbortSignal.abort(new Error('gone'));

    for (const request of [...readingAll(image), searchFor({})]) {
      await expect(archive.askInto(sink, request, gone)).rejects.toThrow('gone');
    }
    expect(sink.head).toBeUndefined();
  });
});

function readingAll({ selector }: ImageObject): readonly ReadRequest[] {
  return [
    { kind: 'retrieve', selector, framing: 'multipart' },
    { kind: 'retrieve', selector, framing: 'single' },
    { kind: 'metadata', selector },
    { kind: 'frames', selector, frames: [1], mediaType: 'application/octet-stream' },
    { kind: 'bulkdata', selector, path: '7FE00010', mediaTypes: ['application/octet-stream'] },
  ];
}

function fileOf({ selector }: ImageObject): string {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = selector;
  return join(
    archive.folder,
    'archive',
    studyInstanceUid,
    seriesInstanceUid,
    `${sopInstanceUid}.dcm`,
  );
}

async function attempt(request: ReadRequest): Promise<readonly unknown[]> {
  const sink = new CollectingSink();
  const error: unknown = await archive.askInto(sink, request).catch((thrown: unknown) => thrown);
  return [error, sink.head];
}
