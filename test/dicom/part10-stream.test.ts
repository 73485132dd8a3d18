import { describe, expect, it } from 'vitest';
import { dataSetOf, openPart10, readOnce } from '../../src/dicom/part10-stream.ts';
import { decodeFileHeader } from '../../src/dicom/part10.ts';
import { ObjectUnreadableError } from '../../src/errors/object-errors.ts';
import { buildPart10 } from '../support/dicom-object.ts';

/** Lends one buffer for all chunks, as files are read, and notes what becomes of it. */
function lent(file: Buffer, chunkBytes: number) {
  const state = { isOpen: false, wasOpened: false };
  const chunks = (async function* () {
    state.isOpen = true;
    state.wasOpened = true;
    const buffer = Buffer.alloc(chunkBytes);
    try {
      for (let at = 0; at < file.length; at += chunkBytes) {
        yield await Promise.resolve(buffer.subarray(0, file.copy(buffer, 0, at, at + chunkBytes)));
      }
    } finally {
      state.isOpen = false;
    }
  })();
  return { state, chunks };
}

async function whole(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const read: Buffer[] = [];
  for await (const chunk of chunks) read.push(Buffer.from(chunk));
  return Buffer.concat(read);
}

describe('a Part 10 file that arrives', () => {
  const file = buildPart10({ pixelBytes: 100_000 });
  const header = decodeFileHeader(file);
  const dataSet = file.subarray(header?.dataSetOffset);

  it.each([1, 100, 16_384, 1_000_000])(
    'gives its header and the rest, in lent chunks of %i bytes',
    async (chunkBytes) => {
      const opened = await openPart10(lent(file, chunkBytes).chunks);

      expect(opened.header).toEqual(header);
      expect((await whole(opened.dataSet)).equals(dataSet)).toBe(true);
    },
  );

  it('is not opened before its data set is read, and let go when its reader leaves', async () => {
    const { state, chunks } = lent(file, 1_000);
    const reading = dataSetOf(chunks);

    expect(state.wasOpened).toBe(false);
    for await (const chunk of reading) {
      expect(chunk.length).toBeGreaterThan(0);
      expect(state.isOpen).toBe(true);
      break;
    }
    expect(state.isOpen).toBe(false);
  });

  it.each([0, 10, 131, 140, 300, 20_000])(
    'is none when %i bytes of something else come',
    async (bytes) => {
      const { state, chunks } = lent(Buffer.alloc(bytes, 'x'), 1_000);

      await expect(whole(dataSetOf(chunks))).rejects.toThrow(ObjectUnreadableError);
      expect(state.isOpen).toBe(false);
    },
  );

  it('can be read once', async () => {
    const once = readOnce(lent(file, 50_000).chunks);

    expect((await whole(once)).equals(file)).toBe(true);
    await expect(whole(once)).rejects.toThrow('an object can be read once');
  });
});
