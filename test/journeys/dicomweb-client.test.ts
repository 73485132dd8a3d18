import { readFile } from 'node:fs/promises';
import { api } from 'dicomweb-client';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startOrthanc } from '../peers/orthanc.ts';
import type { Orthanc } from '../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { buildPart10, newUid } from '../support/dicom-object.ts';
import { hasSharedData } from '../support/shared-data.ts';
import { XmlHttpRequest } from '../support/xml-http-request.ts';
import { createToken } from './support/access-token.ts';
import { storeSamples } from './support/sample-archive.ts';
import type { SampleInstance } from './support/sample-archive.ts';

type Options = Readonly<Record<string, unknown>>;

/** What is called of it; its own declarations want every option everywhere. */
type Client = Readonly<
  Record<
    | 'searchForStudies'
    | 'searchForSeries'
    | 'searchForInstances'
    | 'retrieveStudyMetadata'
    | 'retrieveSeriesMetadata'
    | 'retrieveInstanceMetadata'
    | 'retrieveStudy'
    | 'retrieveSeries'
    | 'retrieveInstance'
    | 'retrieveInstanceFrames'
    | 'retrieveInstanceRendered'
    | 'retrieveInstanceFramesRendered'
    | 'retrieveInstanceThumbnail'
    | 'retrieveBulkData'
    | 'storeInstances',
    (options?: Options) => Promise<unknown>
  > & { readonly buildInstanceWadoURIUrl: (options: Options) => string }
>;
const DicomWebClient = api.DICOMwebClient as unknown as new (options: Options) => Client;

const names = [
  'studies/doe-archibald/ct-17106.dcm',
  'studies/doe-archibald/ct-17136.dcm',
  'objects/us-mf-jpeg-baseline.dcm',
  'objects/pdf-explicit-le.dcm',
] as const;

/** dicomweb-client is what OHIF and many others ask archives with. */
describe.skipIf(peersSkipped || !hasSharedData)('dicomweb-client through the front', () => {
  const peers = new PeerGroup();
  let orthanc: Orthanc;
  let root = '';
  let token = '';
  let straight: Client;
  let front: Client;
  let samples: readonly SampleInstance[] = [];

  beforeAll(async () => {
    vi.stubGlobal('XMLHttpRequest', XmlHttpRequest);
    orthanc = await peers.start(startOrthanc());
    const bridge = await peers.start(startBridgeProcess({ UPSTREAM_URL: orthanc.dicomWebUrl }));
    root = `http://127.0.0.1:${bridge.httpPort}/dicom-web`;
    token = await createToken(bridge, '--scope', 'read,write');
    straight = clientOf(orthanc.dicomWebUrl);
    front = clientOf(root, token);
    samples = await storeSamples(orthanc, names);
  }, 60_000);
  afterAll(async () => {
    vi.unstubAllGlobals();
    await peers.stop();
  });

  const uidsOf = (index: number) => {
    const { study = '', series = '', instance = '' } = samples[index] ?? {};
    return { studyInstanceUID: study, seriesInstanceUID: series, sopInstanceUID: instance };
  };
  const inOurWords = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll(orthanc.dicomWebUrl, root));

  const [ct, movie, pdf] = [0, 2, 3];
  const stored = [{ mediaType: 'application/octet-stream', transferSyntaxUID: '*' }];

  it.each<[what: string, call: (client: Client) => Promise<unknown>]>([
    ['all studies', (client) => client.searchForStudies()],
    [
      'studies by name',
      (client) => client.searchForStudies({ queryParams: { PatientName: 'doe*', limit: 5 } }),
    ],
    ['series of a study', (client) => client.searchForSeries(uidsOf(ct))],
    ['all series', (client) => client.searchForSeries()],
    ['instances of a series', (client) => client.searchForInstances(uidsOf(ct))],
    ['all instances', (client) => client.searchForInstances()],
    ['metadata of a study', (client) => client.retrieveStudyMetadata(uidsOf(ct))],
    ['metadata of a series', (client) => client.retrieveSeriesMetadata(uidsOf(ct))],
    ['metadata of an instance', (client) => client.retrieveInstanceMetadata(uidsOf(pdf))],
    ['a study', (client) => client.retrieveStudy(uidsOf(ct))],
    ['a series', (client) => client.retrieveSeries(uidsOf(ct))],
    ['an instance', (client) => client.retrieveInstance(uidsOf(ct))],
    ['a frame', (client) => client.retrieveInstanceFrames({ ...uidsOf(ct), frameNumbers: '1' })],
    [
      'frames as they are stored',
      (client) =>
        client.retrieveInstanceFrames({
          ...uidsOf(movie),
          frameNumbers: '1,2',
          mediaTypes: stored,
        }),
    ],
    ['a picture', (client) => client.retrieveInstanceRendered(uidsOf(ct))],
    [
      'a picture as PNG',
      (client) =>
        client.retrieveInstanceRendered({
          ...uidsOf(ct),
          mediaTypes: [{ mediaType: 'image/png' }],
        }),
    ],
    [
      'a picture of a frame',
      (client) =>
        client.retrieveInstanceFramesRendered({
          ...uidsOf(movie),
          frameNumbers: '2',
          queryParams: { quality: 40 },
          mediaTypes: [{ mediaType: 'image/jpeg' }],
        }),
    ],
  ])('gets the same as from Orthanc itself: %s', async (_what, call) => {
    const expected = plain(await call(straight));
    const got = plain(await call(front));
    expect(sizeOf(expected)).toBeGreaterThan(0);
    // Compared beforehand: to print how two images differ takes minutes.
    expect(JSON.stringify(got) === JSON.stringify(inOurWords(expected))).toBe(true);
  });

  it('gets what Orthanc does not have: a thumbnail', async () => {
    await expect(straight.retrieveInstanceThumbnail(uidsOf(ct))).rejects.toMatchObject({
      status: 404,
    });
    const [picture] = (await front.retrieveInstanceThumbnail(uidsOf(ct))) as [ArrayBuffer];
    expect(Buffer.from(picture).subarray(0, 2).toString('hex')).toBe('ffd8');
  });

  it('follows the BulkDataURI of metadata to the front and gets the document', async () => {
    const uriOf = async (client: Client): Promise<string> => {
      const [document] = (await client.retrieveInstanceMetadata(uidsOf(pdf))) as [
        Readonly<Record<string, { readonly BulkDataURI?: string }>>,
      ];
      return document['00420011']?.BulkDataURI ?? '';
    };
    const uri = await uriOf(front);
    expect(uri.startsWith(`${root}/`)).toBe(true);
    const mediaTypes = ['application/pdf', 'application/octet-stream'].map((mediaType) => ({
      mediaType,
    }));
    const [bytes] = (await front.retrieveBulkData({
      BulkDataURI: uri,
      mediaTypes,
    })) as [ArrayBuffer];
    const [expected] = (await straight.retrieveBulkData({
      BulkDataURI: await uriOf(straight),
    })) as [ArrayBuffer];
    expect(Buffer.from(bytes).subarray(0, 4).toString()).toBe('%PDF');
    expect(Buffer.from(bytes).equals(Buffer.from(expected))).toBe(true);
  });

  it('stores, and reads of it what Orthanc itself would have answered', async () => {
    const sop = newUid();
    const datasets = [Uint8Array.from(buildPart10({ sop })).buffer];
    const read = async (client: Client) =>
      JSON.parse(String(await client.storeInstances({ datasets }))) as Record<string, unknown>;
    const got = await read(front);
    // Orthanc says besides that it refused nothing, and in which character set.
    const { '00081190': url, '00081198': refused, '00081199': kept } = await read(straight);
    expect(refused).toEqual({ vr: 'SQ' });
    expect(got).toEqual(inOurWords({ '00081190': url, '00081199': kept }));
    expect(JSON.stringify(got)).toContain(sop);
    expect(await orthanc.instances()).toContain(sop);
  });

  it('writes WADO-URI links that the front answers', async () => {
    const url = root.slice(0, root.lastIndexOf('/'));
    const links = new DicomWebClient({ url, wadoURLPrefix: 'wado' });
    const answer = await fetch(links.buildInstanceWadoURIUrl(uidsOf(movie)), {
      headers: { authorization: `Bearer ${token}` },
    });
    const { [movie]: name = '' } = names;
    const kept = await orthanc.file(uidsOf(movie).sopInstanceUID);
    expect([answer.status, answer.headers.get('content-type')], name).toEqual([
      200,
      'application/dicom',
    ]);
    expect(kept.equals(Buffer.from(await answer.arrayBuffer()))).toBe(true);
  });

  it.each<[what: string, call: (client: Client) => Promise<unknown>]>([
    ['studies', (client) => client.searchForStudies()],
    ['metadata', (client) => client.retrieveStudyMetadata(uidsOf(ct))],
    ['an instance', (client) => client.retrieveInstance(uidsOf(ct))],
    ['a frame', (client) => client.retrieveInstanceFrames({ ...uidsOf(ct), frameNumbers: '1' })],
    ['a picture', (client) => client.retrieveInstanceRendered(uidsOf(ct))],
    [
      'storing',
      async (client) => {
        const file = await readFile('package.json');
        return client.storeInstances({ datasets: [Uint8Array.from(file).buffer] });
      },
    ],
  ])('D01 gets nothing without a token, nor with another: %s', async (_what, call) => {
    for (const client of [clientOf(root), clientOf(root, `${token.slice(0, -4)}AAAA`)]) {
      await expect(call(client)).rejects.toMatchObject({ status: 401 });
    }
  });
});

function clientOf(url: string, token?: string): Client {
  const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` };
  return new DicomWebClient({ url, headers, verbose: false });
}

/** Buffers as text: what they hold is compared, not what the client hung on them. */
function plain(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('base64');
  return Array.isArray(value) ? value.map(plain) : value;
}

function sizeOf(value: unknown): number {
  return typeof value === 'string' || Array.isArray(value) ? value.length : 0;
}
