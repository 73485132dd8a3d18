import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedArchive } from '../../../src/archive/embedded/embedded-archive.ts';
import { generateStudy } from '../../../src/cli/demo/generate-study.ts';
import type { GeneratedInstance } from '../../../src/cli/demo/generate-study.ts';
import type { Part10Source } from '../../../src/dicom/instance.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import type { Uid } from '../../../src/dicom/uid.ts';
import { NotFoundError } from '../../../src/errors/origin-errors.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';

const { signal } = new AbortController();
const explicitLittleEndian = '1.2.840.10008.1.2.1' as Uid;
let folder: string;
let archive: EmbeddedArchive;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedded-'));
  archive = new EmbeddedArchive({ folder: join(folder, 'archive'), log: silentLogger });
});

afterEach(async () => {
  await archive.close();
  await rm(folder, { recursive: true });
});

describe('storing', () => {
  it('keeps every object byte for byte, in folders any DICOM tool can read', async () => {
    const objects = study(3);

    const verdict = await archive.store(objects.map(sourceOf), { signal });

    expect(verdict).toEqual({
      kind: 'each',
      outcomes: new Map(objects.map((o) => [o.identity.sopInstanceUid, { kind: 'delivered' }])),
    });
    for (const { identity, bytes } of objects) {
      const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = identity;
      const path = join(
        folder,
        'archive',
        studyInstanceUid,
        seriesInstanceUid,
        `${sopInstanceUid}.dcm`,
      );
      expect((await readFile(path)).equals(bytes)).toBe(true);
    }
    expect(await readdir(join(folder, 'archive', '.incoming'))).toEqual([]);
  });

  it('B08 takes the same object twice as one, and a changed one in its place', async () => {
    const [object] = study(1) as [GeneratedInstance];
    const changed = Buffer.from(object.bytes);
    changed[changed.length - 1] = 0x7f;

    await archive.store([sourceOf(object)], { signal });
    await archive.store([sourceOf(object)], { signal });
    const verdict = await archive.store([sourceOf({ ...object, bytes: changed })], { signal });

    expect(verdict).toMatchObject({ kind: 'each' });
    const [kept] = await retrieve({ studyInstanceUid: object.identity.studyInstanceUid });
    expect(kept?.equals(dataSetIn(changed))).toBe(true);
    expect(await count('instance')).toBe(1);
  });

  it('moves an object that comes again under another study', async () => {
    const [object] = study(1) as [GeneratedInstance];
    const { studyInstanceUid } = object.identity;
    // Same length, so that the file stays well-formed.
    const moved =
      `${studyInstanceUid.slice(0, -1)}${studyInstanceUid.endsWith('1') ? '2' : '1'}` as Uid;
    const bytes = Buffer.from(
      object.bytes.toString('latin1').replaceAll(studyInstanceUid, moved),
      'latin1',
    );

    await archive.store([sourceOf(object)], { signal });
    await archive.store([sourceOf({ ...object, bytes })], { signal });

    await expect(retrieve({ studyInstanceUid })).rejects.toThrow(NotFoundError);
    expect(await retrieve({ studyInstanceUid: moved })).toHaveLength(1);
    expect(await readdir(join(folder, 'archive'))).not.toContain(studyInstanceUid);
  });

  it('B16 sets an object aside that cannot be read, and keeps nothing of it', async () => {
    const [object] = study(1) as [GeneratedInstance];
    const broken = sourceOf({ ...object, bytes: object.bytes.subarray(0, 400) });

    const verdict = await archive.store([broken], { signal });

    expect(verdict).toMatchObject({ kind: 'each' });
    expect(
      verdict.kind === 'each' && verdict.outcomes.get(object.identity.sopInstanceUid),
    ).toMatchObject({
      kind: 'set-aside',
    });
    expect(await readdir(join(folder, 'archive', '.incoming'))).toEqual([]);
    expect(await count('study')).toBe(0);
  });

  it('B02 sets an object aside that is not the one announced', async () => {
    const [one, other] = study(2) as [GeneratedInstance, GeneratedInstance];

    const verdict = await archive.store(
      [{ ...sourceOf(one), read: () => sourceOf(other).read() }],
      {
        signal,
      },
    );

    expect(verdict.kind === 'each' && verdict.outcomes.get(one.identity.sopInstanceUid)?.kind).toBe(
      'set-aside',
    );
  });

  it('asks for patience while its folder cannot be used', async () => {
    const blocked = new EmbeddedArchive({ folder: join(folder, 'file'), log: silentLogger });
    await writeFile(join(folder, 'file'), 'in the way');

    expect(await blocked.store(study(1).map(sourceOf), { signal })).toMatchObject({
      kind: 'retry',
    });

    await rm(join(folder, 'file'));
    expect(await blocked.store(study(1).map(sourceOf), { signal })).toMatchObject({ kind: 'each' });
    await blocked.close();
  });

  it('asks for patience when a source fails, and goes on with the next', async () => {
    const [one, other] = study(2) as [GeneratedInstance, GeneratedInstance];
    const failing: Part10Source = {
      ...sourceOf(one),
      read: () => ({
        [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(new Error('EIO')) }),
      }),
    };

    const verdict = await archive.store([failing, sourceOf(other)], { signal });

    expect(
      verdict.kind === 'each' && [...verdict.outcomes.values()].map(({ kind }) => kind),
    ).toEqual(['retry', 'delivered']);
  });

  it('stops when its caller gives up', async () => {
    const aborted = AbortSignal.abort(new Error('shutting down'));

    await expect(archive.store(study(1).map(sourceOf), { signal: aborted })).rejects.toThrow(
      'shutting down',
    );
  });
});

describe('searching', () => {
  beforeEach(async () => {
    await archive.store([...study(3), ...study(2)].map(sourceOf), { signal });
  });

  it('F07 gives each level its attributes and counts', async () => {
    const studies = await archive.search({ level: 'study', match: {} }, { signal });
    const series = await archive.search({ level: 'series', match: {} }, { signal });
    const instances = await archive.search({ level: 'instance', match: {} }, { signal });

    expect([studies.length, series.length, instances.length]).toEqual([2, 2, 5]);
    expect(studies[0]).toMatchObject({
      '00080061': { vr: 'CS', Value: ['CT'] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'DEMO^DRAWBRIDGE' }] },
      '00201206': { vr: 'IS', Value: [1] },
      '00201208': { vr: 'IS', Value: [3] },
    });
    expect(series[1]).toMatchObject({ '00080060': { Value: ['CT'] }, '00201209': { Value: [2] } });
    expect(instances[2]).toMatchObject({ '00200013': { Value: [3] }, '00280010': { Value: [16] } });
  });

  it('matches by attributes, of the index and beyond it', async () => {
    const search = (match: Readonly<Record<string, string>>) =>
      archive.search({ level: 'study', match }, { signal });

    expect(await search({ '00100010': 'demo*' })).toHaveLength(2);
    expect(await search({ '00100010': 'nobody' })).toHaveLength(0);
    expect(await search({ '00080070': 'Drawbridge' })).toHaveLength(2);
    expect(await search({ '00080070': 'Somebody' })).toHaveLength(0);
    expect(await search({ '00080070': '' })).toHaveLength(2);
  });

  it('includes what is asked for besides', async () => {
    const includeField = ['00080070', '00400275.00400007'];

    const [found] = await archive.search({ level: 'series', match: {}, includeField }, { signal });

    expect(found).toMatchObject({ '00080070': { vr: 'LO', Value: ['Drawbridge'] } });
  });

  it('stops when its caller gives up, though nothing is found', async () => {
    const aborted = AbortSignal.abort(new Error('gone'));

    await expect(
      archive.search({ level: 'instance', match: { '00080070': 'X' } }, { signal: aborted }),
    ).rejects.toThrow('gone');
  });

  it('gives a page of the whole', async () => {
    const all = await archive.search({ level: 'instance', match: {} }, { signal });

    const page = await archive.search(
      { level: 'instance', match: {}, limit: 2, offset: 2 },
      { signal },
    );

    expect(page).toEqual(all.slice(2, 4));
    expect(await archive.search({ level: 'instance', match: {}, limit: 0 }, { signal })).toEqual(
      [],
    );
  });

  it('looks inside one study or series', async () => {
    const [first] = await archive.search({ level: 'series', match: {} }, { signal });
    const studyInstanceUid = first?.['0020000D']?.Value?.[0] as Uid;
    const seriesInstanceUid = first?.['0020000E']?.Value?.[0] as Uid;

    const found = await archive.search(
      { level: 'instance', studyInstanceUid, seriesInstanceUid, match: {} },
      { signal },
    );

    expect(found).toHaveLength(3);
    expect(
      await archive.search(
        { level: 'series', studyInstanceUid: '9.9' as Uid, match: {} },
        { signal },
      ),
    ).toEqual([]);
  });
});

describe('retrieving', () => {
  it('gives studies, series and instances', async () => {
    const objects = study(3);
    await archive.store(objects.map(sourceOf), { signal });
    const [{ identity, bytes }] = objects as [GeneratedInstance];
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = identity;

    expect(await retrieve({ studyInstanceUid })).toHaveLength(3);
    expect(await retrieve({ studyInstanceUid, seriesInstanceUid })).toHaveLength(3);
    const [one, ...others] = await retrieve({
      studyInstanceUid,
      seriesInstanceUid,
      sopInstanceUid,
    });
    expect(others).toEqual([]);
    expect(one?.equals(dataSetIn(bytes))).toBe(true);
  });

  it('gives metadata without pixel data', async () => {
    const objects = study(2);
    await archive.store(objects.map(sourceOf), { signal });

    const metadata = await archive.metadata(
      { studyInstanceUid: objects[0]?.identity.studyInstanceUid as Uid },
      { signal },
    );

    expect(metadata).toHaveLength(2);
    expect(metadata[0]).toMatchObject({
      '00280010': { vr: 'US', Value: [16] },
      '00280030': { vr: 'DS' },
    });
    expect(Object.keys(metadata[0] ?? {})).not.toContain('7FE00010');
  });

  it('says when there is nothing', async () => {
    await expect(retrieve({ studyInstanceUid: '9.9' as Uid })).rejects.toThrow(NotFoundError);
    await expect(archive.metadata({ studyInstanceUid: '9.9' as Uid }, { signal })).rejects.toThrow(
      NotFoundError,
    );
  });

  it('B05 lets nothing but a UID become a path', async () => {
    await mkdir(join(folder, 'secret'));

    await expect(retrieve({ studyInstanceUid: '../secret' as Uid })).rejects.toThrow(NotFoundError);
  });
});

describe('a new start', () => {
  it.each(['kept', 'lost', 'cut', 'nonsense'])(
    'finds everything with the index %s',
    async (state) => {
      const objects = study(3);
      await archive.store(objects.map(sourceOf), { signal });
      const before = await archive.search({ level: 'instance', match: {} }, { signal });
      await archive.close();
      const index = join(folder, 'archive', 'index.jsonl');
      if (state === 'lost') await rm(index);
      if (state === 'cut') await writeFile(index, (await readFile(index)).subarray(0, 700));
      if (state === 'nonsense') await writeFile(index, '{}\nnull\n[1]\nx');

      archive = new EmbeddedArchive({ folder: join(folder, 'archive'), log: silentLogger });
      const after = await archive.search({ level: 'instance', match: {} }, { signal });

      expect(byUid(after)).toEqual(byUid(before));
      expect((await readFile(index, 'utf8')).trim().split('\n')).toHaveLength(3);
    },
  );

  it('reads a file again that somebody replaced', async () => {
    const objects = study(1);
    await archive.store(objects.map(sourceOf), { signal });
    await archive.close();
    const [{ identity, bytes }] = objects as [GeneratedInstance];
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = identity;
    const renamed = bytes.toString('latin1').replace('DEMO^DRAWBRIDGE ', 'SOMEBODY^ELSE');
    await writeFile(
      join(folder, 'archive', studyInstanceUid, seriesInstanceUid, `${sopInstanceUid}.dcm`),
      Buffer.from(renamed.replace('PN\x10\0SOMEBODY', 'PN\x0d\0SOMEBODY'), 'latin1'),
    );

    archive = new EmbeddedArchive({ folder: join(folder, 'archive'), log: silentLogger });

    expect(
      await archive.search({ level: 'study', match: { '00100010': 'Somebody*' } }, { signal }),
    ).toHaveLength(1);
  });

  it('forgets what somebody removed and sweeps what was half written', async () => {
    const objects = study(2);
    await archive.store(objects.map(sourceOf), { signal });
    await archive.close();
    const [{ identity }] = objects as [GeneratedInstance];
    const series = join(folder, 'archive', identity.studyInstanceUid, identity.seriesInstanceUid);
    await rm(join(series, `${identity.sopInstanceUid}.dcm`));
    await writeFile(join(series, '1.2.3.dcm'), 'not DICOM');
    await writeFile(join(series, 'notes.txt'), 'mine');
    await writeFile(join(folder, 'archive', '.incoming', '1-1'), 'half');

    archive = new EmbeddedArchive({ folder: join(folder, 'archive'), log: silentLogger });

    expect(await count('instance')).toBe(1);
    expect(await readdir(join(folder, 'archive', '.incoming'))).toEqual([]);
  });
});

function study(instances: number): readonly GeneratedInstance[] {
  return [...generateStudy({ instances, rows: 16, columns: 16, random: Math.random })];
}

function sourceOf({ identity, bytes }: GeneratedInstance): Part10Source {
  return {
    sopInstanceUid: identity.sopInstanceUid,
    sopClassUid: identity.sopClassUid,
    transferSyntaxUid: explicitLittleEndian,
    bytes: bytes.length,
    async *read() {
      await Promise.resolve();
      yield bytes.subarray(0, 300);
      yield bytes.subarray(300);
    },
  };
}

async function retrieve(
  selector: Parameters<EmbeddedArchive['retrieve']>[0],
): Promise<readonly Buffer[]> {
  const found: Buffer[] = [];
  for await (const object of archive.retrieve(selector, { signal })) {
    const chunks: Buffer[] = [];
    for await (const chunk of object.dataSet) chunks.push(Buffer.from(chunk));
    found.push(Buffer.concat(chunks));
  }
  return found;
}

function dataSetIn(file: Buffer): Buffer {
  return file.subarray(decodeFileHeader(file)?.dataSetOffset);
}

async function count(level: 'study' | 'instance'): Promise<number> {
  return (await archive.search({ level, match: {} }, { signal })).length;
}

function byUid(
  results: readonly Readonly<Record<string, { readonly Value?: readonly unknown[] }>>[],
) {
  return new Map(results.map((result) => [result['00080018']?.Value?.[0], result]));
}
