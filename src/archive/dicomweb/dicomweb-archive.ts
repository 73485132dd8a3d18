import type { DicomJson } from '../../dicom/dicom-json.ts';
import type { Part10Source, RetrievedObject } from '../../dicom/instance.ts';
import {
  NotFoundError,
  OriginAnswerError,
  OriginRefusedError,
} from '../../errors/origin-errors.ts';
import type { DuplicatePolicy } from '../../translate/stow-answer.ts';
import type { StowVerdict } from '../../translate/stow-verdict.ts';
import type { ResponseSink } from '../../translate/response-sink.ts';
import type { StoreInstancesResponse } from '../../translate/store-instances-response.ts';
import type { Archive, InstanceSelector, SearchQuery } from '../archive.ts';
import type { AnswerOptions, DicomwebOrigin, ReadRequest } from '../dicomweb-origin.ts';
import type { ArrivingObject, StoreArrivingOptions, StoreOrigin } from '../store-origin.ts';
import { compareWithArchived } from './compare-duplicate.ts';
import { readJsonAnswer } from './json-answer.ts';
import { OriginClient } from './origin-client.ts';
import type { OriginAnswer, OriginClientOptions } from './origin-client.ts';
import { originQuirks, searchQuestion } from './origin-quirks.ts';
import type { OriginProduct } from './origin-quirks.ts';
import { DicomwebRelay } from './relay.ts';
import { resourcePath } from './resource-path.ts';
import { StorePassage } from './store-passage.ts';
import { stow } from './stow.ts';
import { acceptAsStored, readObjects } from './wado.ts';
import type { UploadShaper } from './upload-shaper.ts';

export interface DicomWebArchiveOptions extends OriginClientOptions {
  /** For archives that keep the three services apart: put between root and resource. */
  readonly stowPath?: string;
  readonly qidoPath?: string;
  readonly wadoPath?: string;
  /**
   * Whether each part's media type carries its transfer syntax (PS3.18 §8.7.3.5). Off unless asked
   * for: Orthanc's plugin 1.7 passes over such a part in silence and answers 200, and every Part 10
   * file names its transfer syntax itself.
   */
  readonly nameTransferSyntax?: boolean;
  /** What it means that the archive has an object already; `accept` unless told otherwise. */
  readonly duplicates?: DuplicatePolicy;
  /** How fast uploads go that are not urgent; as fast as they can without. */
  readonly shaper?: UploadShaper | undefined;
  /**
   * Whose peculiarities are reckoned with when it is asked. Orthanc's, the most careful, unless told
   * otherwise: it names itself in no answer, and asked otherwise than it can bear it dies.
   */
  readonly quirks?: OriginProduct | undefined;
  readonly now: () => number;
}

interface Cancellable {
  readonly signal: AbortSignal;
  readonly trace?: string;
}

/** Metadata of a study with thousands of instances has its size; an endless answer has not. */
const maxAnswerBytes = 64 * 1024 * 1024;

/** An archive behind PS3.18 web services. Opens its first connection with its first request. */
export class DicomWebArchive implements Archive, DicomwebOrigin, StoreOrigin {
  readonly #options: DicomWebArchiveOptions;
  /** Objects may keep all their connections busy for long; a question does not wait behind them. */
  readonly #uploads: OriginClient;
  readonly #passage: StorePassage;
  readonly #downloads: OriginClient;
  readonly #questions: OriginClient;
  readonly #relay: DicomwebRelay;

  constructor(options: DicomWebArchiveOptions) {
    this.#options = options;
    this.#uploads = new OriginClient(options);
    this.#passage = new StorePassage(options);
    this.#downloads = new OriginClient(options);
    this.#questions = new OriginClient(options);
    this.#relay = new DicomwebRelay(options);
  }

  store(
    batch: readonly Part10Source[],
    options: Cancellable & { readonly urgent?: boolean },
  ): Promise<StowVerdict> {
    const { signal, trace, urgent = false } = options;
    const { stowPath = '', shaper, now } = this.#options;
    const { nameTransferSyntax = false, duplicates = 'accept' } = this.#options;
    return stow(batch, {
      client: this.#uploads,
      path: `${stowPath}/studies`,
      nameTransferSyntax,
      duplicates,
      shaper: urgent ? undefined : shaper,
      now,
      signal,
      trace,
      isHeld: (instance) => this.#holds(instance, options),
      compare: (instance) => compareWithArchived(instance, { archive: this, signal, trace }),
    });
  }

  storeArriving(
    objects: AsyncIterable<ArrivingObject>,
    options: StoreArrivingOptions,
  ): Promise<StoreInstancesResponse> {
    return this.#passage.storeArriving(objects, options);
  }

  answer(request: ReadRequest, sink: ResponseSink, options: AnswerOptions): Promise<void> {
    return this.#relay.answer(request, sink, options);
  }

  async answers(options: Cancellable): Promise<boolean | undefined> {
    const { signal } = options;
    try {
      await this.search({ level: 'study', match: {}, limit: 1 }, options);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      // Who may store need not be allowed to search: that says nothing of the archive's health.
      return error instanceof OriginRefusedError ? undefined : false;
    }
  }

  async search(query: SearchQuery, options: Cancellable): Promise<readonly DicomJson[]> {
    const { qidoPath = '', quirks = 'orthanc', now } = this.#options;
    const path = `${qidoPath}${searchQuestion(query, originQuirks[quirks])}`;
    return readJsonAnswer(await this.#ask(path, options), now());
  }

  async metadata(selector: InstanceSelector, options: Cancellable): Promise<readonly DicomJson[]> {
    const { wadoPath = '', now } = this.#options;
    const answer = await this.#ask(`${wadoPath}${resourcePath(selector)}/metadata`, options);
    const dataSets = answer.status === 404 ? [] : readJsonAnswer(answer, now());
    if (dataSets.length === 0) throw new NotFoundError('the archive does not have it');
    return dataSets;
  }

  async *retrieve(
    selector: InstanceSelector,
    { signal, trace }: Cancellable,
  ): AsyncGenerator<RetrievedObject> {
    const { wadoPath = '', now } = this.#options;
    const path = `${wadoPath}${resourcePath(selector)}`;
    const headers = { accept: acceptAsStored };
    const answer = await this.#downloads.open({ method: 'GET', path, headers, trace }, signal);
    yield* readObjects(answer, now());
  }

  async close(): Promise<void> {
    const clients = [this.#uploads, this.#downloads, this.#questions];
    await Promise.all([...clients, this.#passage, this.#relay].map((client) => client.close()));
  }

  #ask(path: string, { signal, trace }: Cancellable): Promise<OriginAnswer> {
    const headers = { accept: 'application/dicom+json' };
    return this.#questions.exchange(
      { method: 'GET', path, headers, maxAnswerBytes, trace },
      signal,
    );
  }

  async #holds(instance: Part10Source, options: Cancellable): Promise<boolean | undefined> {
    const sought = instance.sopInstanceUid;
    try {
      const found = await this.search(
        { level: 'instance', match: { '00080018': sought }, limit: 1 },
        options,
      );
      // Some archives ignore what they do not know how to match, and answer with all they have.
      return found.some((dataSet) => dataSet['00080018']?.Value?.[0] === sought);
    } catch (error) {
      // A client that may store need not be one that may search.
      if (error instanceof OriginRefusedError || error instanceof OriginAnswerError)
        return undefined;
      throw error;
    }
  }
}
