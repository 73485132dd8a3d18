import { Buffer } from 'node:buffer';
import type { Archive, SearchQuery } from '../archive/archive.ts';
import type { Uid } from '../dicom/uid.ts';
import type { SearchRequest } from '../translate/dicomweb-request.ts';
import { literalMatchingWarning } from '../translate/literal-matching.ts';
import { publicResult, textOf } from '../translate/public-result.ts';
import type { ResponseSink } from '../translate/response-sink.ts';

interface GrantedSearchOptions {
  readonly archive: Pick<Archive, 'search'>;
  /** What may be found, and nothing else. */
  readonly onlyStudies: ReadonlySet<Uid>;
  readonly publicRoot: string;
  readonly signal: AbortSignal;
}

/** Study Instance UID (0020,000D). */
const studyTag = '0020000D';

/**
 * A search for somebody who may see some studies only: each of them is asked for by itself, and every
 * result looked at again, because some archives pass over what they cannot match. `offset` and
 * `limit` count what is left, so that paging through the answer tells nothing of what is not in it
 * (HOSTILE D32).
 *
 * The first study is asked before the answer begins, so that an archive that is away is told as such.
 */
export async function searchGrantedStudies(
  request: SearchRequest,
  sink: ResponseSink,
  options: GrantedSearchOptions,
): Promise<void> {
  const { signal, publicRoot } = options;
  const headers = {
    'content-type': 'application/dicom+json',
    // No archive of ours is asked for more than that here: which of them could is not known.
    ...(request.query.fuzzyMatching && literalMatchingWarning(publicRoot)),
  };
  let separator = '[';
  let hasBegun = false;
  const write = async (text: string): Promise<void> => {
    if (!hasBegun) sink.begin({ status: 200, headers });
    hasBegun = true;
    if (!sink.write(Buffer.from(text))) await drained(sink, signal);
  };
  for await (const result of grantedResults(request, options)) {
    await write(separator + JSON.stringify(result));
    separator = ',';
  }
  await write(separator === '[' ? '[]' : ']');
  sink.end();
}

async function* grantedResults(
  { level, studyInstanceUid, seriesInstanceUid, query }: SearchRequest,
  { archive, onlyStudies, publicRoot, signal }: GrantedSearchOptions,
): AsyncGenerator<object> {
  const { [studyTag]: askedStudies, ...match } = query.match;
  const asked = askedStudies === undefined ? undefined : new Set(askedStudies.split(','));
  let toSkip = query.offset ?? 0;
  let wanted = query.limit ?? Infinity;
  for (const study of onlyStudies) {
    if (wanted === 0) return;
    const isAskedFor =
      (studyInstanceUid ?? study) === study && (asked === undefined || asked.has(study));
    if (!isAskedFor) continue;
    const search: SearchQuery = {
      level,
      studyInstanceUid: study,
      ...(seriesInstanceUid !== undefined && { seriesInstanceUid }),
      match,
      // What it is told apart by; where a path names the study, an archive may leave it out.
      includeField: query.includeField === 'all' ? 'all' : [...query.includeField, studyTag],
    };
    for (const result of await archive.search(search, { signal })) {
      if (textOf(result[studyTag]) !== study) continue;
      if (toSkip > 0) toSkip -= 1;
      else if (wanted > 0) {
        wanted -= 1;
        yield publicResult(result, { level, publicRoot });
      }
    }
  }
}

/** Resolves when there is room again; @throws the signal's reason when nobody will make any. */
async function drained(sink: ResponseSink, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await new Promise<void>((resolve, reject) => {
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave, { once: true });
    sink.drained(() => {
      signal.removeEventListener('abort', leave);
      resolve();
    });
  });
}
