import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DicomJson } from '../../src/dicom/dicom-json.ts';
import { startOrthanc } from '../peers/orthanc.ts';
import type { Orthanc } from '../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { hasSharedData } from '../support/shared-data.ts';
import { createToken } from './support/access-token.ts';
import { storeSamples } from './support/sample-archive.ts';
import type { SampleInstance } from './support/sample-archive.ts';

const own = 'studies/doe-archibald/ct-17106.dcm';
const sibling = 'studies/doe-archibald/ct-17136.dcm';
const foreign = 'objects/pdf-explicit-le.dcm';
const another = 'objects/enhanced-mr-mf-explicit-le.dcm';

describe.skipIf(peersSkipped || !hasSharedData)('a token for one study, with Orthanc', () => {
  const peers = new PeerGroup();
  let orthanc: Orthanc;
  let root = '';
  let limited = '';
  let full = '';
  const at = new Map<string, SampleInstance>();

  beforeAll(async () => {
    orthanc = await peers.start(startOrthanc());
    const bridge = await peers.start(startBridgeProcess({ UPSTREAM_URL: orthanc.dicomWebUrl }));
    root = `http://127.0.0.1:${bridge.httpPort}/dicom-web`;
    for (const stored of await storeSamples(orthanc, [own, sibling, foreign, another])) {
      at.set(stored.name, stored);
    }
    const { study } = sample(own);
    full = await createToken(bridge, '--scope', 'read');
    limited = await createToken(bridge, '--scope', 'read', '--study', study);
  }, 60_000);
  afterAll(() => peers.stop());

  const sample = (name: string): SampleInstance => {
    const found = at.get(name);
    if (found === undefined) throw new Error(`${name} was not stored`);
    return found;
  };
  const get = (path: string, token = limited): Promise<Response> =>
    fetch(`${root}/${path}`, { headers: { authorization: `Bearer ${token}` } });
  const search = async (path: string, token = limited): Promise<readonly DicomJson[]> =>
    (await (await get(path, token)).json()) as readonly DicomJson[];
  const studiesOf = (results: readonly DicomJson[]): readonly unknown[] => [
    ...new Set(results.map((result) => result['0020000D']?.Value?.[0])),
  ];

  it.each(['studies', 'series', 'instances', 'studies?PatientName=*', 'series?Modality=*'])(
    'D32 finds its study and no other: %s',
    async (path) => {
      const everything = studiesOf(await search(path, full));
      expect(everything.length).toBeGreaterThan(1);

      expect(studiesOf(await search(path))).toEqual([sample(own).study]);
    },
  );

  it('D32 finds the same of it as a token for everything', async () => {
    const { study } = sample(own);

    for (const path of [
      `studies?StudyInstanceUID=${study}`,
      `studies?StudyInstanceUID=${study}&includefield=00081030,00100040`,
      `studies/${study}/series`,
      `studies/${study}/instances?includefield=00280010`,
    ]) {
      const found = await search(path);

      expect(found.length).toBeGreaterThan(0);
      expect(inOrder(found)).toEqual(inOrder(await search(path, full)));
    }
  });

  it('D32 finds nothing of others by their UID, name or page', async () => {
    const { study } = sample(foreign);

    expect(await search(`studies?StudyInstanceUID=${study}`)).toEqual([]);
    expect(await search(`studies/${study}/series`)).toEqual([]);
    expect(await search('studies?limit=1&offset=1')).toEqual([]);
    expect(await search('studies?limit=1&offset=0')).toHaveLength(1);
    const both = `${study},${sample(own).study}`;
    expect(studiesOf(await search(`studies?StudyInstanceUID=${both}`))).toEqual([
      sample(own).study,
    ]);
  });

  it.each([
    '',
    '/metadata',
    '/rendered',
    '/thumbnail',
    '/series/{series}',
    '/series/{series}/metadata',
    '/series/{series}/instances/{instance}',
    '/series/{series}/instances/{instance}/metadata',
    '/series/{series}/instances/{instance}/frames/1',
    '/series/{series}/instances/{instance}/frames/1/rendered',
    '/series/{series}/instances/{instance}/bulk/00420011',
  ])('D31 is told of another study what it is told of one that nobody has: %s', async (below) => {
    const exists = sample(foreign);
    const path = below.replace('{series}', exists.series).replace('{instance}', exists.instance);

    const foreignStudy = await tell(await get(`studies/${exists.study}${path}`));
    const noStudy = await tell(await get(`studies/1.2.3.4.5${path}`));

    expect(foreignStudy).toEqual(noStudy);
    expect(foreignStudy.status).toBe(404);
  });

  it('D31 gets nothing of another study by way of its own', async () => {
    const { study, series } = sample(own);
    const other = sample(foreign);

    for (const path of [
      `series/${other.series}/metadata`,
      `series/${other.series}/instances/${other.instance}`,
      `series/${series}/instances/${other.instance}/metadata`,
      `series/${other.series}/instances/${other.instance}/bulk/00420011`,
    ]) {
      expect((await get(`studies/${study}/${path}`)).status).toBe(404);
    }
  });

  it('gets its own study at every level', async () => {
    const { study, series, path: instance } = sample(own);

    for (const path of [
      `studies/${study}`,
      `studies/${study}/metadata`,
      `studies/${study}/series/${series}/metadata`,
      `${instance}/frames/1`,
    ]) {
      const answer = await get(path);
      expect(answer.status).toBe(200);
      expect((await answer.arrayBuffer()).byteLength).toBeGreaterThan(0);
    }
  });
});

/** By their UIDs: the standard leaves the order open. */
function inOrder(results: readonly DicomJson[]): readonly DicomJson[] {
  const uidsOf = (result: DicomJson): string =>
    ['0020000E', '00080018'].map((tag) => String(result[tag]?.Value?.[0])).join();
  return results.toSorted((a, b) => (uidsOf(a) < uidsOf(b) ? -1 : 1));
}

async function tell(answer: Response): Promise<{ readonly status: number }> {
  const headers = [...answer.headers].filter(([name]) => name !== 'date');
  return { status: answer.status, ...{ headers, body: await answer.text() } };
}
