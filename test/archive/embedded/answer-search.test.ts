import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generateStudy } from '../../../src/cli/demo/generate-study.ts';
import type { GeneratedInstance } from '../../../src/cli/demo/generate-study.ts';
import { element, elementHead } from '../../../src/cli/demo/data-element.ts';
import type { DicomJson } from '../../../src/dicom/dicom-json.ts';
import { newUid } from '../../support/dicom-object.ts';
import { ArchiveUnderTest, publicRoot, searchFor } from './archive-under-test.ts';
import { imageObject, sequence } from './image-object.ts';

let archive: ArchiveUnderTest;
let first: readonly [GeneratedInstance, ...GeneratedInstance[]];
let second: readonly [GeneratedInstance, ...GeneratedInstance[]];

beforeEach(async () => {
  archive = await ArchiveUnderTest.create();
  first = study(3, 'ADAMS^ADA');
  second = study(2, 'BROWN^BEN');
  await archive.store(...[...first, ...second].map(({ bytes }) => bytes));
});

afterEach(() => archive.close());

describe('a search', () => {
  it('F07 gives studies all that PS3.18 Table 10.6.3-3 requires', async () => {
    const [found, ...others] = await archive.search({ match: { '00100010': 'ADAMS*' } });

    const { studyInstanceUid } = first[0].identity;
    expect(others).toEqual([]);
    expect(found).toEqual({
      '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
      '00080020': { vr: 'DA', Value: ['20240101'] },
      '00080030': { vr: 'TM', Value: ['120000'] },
      '00080050': { vr: 'SH', Value: ['DEMO1'] },
      '00080056': { vr: 'CS', Value: ['ONLINE'] },
      '00080061': { vr: 'CS', Value: ['CT'] },
      '00080090': { vr: 'PN' },
      '00081030': { vr: 'LO', Value: ['made up'] },
      '00081190': { vr: 'UR', Value: [`${publicRoot}/studies/${studyInstanceUid}`] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: 'ADAMS^ADA' }] },
      '00100020': { vr: 'LO', Value: ['ID'] },
      '00100030': { vr: 'DA' },
      '00100040': { vr: 'CS', Value: ['O'] },
      '0020000D': { vr: 'UI', Value: [studyInstanceUid] },
      '00200010': { vr: 'SH', Value: ['1'] },
      '00201206': { vr: 'IS', Value: [1] },
      '00201208': { vr: 'IS', Value: [3] },
    });
  });

  it('F07 gives series and instances theirs, and those of the levels above', async () => {
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid, sopClassUid } =
      second[1]?.identity ?? {};
    const seriesUrl = `${publicRoot}/studies/${studyInstanceUid}/series/${seriesInstanceUid}`;

    const [series] = await archive.search({ level: 'series', ...ofStudy(second[0]) });
    const instances = await archive.search({ level: 'instance', ...ofStudy(second[0]) });

    expect(series).toMatchObject({
      '00080060': { vr: 'CS', Value: ['CT'] },
      '0008103E': { vr: 'LO', Value: ['Ball in a box'] },
      '00081190': { vr: 'UR', Value: [seriesUrl] },
      '00100010': { Value: [{ Alphabetic: 'BROWN^BEN' }] },
      '0020000E': { vr: 'UI', Value: [seriesInstanceUid] },
      '00200011': { vr: 'IS', Value: [1] },
      '00201209': { vr: 'IS', Value: [2] },
    });
    expect(instances).toHaveLength(2);
    expect(instances[1]).toMatchObject({
      '00080016': { vr: 'UI', Value: [sopClassUid] },
      '00080018': { vr: 'UI', Value: [sopInstanceUid] },
      '00080056': { vr: 'CS', Value: ['ONLINE'] },
      '00080060': { vr: 'CS', Value: ['CT'] },
      '00081190': { vr: 'UR', Value: [`${seriesUrl}/instances/${sopInstanceUid}`] },
      '00083002': { vr: 'UI', Value: ['1.2.840.10008.1.2.1'] },
      '00200013': { vr: 'IS', Value: [2] },
      '00280010': { vr: 'US', Value: [16] },
      '00280011': { vr: 'US', Value: [16] },
      '00280100': { vr: 'US', Value: [16] },
    });
  });

  it('has what is required even of objects that have it not', async () => {
    const bare = imageObject({ rows: 1, columns: 1, pixelData: Buffer.alloc(0) });
    const tags = ['00080020', '00080030', '00080090', '00100010', '00100030', '00200010'];
    await archive.store(renamed(bare.file, tags));

    const [found] = await archive.search({
      match: { '0020000D': bare.selector.studyInstanceUid },
    });

    expect(tags.map((tag) => found?.[tag])).toEqual([
      { vr: 'DA' },
      { vr: 'TM' },
      { vr: 'PN' },
      { vr: 'PN' },
      { vr: 'DA' },
      { vr: 'SH' },
    ]);
  });

  it('answers with an empty list when there is nothing', async () => {
    const answer = await archive.ask(searchFor({ match: { '00100020': 'nobody' } }));

    expect(answer.head).toEqual({
      status: 200,
      headers: { 'content-type': 'application/dicom+json' },
    });
    expect(answer.body.toString()).toBe('[]');
    expect(await archive.search({ level: 'series', studyInstanceUid: newUid() })).toEqual([]);
    expect(await archive.search({ limit: 0 })).toEqual([]);
  });

  it('writes attributes in the order of their tags', async () => {
    const answer = await archive.ask(
      searchFor({ level: 'instance', includeField: 'all', limit: 1 }),
    );

    // An object of this language has 20100010 before 00080005.
    const file = imageObject({
      ...{ rows: 1, columns: 1, pixelData: element('20100010', 'ST', 'STANDARD') },
    });
    await archive.store(file.file);
    const withLater = await archive.ask(
      searchFor({ level: 'instance', includeField: 'all', ...uidsOf(file) }),
    );
    expect(withLater.body.toString()).toContain('"20100010"');
    for (const { body } of [answer, withLater]) {
      const tags = [...body.toString().matchAll(/"([0-9A-F]{8})":\{/g)].map(([, tag]) => tag);
      expect(tags.length).toBeGreaterThan(30);
      expect(tags).toEqual(tags.toSorted());
    }
  });

  it('gives pages of one stable order', async () => {
    const all = await archive.search({ level: 'instance' });

    const pages: DicomJson[] = [];
    for (let offset = 0; offset < 6; offset += 2) {
      pages.push(...(await archive.search({ level: 'instance', limit: 2, offset })));
    }

    expect(all).toHaveLength(5);
    expect(pages).toEqual(all);
    expect(await archive.search({ level: 'instance', offset: 5 })).toEqual([]);
  });

  it.each([
    ['a wildcard, in any case', { '00100010': 'adams^?d*' }, 3],
    ['a list of UIDs', { '0020000D': 'both' }, 5],
    ['a range of dates', { '00080020': '20231231-20240101' }, 5],
    ['a range before them', { '00080020': '-20231231' }, 0],
    ['modalities of the study', { '00080061': 'CT' }, 5],
    ['an attribute that no index has', { '00080070': 'Draw*' }, 5],
    ['two of which one fails', { '00080060': 'CT', '00100020': 'X' }, 0],
    ['anything', { '00081111': '' }, 5],
  ])('matches by %s', async (_, match, expected) => {
    const both = `${first[0].identity.studyInstanceUid},${second[0].identity.studyInstanceUid}`;
    const given = Object.fromEntries(
      Object.entries(match).map(([tag, value]) => [tag, value === 'both' ? both : value]),
    );

    expect(await archive.search({ level: 'instance', match: given })).toHaveLength(expected);
  });

  it('matches inside sequences, of the index and beyond it', async () => {
    const request = sequence('00400275', [element('00400007', 'LO', 'Knee')]);
    const code = sequence('00081032', [element('00080100', 'SH', 'P5-09051')]);
    const { file } = imageObject({
      ...{ rows: 1, columns: 1, more: [], pixelData: Buffer.concat([request]) },
    });
    const other = imageObject({ rows: 1, columns: 1, pixelData: code });
    await archive.store(file, other.file);
    const search = (match: Readonly<Record<string, string>>) =>
      archive.search({ level: 'series', match });

    expect(await search({ '00400275.00400007': 'Kn*' })).toHaveLength(1);
    expect(await search({ '00400275.00400007': 'Hip' })).toHaveLength(0);
    expect(await search({ '00081032.00080100': 'P5-09051' })).toHaveLength(1);
    expect(await search({ '00081032.00080100': 'P5' })).toHaveLength(0);
    expect(await search({ '00081032.00080100': '*' })).toHaveLength(4);
  });

  it('includes what is asked for besides, as far as it belongs to the level', async () => {
    const includeField = ['00080070', '00080060', '00200013', '00281050', '00400275.00400007'];

    const [asStudy] = await archive.search({ includeField, limit: 1 });
    const [asInstance] = await archive.search({ level: 'instance', includeField, limit: 1 });

    expect(asStudy).toMatchObject({ '00080070': { vr: 'LO', Value: ['Drawbridge'] } });
    expect(asStudy).not.toHaveProperty('00080060');
    expect(asStudy).not.toHaveProperty('00200013');
    expect(asInstance).toMatchObject({
      '00080060': { Value: ['CT'] },
      '00080070': { Value: ['Drawbridge'] },
      '00281050': { Value: [200] },
    });
    expect(asInstance).not.toHaveProperty('00400275');
  });

  it('includes everything of an instance but bulk data', async () => {
    const [found] = await archive.search({ level: 'instance', includeField: 'all', limit: 1 });

    expect(found).toMatchObject({
      '00080008': { Value: ['ORIGINAL', 'PRIMARY', 'AXIAL'] },
      '00200037': { vr: 'DS', Value: [1, 0, 0, 0, 1, 0] },
      '00201208': { Value: [3] },
    });
    expect(found).not.toHaveProperty('7FE00010');
    expect(await archive.search({ includeField: 'all' })).toEqual(await archive.search());
  });

  it('says that it matches names as they are written, when asked for more', async () => {
    const answer = await archive.ask(searchFor({ fuzzyMatching: true }));

    expect(answer.header('warning')).toBe(
      `299 ${publicRoot} "The fuzzymatching parameter is not supported. Only literal matching has been performed."`,
    );
    expect(answer.json()).toHaveLength(2);
    expect((await archive.ask(searchFor({}))).header('warning')).toBe('');
  });
});

function study(
  instances: number,
  patientName: string,
): readonly [GeneratedInstance, ...GeneratedInstance[]] {
  const subject = { patientName, patientId: 'ID', description: 'made up' };
  const options = { instances, rows: 16, columns: 16, random: Math.random, subject };
  return [...generateStudy(options)] as [GeneratedInstance];
}

function ofStudy({ identity }: GeneratedInstance) {
  return { studyInstanceUid: identity.studyInstanceUid };
}

function uidsOf({ selector }: ReturnType<typeof imageObject>) {
  return { studyInstanceUid: selector.studyInstanceUid };
}

/** Puts elements out of the way that an object should have: under a private tag. */
function renamed(file: Buffer, tags: readonly string[]): Buffer {
  const changed = Buffer.from(file);
  for (const tag of tags) {
    const head = elementHead(tag, 'XX', 0).subarray(0, 4);
    const at = changed.indexOf(head);
    changed.writeUInt16LE(changed.readUInt16LE(at) + 1, at);
  }
  return changed;
}
