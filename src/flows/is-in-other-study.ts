import type { Archive } from '../archive/archive.ts';
import type { Uid } from '../dicom/uid.ts';
import { textOf } from '../translate/public-result.ts';

/**
 * Says whether the archive has this instance in a study that is none of these. Where a UID comes a
 * second time, many an archive replaces what it had, wherever that was: who may add to one study could
 * take an object out of another.
 *
 * @throws what the archive's search throws.
 */
export async function isInOtherStudy(
  sopInstanceUid: Uid,
  studies: ReadonlySet<string>,
  archive: Pick<Archive, 'search'>,
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  const found = await archive.search(
    { level: 'instance', match: { '00080018': sopInstanceUid }, includeField: ['0020000D'] },
    options,
  );
  return found.some(
    (result) =>
      // Some archives ignore what they do not know how to match, and answer with all they have.
      textOf(result['00080018']) === sopInstanceUid &&
      !studies.has(textOf(result['0020000D']) ?? ''),
  );
}
