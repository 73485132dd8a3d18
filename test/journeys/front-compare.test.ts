import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dicomwebRoutes } from '../../src/translate/dicomweb-routes.ts';
import { startOrthanc } from '../peers/orthanc.ts';
import type { Orthanc } from '../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { hasSharedData } from '../support/shared-data.ts';
import { createToken } from './support/access-token.ts';
import { ask, contentOf, mediaTypeOf } from './support/plain-answer.ts';
import type { PlainAnswer } from './support/plain-answer.ts';
import { storeSamples } from './support/sample-archive.ts';
import type { SampleInstance } from './support/sample-archive.ts';

const samples = {
  ct: 'studies/doe-archibald/ct-17106.dcm',
  sibling: 'studies/doe-archibald/ct-17136.dcm',
  jpegLs: 'objects/ct-jpegls-lossless.dcm',
  movie: 'objects/us-mf-jpeg-baseline.dcm',
  multiFrame: 'objects/enhanced-mr-mf-explicit-le.dcm',
  pdf: 'objects/pdf-explicit-le.dcm',
  report: 'objects/sr-basic-explicit-le.dcm',
  video: 'objects/video-h264.dcm',
  french: 'charsets/chrFren.dcm',
} as const;
type Sample = keyof typeof samples;

const json = 'application/dicom+json';
const objects = 'multipart/related; type="application/dicom"';
const plain = 'multipart/related; type="application/octet-stream"';
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';
const explicit = '1.2.840.10008.1.2.1';

/** What a client may write for what a resource has, and what has to be refused with 406. */
const accepts = {
  json: {
    taken: [undefined, '*/*', json, 'application/json', `${json};q=0.9, text/html;q=0.1`],
    refused: [
      'application/dicom+xml',
      'multipart/related; type="application/dicom+xml"',
      'text/html',
    ],
  },
  objects: {
    taken: [
      undefined,
      '*/*',
      objects,
      'multipart/related; type=application/dicom',
      `${objects}; transfer-syntax=*`,
      'multipart/related; type=application/dicom; transfer-syntax=*',
    ],
    refused: ['text/html', 'application/zip', plain, 'application/dicom+json'],
  },
  frames: {
    taken: [
      undefined,
      '*/*',
      plain,
      'multipart/related; type=application/octet-stream; transfer-syntax=*',
      `${plain}; transfer-syntax=${explicit}`,
    ],
    refused: ['text/html', 'application/octet-stream', 'image/jpeg', objects],
  },
  bulkdata: {
    taken: [undefined, '*/*', plain, `multipart/related; type="application/pdf", ${plain}`],
    refused: ['text/html', 'application/pdf', 'multipart/mixed'],
  },
  pictures: {
    taken: [undefined, '*/*', 'image/jpeg', 'image/png'],
    refused: ['image/gif', 'video/mp4', 'text/html'],
  },
} as const;

const acceptsOf = {
  search: accepts.json,
  metadata: accepts.json,
  retrieve: accepts.objects,
  frames: accepts.frames,
  bulkdata: accepts.bulkdata,
  rendered: accepts.pictures,
  thumbnail: accepts.pictures,
} as const;

describe.skipIf(peersSkipped || !hasSharedData)('the front beside the Orthanc behind it', () => {
  const peers = new PeerGroup();
  let orthanc: Orthanc;
  let root = '';
  let authorization = '';
  const at = new Map<string, SampleInstance>();

  beforeAll(async () => {
    orthanc = await peers.start(startOrthanc());
    const bridge = await peers.start(startBridgeProcess({ UPSTREAM_URL: orthanc.dicomWebUrl }));
    root = `http://127.0.0.1:${bridge.httpPort}/dicom-web`;
    authorization = `Bearer ${await createToken(bridge, '--scope', 'read,write')}`;
    const stored = await storeSamples(orthanc, Object.values(samples));
    for (const sample of stored) at.set(sample.name, sample);
  }, 60_000);
  afterAll(() => peers.stop());

  const sample = (name: Sample): SampleInstance => {
    const found = at.get(samples[name]);
    if (found === undefined) throw new Error(`${name} was not stored`);
    return found;
  };
  const askFront = (path: string, accept: string | undefined, method = 'GET') =>
    ask(`${root}/${path}`, { method, headers: { ...acceptHeader(accept), authorization } });
  const askOrthanc = (path: string, accept: string | undefined) =>
    ask(`${orthanc.dicomWebUrl}/${path}`, { headers: acceptHeader(accept) });
  const inOurWords = (value: unknown): unknown =>
    JSON.parse(JSON.stringify(value).replaceAll(orthanc.dicomWebUrl, root));

  /** Both answer, and with the same, but for the address of the archive in it. */
  async function expectEqual(path: string, accept?: string): Promise<PlainAnswer> {
    const straight = await askOrthanc(path, accept);
    const front = await askFront(path, accept);
    const what = `${path} as ${accept ?? 'anything'}`;
    expect([straight.status, front.status], what).toEqual([200, 200]);
    expect(mediaTypeOf(front), what).toBe(mediaTypeOf(straight));
    const [expected, answered] = [await contentOf(straight), await contentOf(front)];
    // Compared beforehand: to print how two images differ takes minutes.
    const isEqual =
      expected.kind === 'json'
        ? JSON.stringify(answered) === JSON.stringify(inOurWords(expected))
        : Buffer.from(JSON.stringify(answered)).equals(Buffer.from(JSON.stringify(expected)));
    expect(isEqual, what).toBe(true);
    return front;
  }

  const pathOf = (template: string, { study, series, instance }: SampleInstance): string =>
    template
      .replace('{study}', study)
      .replace('{series}', series)
      .replace('{instance}', instance)
      .replace('{frames}', '1')
      .replace('{bulk}', template.includes('bulk') ? '00420011' : '');

  const readRoutes = dicomwebRoutes.filter(
    (route) => route.method === 'GET' && route.kind !== 'thumbnail',
  );

  it.each(
    readRoutes.map(({ template, kind }) => ({ template, kind: kind as keyof typeof acceptsOf })),
  )(
    'gives what Orthanc gives, for every Accept that has it: $template',
    async ({ template, kind }) => {
      const path = pathOf(template, sample(kind === 'bulkdata' ? 'pdf' : 'ct'));
      for (const accept of acceptsOf[kind].taken) await expectEqual(path, accept);
    },
    30_000,
  );

  it.each(
    dicomwebRoutes
      .filter(({ method }) => method === 'GET')
      .map(({ template, kind }) => ({ template, kind: kind as keyof typeof acceptsOf })),
  )('has 406 and what there is for every other Accept: $template', async ({ template, kind }) => {
    const path = pathOf(template, sample(kind === 'bulkdata' ? 'pdf' : 'ct'));
    for (const accept of acceptsOf[kind].refused) {
      const front = await askFront(path, accept);
      expect(front.status, accept).toBe(406);
      expect(mediaTypeOf(front), accept).toBe('application/problem+json');
      expect(JSON.parse(front.body.toString()), accept).toMatchObject({
        code: 'not_acceptable',
        detail: expect.stringMatching(/application\/|image\//) as unknown,
      });
    }
  });

  it('answers HEAD as GET without the body, which Orthanc does not', async () => {
    for (const { template, kind } of readRoutes) {
      const path = pathOf(template, sample(kind === 'bulkdata' ? 'pdf' : 'ct'));
      const [get, head] = [
        await askFront(path, undefined),
        await askFront(path, undefined, 'HEAD'),
      ];
      expect([head.status, mediaTypeOf(head), head.body.length], template).toEqual([
        200,
        mediaTypeOf(get),
        0,
      ]);
    }
  }, 60_000);

  it.each(Object.keys(samples) as Sample[])(
    'gives every object, its metadata and its frames as Orthanc has them: %s',
    async (name) => {
      const { path } = sample(name);
      await expectEqual(path, `${objects}; transfer-syntax=*`);
      await expectEqual(`${path}/metadata`);
      const isDrawn = !['pdf', 'report', 'video'].includes(name);
      if (!isDrawn) return;
      await expectEqual(path, objects);
      await expectEqual(`${path}/frames/1`, `${plain}; transfer-syntax=*`);
      await expectEqual(`${path}/frames/1`, plain);
      await expectEqual(`${path}/bulk/7FE00010`);
      await expectEqual(`${path}/rendered`, 'image/jpeg');
      const rendering = 'viewport=64,48&quality=40&window=40,400,linear';
      await expectEqual(`${path}/frames/1/rendered?${rendering}`, 'image/jpeg');
    },
    30_000,
  );

  it('gives several frames in one answer, in the order asked for', async () => {
    for (const name of ['movie', 'multiFrame'] as const) {
      for (const frames of ['1,2,3', '3,1', '2%2C4']) {
        const path = `${sample(name).path}/frames/${frames}`;
        const answered = await contentOf(await askFront(path, plain));
        const expected = await contentOf(await askOrthanc(path.replace('%2C', ','), plain));
        expect(answered).toMatchObject({ kind: 'parts' });
        expect(
          Buffer.from(JSON.stringify(answered)).equals(Buffer.from(JSON.stringify(expected))),
        ).toBe(true);
      }
    }
  });

  it.each([
    ['studies', 8],
    ['studies?PatientName=*', 8],
    ['studies?PatientName=doe*', 1],
    ['studies?PatientName=Doe^Archibald', 1],
    ['studies?PatientName=Nobody', 0],
    ['studies?00100020=77654033', 1],
    ['studies?PatientID=77654033&includefield=all', 1],
    ['studies?PatientID=77654033&includefield=00081030,00080060&includefield=PatientComments', 1],
    ['studies?StudyDate=19000101-20991231&ModalitiesInStudy=US', 1],
    ['studies?ModalitiesInStudy=CT&limit=1', 1],
    ['studies?limit=2&offset=1', 2],
    ['studies?offset=99', 0],
    ['series?Modality=CT', 2],
    ['series?Modality=DOC&includefield=SeriesDescription', 1],
    ['instances?SOPClassUID=1.2.840.10008.5.1.4.1.1.2', 3],
    ['instances?Rows=512', 1],
    ['studies/1.2.3/series', 0],
    ['studies/1.2.3/instances', 0],
  ])('finds what Orthanc finds: %s', async (path, count) => {
    const { body } = await expectEqual(path, json);
    expect(JSON.parse(body.toString())).toHaveLength(count);
  });

  it('finds studies by a list of UIDs', async () => {
    const list = [sample('ct'), sample('pdf')].map(({ study }) => study).join(',');
    const { body } = await expectEqual(`studies?StudyInstanceUID=${list},1.2.3`, json);
    expect(JSON.parse(body.toString())).toHaveLength(2);
  });

  /** Where Orthanc 1.10 does something else than PS3.18, and what the front makes of it. */
  describe('where Orthanc is not as the standard has it', () => {
    const both = async (path: string, accept?: string) => ({
      straight: await askOrthanc(path, accept),
      front: await askFront(path, accept),
    });
    const found = ({ body }: PlainAnswer) => (JSON.parse(body.toString()) as unknown[]).length;

    it('takes limit=0 for no results, where Orthanc gives all', async () => {
      const { straight, front } = await both('studies?limit=0');
      expect([found(straight), found(front)]).toEqual([8, 0]);
    });

    it.each(['Nonsense', '00090010', '00080003', '0008ZZZZ', 'PixelData', 'orderby'])(
      'refuses the parameter %s, which Orthanc passes over and gives everything',
      async (name) => {
        const { straight, front } = await both(`studies?${name}=x`);
        expect([straight.status, found(straight)]).toEqual([200, 8]);
        expect(front.status).toBe(400);
        expect(front.body.toString()).toContain(name);
      },
    );

    it('refuses a search within sequences, which Orthanc passes over and gives everything', async () => {
      const name = 'RequestAttributesSequence.ScheduledProcedureStepID';
      const { straight, front } = await both(`studies?${name}=x`);
      expect([found(straight), front.status]).toEqual([8, 400]);
    });

    it('decodes what is encoded in a value, which Orthanc does not', async () => {
      for (const [query, count] of [
        ['PatientName=Doe%5EArchibald', 1],
        ['PatientName=Buc%5EJ%C3%A9r%C3%B4me', 1],
        ['PatientName=Doe%5EArch%2A', 1],
      ] as const) {
        const { straight, front } = await both(`studies?${query}`);
        expect([found(straight), found(front)], query).toEqual([0, count]);
      }
      const { straight, front } = await both(
        'studies?PatientID=77654033&includefield=00081030%2C00080060',
      );
      const hasField = ({ body }: PlainAnswer) => body.includes('"00081030"');
      expect([hasField(straight), hasField(front)]).toEqual([false, true]);
    });

    it('gives a browser the metadata by its */*, which Orthanc refuses', async () => {
      const { straight, front } = await both(`${sample('ct').path}/metadata`, browser);
      expect([straight.status, front.status, mediaTypeOf(front)]).toEqual([400, 200, json]);
    });

    it('says that names are not matched fuzzily, where Orthanc is silent', async () => {
      const { straight, front } = await both('studies?PatientName=Doe*&fuzzymatching=true');
      expect(straight.headers['warning']).toBeUndefined();
      expect(front.headers['warning']).toMatch(/^299 .*fuzzymatching/);
    });

    it.each<
      [what: string, sample: Sample, path: string, accept: string, straight: number, front: number]
    >([
      ['a single object without multipart', 'ct', '', 'application/dicom', 400, 200],
      [
        'a transfer syntax it would have to compress to',
        'ct',
        '/frames/1',
        'multipart/related; type="image/jls"',
        200,
        406,
      ],
      [
        'a transfer syntax it cannot make',
        'ct',
        '/frames/1',
        'multipart/related; type="image/jp2"',
        500,
        406,
      ],
      [
        'frames as they are stored, in their media type',
        'jpegLs',
        '/frames/1',
        'multipart/related; type="image/jls"; transfer-syntax=*',
        400,
        200,
      ],
      ['plain frames of what it cannot decompress', 'video', '/frames/1', plain, 500, 406],
      ['an object it cannot decompress', 'video', '', objects, 500, 406],
      ['frames of what has none', 'report', '/frames/1', plain, 500, 406],
      ['a frame there is not', 'ct', '/frames/99', plain, 400, 404],
      ['one frame too many', 'ct', '/frames/1,2', plain, 400, 404],
      ['a picture of a frame there is not', 'movie', '/frames/99/rendered', 'image/jpeg', 400, 404],
      ['a picture of what has none', 'pdf', '/rendered', 'image/jpeg', 400, 406],
      [
        'bulk data in its own media type only',
        'pdf',
        '/bulk/00420011',
        'multipart/related; type="application/pdf"',
        400,
        406,
      ],
      ['bulk data there is not', 'ct', '/bulk/00420011', plain, 404, 404],
      ['a small picture', 'ct', '/thumbnail', 'image/jpeg', 404, 200],
      ['a small picture of a frame', 'movie', '/frames/2/thumbnail', 'image/png', 404, 200],
    ])('%s', async (_what, name, path, accept, straightStatus, frontStatus) => {
      const { straight, front } = await both(`${sample(name).path}${path}`, accept);
      expect([straight.status, front.status]).toEqual([straightStatus, frontStatus]);
      if (frontStatus >= 400) expect(mediaTypeOf(front)).toBe('application/problem+json');
    });

    it('gives the single object byte for byte', async () => {
      for (const syntax of ['', '; transfer-syntax=*']) {
        const { path } = sample('jpegLs');
        const one = await askFront(path, `application/dicom${syntax}`);
        const parts = await contentOf(await askOrthanc(path, `${objects}${syntax}`));
        const expected = parts.kind === 'parts' ? parts.parts[0]?.bytes : undefined;
        expect(mediaTypeOf(one)).toBe('application/dicom');
        expect(expected?.equals(one.body)).toBe(true);
      }
    });

    it('tries every form a client names, the best first', async () => {
      const compressed =
        'multipart/related; type="image/jls"; transfer-syntax=1.2.840.10008.1.2.4.80';
      const accept = `${compressed}, ${plain}; transfer-syntax=${explicit}`;
      for (const [name, mediaType] of [
        ['jpegLs', 'image/jls'],
        ['ct', 'application/octet-stream'],
      ] as const) {
        const front = await askFront(`${sample(name).path}/frames/1`, accept);
        expect([front.status, mediaTypeOf(front)]).toEqual([
          200,
          expect.stringContaining(mediaType),
        ]);
      }
    });

    it('D31 has one answer for all that is not there', async () => {
      for (const path of [
        'studies/1.2.3',
        'studies/1.2.3/metadata',
        `${sample('ct').path}/frames/9`,
      ]) {
        const front = await askFront(path, undefined);
        expect(front.status).toBe(404);
        expect(JSON.parse(front.body.toString())).toMatchObject({ status: 404, code: 'not_found' });
      }
    });
  });

  describe('WADO-URI', () => {
    const queryOf = ({ study, series, instance }: SampleInstance, more: string) =>
      `requestType=WADO&studyUID=${study}&seriesUID=${series}&objectUID=${instance}${more}`;
    const wado = (query: string) =>
      ask(`${root.replace('/dicom-web', '')}/wado?${query}`, { headers: { authorization } });

    it('gives an object byte for byte as Orthanc does', async () => {
      for (const name of ['ct', 'pdf', 'movie', 'video'] as const) {
        const query = queryOf(sample(name), '&contentType=application/dicom');
        const straight = await ask(`${orthanc.restUrl}/wado?${query}`);
        const front = await wado(`${query}&transferSyntax=*`);
        expect([straight.status, front.status], name).toEqual([200, 200]);
        expect(mediaTypeOf(front)).toBe('application/dicom');
        expect(front.body.equals(straight.body), name).toBe(true);
      }
    });

    it('gives the picture that the newer form gives', async () => {
      for (const [more, rendered] of [
        ['', 'rendered'],
        ['&contentType=image/jpeg&rows=64&columns=64', 'rendered?viewport=64,64'],
        ['&frameNumber=2&imageQuality=30', 'frames/2/rendered?quality=30'],
        ['&windowCenter=40&windowWidth=400', 'rendered?window=40,400,linear'],
      ]) {
        const front = await wado(queryOf(sample('movie'), more ?? ''));
        const straight = await askOrthanc(
          `${sample('movie').path}/${rendered ?? ''}`,
          'image/jpeg',
        );
        expect([front.status, mediaTypeOf(front)], more).toEqual([200, 'image/jpeg']);
        expect(front.body.equals(straight.body), more).toBe(true);
      }
    });

    it.each([
      ['&anonymize=yes', 400],
      ['&contentType=text/html', 406],
      ['&rows=99999', 400],
      ['&contentType=application/dicom&rows=10', 400],
    ])('refuses %s with %i', async (more, status) => {
      expect((await wado(queryOf(sample('ct'), more))).status).toBe(status);
    });
  });
});

function acceptHeader(accept: string | undefined): Readonly<Record<string, string>> {
  return accept === undefined ? {} : { accept };
}
