import type { Archive, SearchQuery } from '../archive/archive.ts';
import type { DicomJson } from '../dicom/dicom-json.ts';
import type { ResourceSelector } from '../translate/dicomweb-request.ts';
import { textOf } from '../translate/public-result.ts';

/** What is remembered; a series that is scrolled through has some hundreds of instances. */
const mostProofs = 10_000;

/**
 * Finds out whether a series or instance really lies in the study its path names. Not every archive
 * looks at more of a path than its last UID, and a grant speaks of studies: the path of a study one may
 * see must not lead to an object of another (HOSTILE D31).
 */
export class MembershipProof {
  readonly #archive: Pick<Archive, 'search'>;
  /** Only what is so: it stays so, since UIDs are not given anew. The oldest are forgotten first. */
  readonly #proven = new Set<string>();

  constructor(archive: Pick<Archive, 'search'>) {
    this.#archive = archive;
  }

  /** @throws what the archive's search throws. */
  async holds(
    selector: ResourceSelector,
    options: { readonly signal: AbortSignal },
  ): Promise<boolean> {
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = selector;
    if (seriesInstanceUid === undefined) return true;
    const key = [studyInstanceUid, seriesInstanceUid, sopInstanceUid].join(' ');
    if (this.#proven.has(key)) return true;
    const expected: readonly (readonly [tag: string, uid: string])[] = [
      ['0020000D', studyInstanceUid],
      ['0020000E', seriesInstanceUid],
      ...(sopInstanceUid === undefined ? [] : ([['00080018', sopInstanceUid]] as const)),
    ];
    const found = await this.#archive.search(questionFor(selector), options);
    const isIt = (result: DicomJson): boolean =>
      expected.every(([tag, uid]) => textOf(result[tag]) === uid);
    if (!found.some(isIt)) return false;
    this.#remember(key);
    return true;
  }

  #remember(key: string): void {
    this.#proven.add(key);
    if (this.#proven.size <= mostProofs) return;
    const [oldest] = this.#proven;
    if (oldest !== undefined) this.#proven.delete(oldest);
  }
}

function questionFor(selector: ResourceSelector): SearchQuery {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = selector;
  return {
    level: sopInstanceUid === undefined ? 'series' : 'instance',
    studyInstanceUid,
    ...(seriesInstanceUid !== undefined && { seriesInstanceUid }),
    match: sopInstanceUid === undefined ? {} : { '00080018': sopInstanceUid },
    includeField: ['0020000D', '0020000E'],
  };
}
