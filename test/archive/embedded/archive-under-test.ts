import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ReadRequest } from '../../../src/archive/dicomweb-origin.ts';
import { EmbeddedArchive } from '../../../src/archive/embedded/embedded-archive.ts';
import type { DicomJson } from '../../../src/dicom/dicom-json.ts';
import type { Part10Source } from '../../../src/dicom/instance.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import type { Uid } from '../../../src/dicom/uid.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';
import type { InstancePath, SearchRequest } from '../../../src/translate/dicomweb-request.ts';
import { CollectingSink } from '../../support/collecting-sink.ts';

export const publicRoot = 'https://bridge.example/dicom-web';

/** An embedded archive in a folder of its own, and a client of it. */
export class ArchiveUnderTest {
  readonly folder: string;
  readonly archive: EmbeddedArchive;

  private constructor(folder: string) {
    this.folder = folder;
    this.archive = new EmbeddedArchive({ folder: join(folder, 'archive'), log: silentLogger });
  }

  static async create(): Promise<ArchiveUnderTest> {
    return new ArchiveUnderTest(await mkdtemp(join(tmpdir(), 'embedded-')));
  }

  /** Stores whole Part 10 files. */
  async store(...files: readonly Buffer[]): Promise<void> {
    await this.storeSources(...files.map(sourceOf));
  }

  async storeSources(...sources: readonly Part10Source[]): Promise<void> {
    const { signal } = new AbortController();
    const verdict = await this.archive.store(sources, { signal });
    const outcomes = verdict.kind === 'each' ? [...verdict.outcomes.values()] : [];
    if (outcomes.some(({ kind }) => kind !== 'delivered') || outcomes.length === 0) {
      throw new Error(`not stored: ${JSON.stringify(outcomes)}`);
    }
  }

  /** The whole answer. */
  async ask(request: ReadRequest): Promise<CollectingSink> {
    const sink = new CollectingSink();
    await this.askInto(sink, request);
    if (!sink.hasEnded) throw new Error('the answer has no end');
    return sink;
  }

  askInto(
    sink: CollectingSink,
    request: ReadRequest,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<void> {
    return this.archive.answer(request, sink, { signal, publicRoot });
  }

  /** The results of a search for studies, unless told otherwise. */
  async search(
    question: Partial<SearchRequest['query']> & Partial<Omit<SearchRequest, 'query' | 'kind'>> = {},
  ): Promise<readonly DicomJson[]> {
    return (await this.ask(searchFor(question))).json() as readonly DicomJson[];
  }

  /** Of the first instance of a study. */
  async metadata(selector: Pick<InstancePath, 'studyInstanceUid'>): Promise<DicomJson> {
    const [first] = (await this.ask({ kind: 'metadata', selector })).json() as [DicomJson];
    return first;
  }

  async close(): Promise<void> {
    await this.archive.close();
    await rm(this.folder, { recursive: true });
  }
}

export function searchFor({
  level = 'study',
  studyInstanceUid,
  seriesInstanceUid,
  ...query
}: Partial<SearchRequest['query']> &
  Partial<Omit<SearchRequest, 'query' | 'kind'>>): SearchRequest {
  return {
    kind: 'search',
    level,
    ...(studyInstanceUid !== undefined && { studyInstanceUid }),
    ...(seriesInstanceUid !== undefined && { seriesInstanceUid }),
    query: { match: {}, includeField: [], fuzzyMatching: false, ...query },
  };
}

function sourceOf(file: Buffer): Part10Source {
  const header = decodeFileHeader(file);
  return {
    sopInstanceUid: header?.sopInstanceUid as Uid,
    sopClassUid: header?.sopClassUid as Uid,
    transferSyntaxUid: header?.transferSyntaxUid as Uid,
    bytes: file.length,
    async *read() {
      yield await Promise.resolve(file);
    },
  };
}
