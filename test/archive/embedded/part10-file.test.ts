import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Part10File } from '../../../src/archive/embedded/part10-file.ts';
import { fileHeader } from '../../../src/cli/demo/generate-study.ts';
import {
  deflatedExplicitVrLittleEndian,
  explicitVrLittleEndian,
} from '../../../src/dicom/transfer-syntax.ts';
import { ObjectUnreadableError } from '../../../src/errors/object-errors.ts';
import { newUid } from '../../support/dicom-object.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'part10-'));
});

afterEach(() => rm(folder, { recursive: true }));

const content = Buffer.from(Array.from({ length: 300_000 }, (_, at) => at % 251));

describe.each([
  ['plain', explicitVrLittleEndian],
  ['deflated', deflatedExplicitVrLittleEndian],
])('a stretch of a %s data set', (kind, transferSyntax) => {
  it('is what lies there, in chunks of their own', async () => {
    const { file, start } = await opened();

    for (const [at, length] of [
      [0, 300_000],
      [1, 1],
      [299_999, 1],
      [70_000, 100_000],
      [5, 0],
    ] as const) {
      const chunks: Buffer[] = [];
      for await (const chunk of file.stretch(start + at, length)) chunks.push(chunk);
      expect(Buffer.concat(chunks).equals(content.subarray(at, at + length))).toBe(true);
    }
    await file.close();
  });

  it('that goes beyond its end is an error', async () => {
    const { file, start } = await opened();
    let bytes = 0;

    const reading = (async () => {
      for await (const chunk of file.stretch(start + 299_990, 20)) bytes += chunk.length;
    })();

    await expect(reading).rejects.toThrow(ObjectUnreadableError);
    expect(bytes).toBe(10);
    await file.close();
  });

  async function opened(): Promise<{ readonly file: Part10File; readonly start: number }> {
    const identity = {
      studyInstanceUid: newUid(),
      seriesInstanceUid: newUid(),
      sopInstanceUid: newUid(),
      sopClassUid: newUid(),
    };
    const header = fileHeader(identity, transferSyntax);
    const isDeflated = kind === 'deflated';
    const path = join(folder, 'file.dcm');
    await writeFile(path, Buffer.concat([header, isDeflated ? deflateRawSync(content) : content]));
    return { file: await Part10File.open(path), start: isDeflated ? 0 : header.length };
  }
});
