import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dicomwebRoutes } from '../../src/translate/dicomweb-routes.ts';
import { startOrthanc } from '../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { hasSharedData } from '../support/shared-data.ts';
import { createToken } from './support/access-token.ts';
import { ask } from './support/plain-answer.ts';
import type { PlainAnswer } from './support/plain-answer.ts';
import { storeSamples } from './support/sample-archive.ts';
import type { SampleInstance } from './support/sample-archive.ts';

const granted = ['studies/doe-archibald/ct-17106.dcm', 'studies/doe-archibald/ct-17136.dcm'];
const alsoGranted = 'objects/us-mf-jpeg-baseline.dcm';
const foreign = 'objects/enhanced-mr-mf-explicit-le.dcm';

/** What `drawbridge token create --study` allows, in front of an Orthanc that allows everything. */
describe.skipIf(peersSkipped || !hasSharedData)('a token for two studies of three', () => {
  const peers = new PeerGroup();
  let root = '';
  let limited = '';
  let unlimited = '';
  let writeOnly = '';
  let [own, , other, theirs] = [] as readonly SampleInstance[];

  beforeAll(async () => {
    const orthanc = await peers.start(startOrthanc());
    const bridge = await peers.start(startBridgeProcess({ UPSTREAM_URL: orthanc.dicomWebUrl }));
    root = `http://127.0.0.1:${bridge.httpPort}/dicom-web`;
    [own, , other, theirs] = await storeSamples(orthanc, [...granted, alsoGranted, foreign]);
    const studies = [own, other].flatMap((sample) => ['--study', sample?.study ?? '']);
    limited = await createToken(bridge, '--scope', 'read', ...studies);
    unlimited = await createToken(bridge, '--scope', 'read');
    writeOnly = await createToken(bridge, '--scope', 'write');
  }, 60_000);
  afterAll(() => peers.stop());

  const get = (path: string, token: string): Promise<PlainAnswer> =>
    ask(`${root}/${path}`, { headers: { authorization: `Bearer ${token}` } });
  const search = async (path: string, token = limited) => {
    const { status, body } = await get(path, token);
    expect(status, path).toBe(200);
    return (JSON.parse(body.toString()) as DataSet[]).map((result) => ({
      study: result['0020000D']?.Value?.[0],
      instance: result['00080018']?.Value?.[0],
    }));
  };
  const pathOf = (template: string, sample: SampleInstance | undefined): string =>
    template
      .replace('{study}', sample?.study ?? '')
      .replace('{series}', sample?.series ?? '')
      .replace('{instance}', sample?.instance ?? '')
      .replace('{frames}', '1')
      .replace('{bulk}', '7FE00010');
  const nobodys = { study: '1.2.3', series: '1.2.3.4', instance: '1.2.3.4.5' } as SampleInstance;

  it('D31 has, on every route, one answer for a study outside it and one that does not exist', async () => {
    const routes = dicomwebRoutes.filter(
      ({ method, kind }) => method === 'GET' && kind !== 'search',
    );
    for (const { template } of routes) {
      const [outside, nowhere] = [
        await get(pathOf(template, theirs), limited),
        await get(pathOf(template, nobodys), limited),
      ];
      expect(outside.status, template).toBe(404);
      expect(comparable(outside), template).toEqual(comparable(nowhere));
      const missing = await get(pathOf(template, nobodys), unlimited);
      expect(comparable(missing), template).toEqual(comparable(nowhere));
    }
    // It is there, for others.
    expect((await get(pathOf('studies/{study}', theirs), unlimited)).status).toBe(200);
  }, 60_000);

  it('reads, on every route, what is within it', async () => {
    for (const { template, kind, method } of dicomwebRoutes) {
      if (method !== 'GET' || kind === 'search') continue;
      const { status } = await get(pathOf(template, own), limited);
      expect(status, template).toBe(200);
    }
  }, 60_000);

  it('D32 finds only what is within it, whatever is searched for', async () => {
    const [mine, second, foreignStudy] = [own, other, theirs].map((sample) => sample?.study ?? '');
    const everything = await search('studies', unlimited);
    expect(everything).toHaveLength(3);
    const found = async (path: string) =>
      (await search(path)).map(({ study }) => study).sort((a = '', b = '') => (a < b ? -1 : 1));
    const both = [mine, second].sort((a = '', b = '') => (a < b ? -1 : 1));
    expect(await found('studies')).toEqual(both);
    expect(await found('series')).toEqual(both);
    expect(new Set(await found('instances'))).toEqual(new Set(both));
    expect(await search('instances')).toHaveLength(3);
    expect(await found(`studies?StudyInstanceUID=${mine ?? ''},${foreignStudy ?? ''}`)).toEqual([
      mine,
    ]);
    for (const path of [
      `studies?StudyInstanceUID=${foreignStudy ?? ''}`,
      `studies?0020000D=${foreignStudy ?? ''}`,
      `studies?SeriesInstanceUID=${theirs?.series ?? ''}`,
      `studies?SOPInstanceUID=${theirs?.instance ?? ''}`,
      `studies/${foreignStudy ?? ''}/series`,
      `studies/${foreignStudy ?? ''}/instances`,
      `studies/${foreignStudy ?? ''}/series/${theirs?.series ?? ''}/instances`,
      `series?SeriesInstanceUID=${theirs?.series ?? ''}`,
      `instances?SOPInstanceUID=${theirs?.instance ?? ''}`,
      'studies?ModalitiesInStudy=MR',
      'series?Modality=MR',
    ]) {
      expect(await search(path), path).toEqual([]);
    }
    expect(await search('series?Modality=MR', unlimited)).toHaveLength(1);
  });

  it('D32 pages through what is left, as though there were nothing else', async () => {
    for (const level of ['studies', 'series', 'instances']) {
      const all = await search(level);
      const paged: unknown[] = [];
      for (let offset = 0; offset < all.length; offset += 1) {
        const page = await search(`${level}?limit=1&offset=${offset}`);
        expect(page, `${level} ${offset}`).toHaveLength(1);
        paged.push(...page);
      }
      expect(paged).toEqual(all);
      expect(await search(`${level}?limit=1&offset=${all.length}`)).toEqual([]);
      expect(await search(`${level}?limit=0`)).toEqual([]);
    }
  });

  it('has 403 and the scope that lacks for a token that may only store', async () => {
    for (const path of ['studies', pathOf('studies/{study}', own), 'studies/1.2.3']) {
      const { status, headers } = await get(path, writeOnly);
      expect(status).toBe(403);
      expect(headers['www-authenticate']).toMatch(/error="insufficient_scope", scope="read"/);
    }
  });
});

type DataSet = Readonly<Record<string, { readonly Value?: readonly string[] }>>;

/** All of an answer but the moment it was given. */
function comparable({ status, headers, body }: PlainAnswer): object {
  return { status, headers: { ...headers, date: undefined }, body: body.toString() };
}
