import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareWithArchived } from '../../../src/archive/dicomweb/compare-duplicate.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import type { RetrievedObject } from '../../../src/dicom/instance.ts';
import { buildPart10, newUid, part10Source } from '../../support/dicom-object.ts';

const sop = newUid();
const file = buildPart10({ sop, pixelBytes: 70_000 });
const dataSet = file.subarray(decodeFileHeader(file)?.dataSetOffset);

/** An archive that has one object, lends it in one buffer, and notes that it was let go. */
function archiveWith(bytes: Buffer, chunkBytes: number) {
  const state = { isLetGo: false };
  const { sopInstanceUid, sopClassUid, transferSyntaxUid } = part10Source(file, { sop });
  async function* lent(): AsyncGenerator<Buffer> {
    const buffer = Buffer.alloc(chunkBytes);
    try {
      for (let at = 0; at < bytes.length; at += chunkBytes) {
        yield await Promise.resolve(buffer.subarray(0, bytes.copy(buffer, 0, at, at + chunkBytes)));
      }
    } finally {
      state.isLetGo = true;
    }
  }
  async function* retrieve(): AsyncGenerator<RetrievedObject> {
    await Promise.resolve();
    yield { sopInstanceUid, sopClassUid, transferSyntaxUid, dataSet: lent() };
  }
  const value = (text: string) => ({ vr: 'UI', Value: [text] });
  const found = { '00080018': value(sop), '0020000D': value('1.2'), '0020000E': value('1.3') };
  return { state, archive: { search: () => Promise.resolve([found]), retrieve } };
}

const options = { signal: new AbortController().signal, trace: undefined };

describe('comparing with what the archive has', () => {
  it('finds the same and the different, however either comes in pieces', async () => {
    const chunkBytes = fc.integer({ min: 1_000, max: 80_000 });
    const change = fc.option(fc.nat({ max: dataSet.length - 1 }));
    await fc.assert(
      fc.asyncProperty(chunkBytes, chunkBytes, change, async (ours, theirs, at) => {
        const bytes = Buffer.from(dataSet);
        if (at !== null) bytes[at] = (bytes[at] ?? 0) ^ 0x80;
        const { archive, state } = archiveWith(bytes, theirs);

        const comparison = await compareWithArchived(part10Source(file, { sop }, ours), {
          archive,
          ...options,
        });

        expect(comparison).toEqual({ kind: at === null ? 'same' : 'different' });
        expect(state.isLetGo).toBe(true);
      }),
    );
  });
});
