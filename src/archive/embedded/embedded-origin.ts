import type { DicomJson } from '../../dicom/dicom-json.ts';
import { BridgeError } from '../../errors/bridge-error.ts';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';
import {
  NotFoundError,
  OriginAnswerError,
  OriginUnavailableError,
} from '../../errors/origin-errors.ts';
import { NotAcceptableError } from '../../errors/request-errors.ts';
import type { InstancePath, ResourceSelector } from '../../translate/dicomweb-request.ts';
import type { ResponseSink } from '../../translate/response-sink.ts';
import type { AnswerOptions, DicomwebOrigin, ReadRequest } from '../dicomweb-origin.ts';
import { answerBulkData } from './answer-bulk-data.ts';
import { answerFrames } from './answer-frames.ts';
import { answerMetadata } from './answer-metadata.ts';
import { answerRetrieve } from './answer-retrieve.ts';
import { answerSearch } from './answer-search.ts';
import type { ArchiveIndex, IndexedInstance } from './archive-index.ts';
import { Part10File } from './part10-file.ts';

interface EmbeddedOriginOptions {
  readonly index: ArchiveIndex;
  /** Path of an instance's file. */
  readonly pathOf: (instance: IndexedInstance) => string;
  /** All attributes of an instance that are no bulk data. */
  readonly readAttributes: (instance: IndexedInstance) => Promise<DicomJson>;
}

/**
 * Answers DICOMweb requests from the files of an embedded archive and their index. Objects are given as
 * they are stored: nothing is transcoded, decoded or drawn.
 */
export class EmbeddedOrigin implements DicomwebOrigin {
  readonly #options: EmbeddedOriginOptions;

  constructor(options: EmbeddedOriginOptions) {
    this.#options = options;
  }

  async answer(request: ReadRequest, sink: ResponseSink, options: AnswerOptions): Promise<void> {
    try {
      await this.#answer(request, sink, options);
    } catch (error) {
      options.signal.throwIfAborted();
      throw asOriginError(error);
    }
  }

  async #answer(
    request: ReadRequest,
    sink: ResponseSink,
    { signal, publicRoot }: AnswerOptions,
  ): Promise<void> {
    const { index, pathOf } = this.#options;
    const readAttributes = (instance: IndexedInstance): Promise<DicomJson> => {
      signal.throwIfAborted();
      return this.#options.readAttributes(instance);
    };
    const target = { sink, signal };
    const urlOf = (selector: ResourceSelector): string => resourceUrl(publicRoot, selector);
    switch (request.kind) {
      case 'search':
        return answerSearch(request, { index, readAttributes, urlOf, publicRoot }, target);
      case 'metadata': {
        const instances = this.#select(request.selector);
        const places = instances.map((one) => ({ path: pathOf(one), url: urlOf(placeOf(one)) }));
        return answerMetadata(places, target);
      }
      case 'retrieve': {
        const instances = this.#select(request.selector);
        const places = instances.map((instance) => ({ instance, path: pathOf(instance) }));
        return answerRetrieve(request, places, target);
      }
      case 'frames':
        return this.#withFile(request.selector, (file) =>
          answerFrames(request, { file, url: urlOf(request.selector) }, target),
        );
      case 'bulkdata':
        return this.#withFile(request.selector, (file) =>
          answerBulkData(request, { file, url: urlOf(request.selector) }, target),
        );
      case 'rendered':
      case 'thumbnail':
        this.#select(request.selector);
        throw new NotAcceptableError(
          'the embedded archive draws no pictures: ask for frames, or for the instance',
        );
    }
  }

  async #withFile(
    selector: InstancePath,
    answer: (file: Part10File) => Promise<void>,
  ): Promise<void> {
    const [instance] = this.#select(selector);
    if (instance === undefined) return;
    const file = await Part10File.open(this.#options.pathOf(instance));
    try {
      await answer(file);
    } finally {
      await file.close();
    }
  }

  /** @throws {@link NotFoundError} when there are none. */
  #select(selector: ResourceSelector): readonly IndexedInstance[] {
    const found = this.#options.index.select(selector);
    if (found.length === 0) throw new NotFoundError('the archive does not have it');
    return found;
  }
}

function placeOf(instance: IndexedInstance): ResourceSelector {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = instance;
  return { studyInstanceUid, seriesInstanceUid, sopInstanceUid };
}

function resourceUrl(
  publicRoot: string,
  { studyInstanceUid, seriesInstanceUid, sopInstanceUid }: ResourceSelector,
): string {
  const series = seriesInstanceUid === undefined ? '' : `/series/${seriesInstanceUid}`;
  const instance = sopInstanceUid === undefined ? '' : `/instances/${sopInstanceUid}`;
  return `${publicRoot}/studies/${studyInstanceUid}${series}${instance}`;
}

/** What goes wrong in the folder, as another archive would say it. */
function asOriginError(error: unknown): unknown {
  if (error instanceof ObjectUnreadableError) {
    return new OriginAnswerError('the archive holds the object in a form that cannot be read', {
      cause: error,
    });
  }
  if (error instanceof BridgeError) return error;
  const { code } = error as { readonly code?: unknown };
  // Between the index and the file, somebody removed it.
  if (code === 'ENOENT') return new NotFoundError('the archive does not have it');
  return typeof code === 'string'
    ? new OriginUnavailableError('the archive folder cannot be read', { cause: error })
    : error;
}
