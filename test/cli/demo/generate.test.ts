import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateEncapsulated, generateMultiFrame } from '../../../src/cli/demo/generate-large.ts';
import type { GeneratedSource } from '../../../src/cli/demo/generate-large.ts';
import { generateStudy } from '../../../src/cli/demo/generate-study.ts';
import { randomUid } from '../../../src/cli/demo/random-uid.ts';
import { DataSetWalker } from '../../../src/dicom/data-set-walker.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';

const little = { explicitVr: true, bigEndian: false };
const wanted = new Set([0x00080016, 0x00080018, 0x0020000d, 0x0020000e, 0x00280010]);
const hasDcmtk = spawnSync('dcmdump', ['--version']).status === 0;

describe('a generated study', () => {
  it('is well-formed and is what it says', () => {
    const objects = [...generateStudy({ instances: 3, rows: 8, columns: 16, random: seeded(1) })];

    expect(new Set(objects.map(({ identity }) => identity.sopInstanceUid)).size).toBe(3);
    expect(new Set(objects.map(({ identity }) => identity.studyInstanceUid)).size).toBe(1);
    for (const { identity, bytes } of objects) {
      const header = decodeFileHeader(bytes);
      expect(header).toMatchObject({
        sopClassUid: identity.sopClassUid,
        sopInstanceUid: identity.sopInstanceUid,
        transferSyntaxUid: '1.2.840.10008.1.2.1',
      });
      const walker = new DataSetWalker(little, wanted);
      walker.push(bytes.subarray(header?.dataSetOffset));
      walker.end();
      expect(uid(walker, 0x00080018)).toBe(identity.sopInstanceUid);
      expect(uid(walker, 0x0020000d)).toBe(identity.studyInstanceUid);
      expect(uid(walker, 0x0020000e)).toBe(identity.seriesInstanceUid);
      expect(walker.value(0x00280010)?.readUInt16LE()).toBe(8);
    }
  });

  it('is the same for the same randomness and another for other', () => {
    const make = (seed: number) =>
      [...generateStudy({ instances: 2, rows: 4, columns: 4, random: seeded(seed) })].map(
        ({ bytes }) => bytes,
      );

    expect(make(1)).toEqual(make(1));
    expect(make(1)).not.toEqual(make(2));
  });

  it('shows another picture on each slice', () => {
    const pictures = [
      ...generateStudy({ instances: 5, rows: 64, columns: 64, random: seeded(1) }),
    ].map(({ bytes }) => bytes.subarray(-64 * 64 * 2).toString('latin1'));

    expect(new Set(pictures).size).toBe(5);
  });

  it('has UIDs of its own', () => {
    const uids = Array.from({ length: 1_000 }, () => randomUid(Math.random));

    expect(new Set(uids).size).toBe(1_000);
    expect(uids.every((one) => /^2\.25\.[1-9][0-9]{36,38}$/.test(one))).toBe(true);
  });
});

describe.skipIf(!hasDcmtk)('DCMTK reads', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'generated-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('a slice, without a warning', () => {
    const [object] = [...generateStudy({ instances: 1, rows: 32, columns: 32, random: seeded(1) })];
    expect(dump(object?.bytes)).toContain('DEMO^DRAWBRIDGE');
  });

  it('a multi-frame object, without a warning', async () => {
    const source = generateMultiFrame({ frames: 3, rows: 8, columns: 8, random: seeded(1) });
    expect(dump(await whole(source))).toContain('NumberOfFrames');
  });

  it('an encapsulated object, without a warning', async () => {
    const source = generateEncapsulated({ fragments: 3, fragmentBytes: 64, random: seeded(1) });
    expect(dump(await whole(source))).toContain('SequenceDelimitationItem');
  });

  function dump(bytes: Buffer | undefined): string {
    const path = join(folder, 'object.dcm');
    writeFileSync(path, bytes ?? '');
    const { stdout, stderr } = spawnSync('dcmdump', ['+L', path], { encoding: 'utf8' });
    expect(stderr).toBe('');
    return stdout;
  }
});

describe('large objects', () => {
  it.each([
    ['multi-frame', generateMultiFrame({ frames: 40, rows: 64, columns: 64, random: seeded(1) })],
    [
      'encapsulated',
      generateEncapsulated({ fragments: 40, fragmentBytes: 8_192, random: seeded(1) }),
    ],
  ])('%s: are as long as they say, well-formed, and may be read again', async (_, source) => {
    const first = await whole(source);
    const second = await whole(source);

    expect(first.length).toBe(source.bytes);
    expect(first.equals(second)).toBe(true);
    const header = decodeFileHeader(first);
    expect(header?.transferSyntaxUid).toBe(source.transferSyntaxUid);
    const walker = new DataSetWalker(little, wanted);
    walker.push(first.subarray(header?.dataSetOffset));
    walker.end();
    expect(uid(walker, 0x00080018)).toBe(source.identity.sopInstanceUid);
  });

  it('tell a length beyond 4 GiB without being made', () => {
    const source = generateEncapsulated({
      fragments: 4_200,
      fragmentBytes: 2 ** 20,
      random: seeded(1),
    });

    expect(source.bytes).toBeGreaterThan(2 ** 32);
  });

  it('cannot be plain beyond 4 GiB', () => {
    expect(() =>
      generateMultiFrame({ frames: 8_193, rows: 512, columns: 512, random: seeded(1) }),
    ).toThrow(RangeError);
  });
});

function uid(walker: DataSetWalker, tag: number): string | undefined {
  return walker.value(tag)?.toString('latin1').replace(/\0$/, '');
}

async function whole(source: GeneratedSource): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** A small generator of numbers that look random (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
