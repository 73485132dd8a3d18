import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readFile } from 'node:fs/promises';
import { DicomWebArchive } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import type { ReadRequest } from '../../../src/archive/dicomweb-origin.ts';
import type { DicomJson } from '../../../src/dicom/dicom-json.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import { NotFoundError } from '../../../src/errors/origin-errors.ts';
import { InvalidQuestionError, NotAcceptableError } from '../../../src/errors/request-errors.ts';
import { noAuthorization } from '../../../src/oauth/authorization-source.ts';
import { parseMultipartRelated } from '../../../src/multipart/parser.ts';
import type { InstancePath } from '../../../src/translate/dicomweb-request.ts';
import type { QidoQuery } from '../../../src/translate/qido-query.ts';
import { startOrthanc } from '../../peers/orthanc.ts';
import type { Orthanc } from '../../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../../peers/peer.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import { hasSharedData, sharedFiles } from '../../support/shared-data.ts';
import { uid } from '../../support/dicom-object.ts';
import { RecordingSink } from './recording-sink.ts';

const publicRoot = 'https://pacs.example.org:8443/web/dicom';
const explicit = '1.2.840.10008.1.2.1';
const jpegLs = '1.2.840.10008.1.2.4.80';
const plain = 'application/octet-stream';
const noQuery: QidoQuery = { match: {}, includeField: [], fuzzyMatching: false };

/** The sample files these tests ask for. */
const names = [
  'objects/ct-explicit-le.dcm',
  'objects/ct-explicit-be.dcm',
  'objects/ct-jpegls-lossless.dcm',
  'objects/ct-j2k-lossless.dcm',
  'objects/ct-htj2k.dcm',
  'objects/pdf-explicit-le.dcm',
  'objects/us-mf-jpeg-baseline.dcm',
  'charsets/chrFren.dcm',
  'studies/doe-archibald/ct-17106.dcm',
  'studies/doe-archibald/ct-17136.dcm',
];

describe.skipIf(peersSkipped || !hasSharedData)('relaying to a real Orthanc', () => {
  const { signal } = new AbortController();
  const peers = new PeerGroup();
  const instances = new Map<string, InstancePath>();
  let orthanc: Orthanc;
  let archive: DicomWebArchive;

  beforeAll(async () => {
    orthanc = await peers.start(startOrthanc());
    archive = new DicomWebArchive({
      baseUrl: orthanc.dicomWebUrl,
      connections: 4,
      timeoutMs: 20_000,
      authorization: noAuthorization(),
      now: () => Date.now(),
      log: recordingLogger(),
    });
    for (const name of names) instances.set(name, await upload(name));
  });
  afterAll(async () => {
    await archive.close();
    await peers.stop();
  });

  async function upload(name: string): Promise<InstancePath> {
    const file = sharedFiles().find((each) => each.path === name);
    if (file === undefined) throw new Error(`no ${name}`);
    const body = await readFile(file.absolutePath);
    const kept = await fetch(`${orthanc.restUrl}/instances`, { method: 'POST', body });
    const { ID } = (await kept.json()) as { readonly ID: string };
    const tags = await fetch(`${orthanc.restUrl}/instances/${ID}/simplified-tags`);
    const { StudyInstanceUID, SeriesInstanceUID, SOPInstanceUID } = (await tags.json()) as Record<
      string,
      string
    >;
    return {
      studyInstanceUid: uid(StudyInstanceUID ?? ''),
      seriesInstanceUid: uid(SeriesInstanceUID ?? ''),
      sopInstanceUid: uid(SOPInstanceUID ?? ''),
    };
  }

  function instance(name: string): InstancePath {
    const found = instances.get(`objects/${name}.dcm`) ?? instances.get(`studies/${name}.dcm`);
    if (found === undefined) throw new Error(`no ${name}`);
    return found;
  }

  async function answerTo(request: ReadRequest): Promise<RecordingSink> {
    const sink = new RecordingSink();
    await archive.answer(request, sink, { signal, publicRoot });
    expect(sink).toMatchObject({ begins: 1, hasEnded: true });
    return sink;
  }

  async function partsOf({ head, body }: RecordingSink): Promise<readonly Buffer[]> {
    const parts: Buffer[] = [];
    const contentType = head?.headers['content-type'] ?? '';
    async function* chunks(): AsyncGenerator<Buffer> {
      yield await Promise.resolve(body);
    }
    for await (const part of parseMultipartRelated({ contentType, body: chunks(), maxParts: 99 })) {
      const pieces: Buffer[] = [];
      for await (const piece of part.body) pieces.push(Buffer.from(piece));
      parts.push(Buffer.concat(pieces));
    }
    return parts;
  }

  const syntaxOf = (file: Buffer | undefined): string | undefined =>
    file && decodeFileHeader(file)?.transferSyntaxUid;

  describe('searching', () => {
    const search = async (
      level: 'study' | 'series' | 'instance',
      query: Partial<QidoQuery>,
      of: Partial<InstancePath> = {},
    ): Promise<readonly DicomJson[]> => {
      const request = { kind: 'search', level, ...of, query: { ...noQuery, ...query } } as const;
      return (await answerTo(request)).json as readonly DicomJson[];
    };

    it('D34 finds studies, with Retrieve URLs that lead to us', async () => {
      const { studyInstanceUid } = instance('doe-archibald/ct-17106');

      const found = await search('study', { match: { '0020000D': studyInstanceUid } });

      expect(found).toHaveLength(1);
      expect(found[0]?.['00081190']?.Value).toEqual([`${publicRoot}/studies/${studyInstanceUid}`]);
    });

    it('asks at the level of the path', async () => {
      const { sopInstanceUid, ...series } = instance('doe-archibald/ct-17106');
      const { studyInstanceUid } = series;

      expect(await search('series', {}, { studyInstanceUid })).toHaveLength(1);
      const ofSeries = await search('instance', {}, series);

      expect(ofSeries.map((each) => each['00080018']?.Value?.[0])).toContain(sopInstanceUid);
      expect(ofSeries).toHaveLength(2);
      expect(await search('instance', {}, { studyInstanceUid })).toHaveLength(2);
    });

    it.each(['Doe^Archibald', 'doe*', '*arch?bald', 'Doe^Archi*'])(
      'matches %j, though Orthanc decodes nothing that is percent-encoded',
      async (name) => {
        const found = await search('study', { match: { '00100010': name } });

        expect(found).toHaveLength(1);
      },
    );

    it('matches a value with blanks, which Orthanc could not be told otherwise', async () => {
      const found = await search('study', { match: { '00081030': 'CT, HEAD/BRAIN WO CONTRAST' } });

      expect(found).toHaveLength(1);
      expect(await search('study', { match: { '00081030': 'CT, HEAD' } })).toEqual([]);
    });

    it('matches names for the bridge itself, too', async () => {
      const match = { '00100010': 'Doe^Archibald' };

      expect(await archive.search({ level: 'study', match }, { signal })).toHaveLength(1);
    });

    it.each(['Buc^Jérôme', '*jérôme'])('matches %j, with letters beyond ASCII', async (name) => {
      expect(await search('study', { match: { '00100010': name } })).toHaveLength(1);
    });

    it('finds several UIDs by a list of them', async () => {
      const studies = ['doe-archibald/ct-17106', 'pdf-explicit-le'].map(
        (name) => instance(name).studyInstanceUid,
      );

      expect(await search('study', { match: { '0020000D': studies.join(',') } })).toHaveLength(2);
    });

    it('has the attributes that are asked for included, every one', async () => {
      const [found] = await search('study', {
        match: { '00100010': 'Doe*' },
        includeField: ['00081030', '00080060'],
      });

      expect(found).toHaveProperty('00081030');
      expect(found).toHaveProperty('00080060');
    });

    it('F06 answers a search without results with an empty list', async () => {
      expect(await search('study', { match: { '00100020': 'NOBODY' } })).toEqual([]);
    });

    it('answers limit=0 with an empty list, where Orthanc would give everything', async () => {
      expect(await search('study', { limit: 0 })).toEqual([]);
    });

    it('pages by limit and offset', async () => {
      const all = await search('study', {});
      const first = await search('study', { limit: 2 });
      const rest = await search('study', { limit: 99, offset: 2 });

      expect([...first, ...rest]).toEqual(all);
      expect(first).toHaveLength(2);
    });

    it('F05 says that fuzzy matching is not to be had', async () => {
      const query = { ...noQuery, fuzzyMatching: true, limit: 1 };

      const { head } = await answerTo({ kind: 'search', level: 'study', query });

      expect(head?.headers['warning']).toBe(
        `299 ${publicRoot} "The fuzzymatching parameter is not supported. Only literal matching has been performed."`,
      );
    });
  });

  describe('metadata', () => {
    it('D34 have bulk data URIs that lead to us, and lead there indeed', async () => {
      const selector = instance('pdf-explicit-le');

      const sink = await answerTo({ kind: 'metadata', selector });

      const { studyInstanceUid: study, seriesInstanceUid: series, sopInstanceUid } = selector;
      const base = `${publicRoot}/studies/${study}/series/${series}/instances/${sopInstanceUid}`;
      expect(sink.json).toMatchObject([{ '00420011': { BulkDataURI: `${base}/bulk/00420011` } }]);
      expect(sink.text).not.toContain('127.0.0.1');
      expect(sink.head?.headers).toEqual({ 'content-type': 'application/dicom+json' });
    });

    it.each([
      ['study', 2],
      ['instance', 1],
    ] as const)('come for a whole %s', async (level, count) => {
      const { studyInstanceUid, ...rest } = instance('doe-archibald/ct-17106');
      const selector = level === 'study' ? { studyInstanceUid } : { studyInstanceUid, ...rest };

      expect((await answerTo({ kind: 'metadata', selector })).json).toHaveLength(count);
    });
  });

  describe('objects', () => {
    it('F10 come as they are stored when any transfer syntax will do', async () => {
      const selector = instance('ct-jpegls-lossless');

      const sink = await answerTo({
        kind: 'retrieve',
        selector,
        framing: 'multipart',
        transferSyntax: '*',
      });

      const [file, ...others] = await partsOf(sink);
      expect(file?.equals(await orthanc.file(selector.sopInstanceUid))).toBe(true);
      expect(others).toEqual([]);
      expect(sink.head?.headers['content-length']).toBe(String(sink.bytes));
    });

    it('F10 come in Explicit VR Little Endian when nothing is said', async () => {
      const selector = instance('ct-jpegls-lossless');

      const sink = await answerTo({ kind: 'retrieve', selector, framing: 'multipart' });

      const [file, ...others] = await partsOf(sink);
      expect(syntaxOf(file)).toBe(explicit);
      expect(file?.length).toBeGreaterThan(512 * 512 * 2);
      expect(others).toEqual([]);
    });

    it('F10 are not to be had in Explicit VR Little Endian where Orthanc cannot decompress', async () => {
      const selector = instance('ct-j2k-lossless');

      const answer = answerTo({ kind: 'retrieve', selector, framing: 'multipart' });

      await expect(answer).rejects.toThrow(NotAcceptableError);
    });

    it('F10 come in a transfer syntax by name when they are stored in it', async () => {
      const ask = (name: string, transferSyntax: string): Promise<RecordingSink> =>
        answerTo({
          kind: 'retrieve',
          selector: instance(name),
          framing: 'multipart',
          transferSyntax,
        });

      const [file] = await partsOf(await ask('ct-jpegls-lossless', jpegLs));

      expect(syntaxOf(file)).toBe(jpegLs);
      await expect(ask('ct-explicit-le', jpegLs)).rejects.toThrow(NotAcceptableError);
      await expect(ask('ct-explicit-le', '9.9.9')).rejects.toThrow(NotAcceptableError);
      expect((await answerTo({ kind: 'search', level: 'study', query: noQuery })).hasEnded).toBe(
        true,
      );
    });

    it('of a whole study come too, whose answer has no length', async () => {
      const { studyInstanceUid } = instance('doe-archibald/ct-17106');
      const selector = { studyInstanceUid };

      const sink = await answerTo({
        kind: 'retrieve',
        selector,
        framing: 'multipart',
        transferSyntax: '*',
      });

      expect(await partsOf(sink)).toHaveLength(2);
      expect(sink.head?.headers).not.toHaveProperty('content-length');
    });

    it('come alone, without multipart around them, for WADO-URI', async () => {
      const selector = instance('ct-explicit-le');

      const sink = await answerTo({
        kind: 'retrieve',
        selector,
        framing: 'single',
        transferSyntax: '*',
      });

      expect(sink.head?.headers['content-type']).toBe('application/dicom');
      expect(sink.body.equals(await orthanc.file(selector.sopInstanceUid))).toBe(true);
    });
  });

  describe('frames', () => {
    const frames = (
      name: string,
      form: { readonly mediaType?: string; readonly transferSyntax?: string; frames?: number[] },
    ): Promise<RecordingSink> =>
      answerTo({
        kind: 'frames',
        selector: instance(name),
        frames: [1],
        mediaType: plain,
        ...form,
      });

    it('come as they are stored, and name the archive nowhere', async () => {
      const sink = await frames('ct-jpegls-lossless', { transferSyntax: '*' });

      expect(sink.head?.headers['content-type']).toContain(`image/jls; transfer-syntax=${jpegLs}`);
      expect(await partsOf(sink)).toHaveLength(1);
      // Each part has a Content-Location, which is Orthanc's to write.
      expect(sink.body.includes('https://pacs.example.org:8443/')).toBe(true);
      expect(sink.body.includes('127.0.0.1')).toBe(false);
    });

    it('come several at a time', async () => {
      const sink = await frames('us-mf-jpeg-baseline', { transferSyntax: '*', frames: [2, 1, 3] });

      expect(await partsOf(sink)).toHaveLength(3);
    });

    it.each(['ct-explicit-le', 'ct-jpegls-lossless', 'ct-explicit-be'])(
      'F14 come decompressed when nothing is said: %s',
      async (name) => {
        const [frame] = await partsOf(await frames(name, {}));

        expect(frame).toHaveLength(512 * 512 * 2);
      },
    );

    it('come in Explicit VR Little Endian where Orthanc cannot give them as stored, big endian', async () => {
      const [frame] = await partsOf(await frames('ct-explicit-be', { transferSyntax: '*' }));

      expect(frame).toHaveLength(512 * 512 * 2);
    });

    it('never come compressed under the name of plain ones (HTJ2K, which Orthanc mistakes)', async () => {
      await expect(frames('ct-htj2k', {})).rejects.toThrow(NotAcceptableError);
      await expect(frames('ct-htj2k', { transferSyntax: '*' })).rejects.toThrow(NotAcceptableError);
    });

    it('F14 come in a compressed media type when they are stored in it, and else not', async () => {
      const asJpegLs = { mediaType: 'image/jls' };

      const sink = await frames('ct-jpegls-lossless', asJpegLs);

      expect(sink.head?.headers['content-type']).toContain('image/jls');
      await expect(frames('ct-explicit-le', asJpegLs)).rejects.toThrow(NotAcceptableError);
      await expect(
        frames('ct-jpegls-lossless', { mediaType: 'image/jp2', transferSyntax: '*' }),
      ).rejects.toThrow(NotAcceptableError);
    });

    it.each(['ct-explicit-le', 'ct-explicit-be', 'ct-j2k-lossless'])(
      'there are none beyond the last: %s',
      async (name) => {
        const answer = frames(name, { transferSyntax: '*', frames: [99] });

        await expect(answer).rejects.toThrow(NotFoundError);
      },
    );
  });

  describe('bulk data', () => {
    const bulkData = (mediaTypes: readonly string[], path = '00420011'): Promise<RecordingSink> =>
      answerTo({ kind: 'bulkdata', selector: instance('pdf-explicit-le'), path, mediaTypes });

    it('F18 come as plain bytes when the client takes them beside what it would rather have', async () => {
      const sink = await bulkData(['application/pdf', plain]);

      const [pdf] = await partsOf(sink);
      expect(pdf?.subarray(0, 5).toString()).toBe('%PDF-');
    });

    it('F18 are not to be had in another media type, nor where there are none', async () => {
      await expect(bulkData(['application/pdf'])).rejects.toThrow(NotAcceptableError);
      await expect(bulkData([plain], '00990099')).rejects.toThrow(NotFoundError);
    });
  });

  describe('pictures', () => {
    const picture = (
      kind: 'rendered' | 'thumbnail',
      form: {
        readonly mediaType?: string;
        readonly frames?: readonly number[];
        readonly parameters?: Readonly<Record<string, string>>;
        readonly name?: string;
      } = {},
    ): Promise<RecordingSink> => {
      const { name = 'ct-explicit-le', ...rest } = form;
      const selector = instance(name);
      return answerTo({ kind, selector, mediaType: 'image/jpeg', parameters: {}, ...rest });
    };

    it('F15 come rendered, in the size asked for', async () => {
      const sink = await picture('rendered', {
        frames: [1],
        parameters: { viewport: '100,100', quality: '50', window: '40,400,linear' },
      });

      expect(sink.head?.headers['content-type']).toBe('image/jpeg');
      expect(sizeOfJpeg(sink.body)).toEqual({ width: 100, height: 100 });
    });

    it('F16 are small as thumbnails, which Orthanc has not', async () => {
      const sink = await picture('thumbnail');

      expect(sizeOfJpeg(sink.body)).toEqual({ width: 128, height: 128 });
    });

    it.each(['99999999,99999999', '0,0', '4097,1'])(
      'F15 are not drawn in the size %s, which Orthanc would not bear',
      async (viewport) => {
        const answer = picture('rendered', { parameters: { viewport } });

        await expect(answer).rejects.toThrow(InvalidQuestionError);
      },
    );

    it('F15 are not to be had of frames there are not, in other media types, or of what is no image', async () => {
      await expect(picture('rendered', { frames: [2] })).rejects.toThrow(NotFoundError);
      await expect(picture('rendered', { mediaType: 'image/gif' })).rejects.toThrow(
        NotAcceptableError,
      );
      await expect(picture('rendered', { frames: [1, 2] })).rejects.toThrow(NotAcceptableError);
      await expect(picture('rendered', { name: 'pdf-explicit-le' })).rejects.toThrow(
        NotAcceptableError,
      );
    });
  });

  it.each(['retrieve', 'metadata', 'frames', 'bulkdata', 'rendered'] as const)(
    'D31 has no %s of an instance under a study that is not its own',
    async (kind) => {
      const { studyInstanceUid } = instance('doe-archibald/ct-17106');
      const selector = { ...instance('ct-explicit-le'), studyInstanceUid };
      const request: ReadRequest = {
        retrieve: { kind: 'retrieve', selector, framing: 'multipart', transferSyntax: '*' },
        metadata: { kind: 'metadata', selector },
        frames: { kind: 'frames', selector, frames: [1], mediaType: plain, transferSyntax: '*' },
        bulkdata: { kind: 'bulkdata', selector, path: '7FE00010', mediaTypes: [plain] },
        rendered: { kind: 'rendered', selector, mediaType: 'image/jpeg', parameters: {} },
      }[kind] as ReadRequest;

      await expect(answerTo(request)).rejects.toThrow(NotFoundError);
    },
  );
});

/** From the first start-of-frame segment (ITU-T T.81 §B.2.2). */
function sizeOfJpeg(file: Buffer): { readonly width: number; readonly height: number } {
  for (let at = 2; at + 9 < file.length; at += 2 + file.readUInt16BE(at + 2)) {
    if (file[at + 1] === 0xc0) {
      return { height: file.readUInt16BE(at + 5), width: file.readUInt16BE(at + 7) };
    }
  }
  throw new Error('no JPEG');
}
