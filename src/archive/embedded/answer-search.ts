import type { DicomJson } from '../../dicom/dicom-json.ts';
import { gatherChunks } from '../../multipart/gather-chunks.ts';
import type { ResourceSelector, SearchRequest } from '../../translate/dicomweb-request.ts';
import { literalMatchingWarning } from '../../translate/literal-matching.ts';
import type { ArchiveIndex, IndexedInstance } from './archive-index.ts';
import { dicomJsonArray } from './dicom-json-text.ts';
import { searchIndex } from './search-index.ts';
import { sendAnswer } from './send-answer.ts';
import type { AnswerTarget } from './send-answer.ts';

interface SearchContext {
  readonly index: ArchiveIndex;
  /** All attributes of an instance that are no bulk data. */
  readonly readAttributes: (instance: IndexedInstance) => Promise<DicomJson>;
  /** Public URL of a study, series or instance. */
  readonly urlOf: (selector: ResourceSelector) => string;
  readonly publicRoot: string;
}

/** Sends what a search finds (PS3.18 §10.6.3). */
export function answerSearch(
  request: SearchRequest,
  context: SearchContext,
  target: AnswerTarget,
): Promise<void> {
  const headers = {
    'content-type': 'application/dicom+json',
    ...(request.query.fuzzyMatching && literalMatchingWarning(context.publicRoot)),
  };
  const results = dicomJsonArray(resultsOf(request, context));
  return sendAnswer({ status: 200, headers }, gatherChunks(results), target);
}

async function* resultsOf(
  request: SearchRequest,
  { index, readAttributes, urlOf }: SearchContext,
): AsyncGenerator<DicomJson> {
  const { level, studyInstanceUid, seriesInstanceUid, query } = request;
  const { match, includeField, limit, offset } = query;
  const question = {
    level,
    match,
    includeField,
    ...(studyInstanceUid !== undefined && { studyInstanceUid }),
    ...(seriesInstanceUid !== undefined && { seriesInstanceUid }),
    ...(limit !== undefined && { limit }),
    ...(offset !== undefined && { offset }),
  };
  const found = searchIndex(index, question, readAttributes);
  for await (const { attributes, example } of found) {
    const url = urlOf(selectorOf(level, example));
    yield { ...attributes, '00081190': { vr: 'UR', Value: [url] } };
  }
}

function selectorOf(level: SearchRequest['level'], example: IndexedInstance): ResourceSelector {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = example;
  return {
    studyInstanceUid,
    ...(level !== 'study' && { seriesInstanceUid }),
    ...(level === 'instance' && { sopInstanceUid }),
  };
}
