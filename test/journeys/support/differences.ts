import type { Orthanc } from '../../peers/orthanc.ts';
import { dataSetOf } from './sent-object.ts';

/** Objects that Orthanc does not hold, or holds otherwise than they were sent: one line each. */
export async function differences(
  orthanc: Orthanc,
  sent: readonly { readonly sopInstanceUid: string; readonly bytes: Buffer }[],
): Promise<readonly string[]> {
  const held = new Set(await orthanc.instances());
  const problems: string[] = [];
  for (const { sopInstanceUid, bytes } of sent) {
    if (!held.has(sopInstanceUid)) problems.push(`${sopInstanceUid} is missing`);
    else if (!dataSetOf(await orthanc.file(sopInstanceUid)).equals(bytes)) {
      problems.push(`${sopInstanceUid} differs`);
    }
  }
  return problems;
}

/** Objects that Orthanc does not hold; quick for thousands. */
export async function missing(
  orthanc: Orthanc,
  sent: readonly { readonly sopInstanceUid: string }[],
): Promise<readonly string[]> {
  const held = new Set(await orthanc.instances());
  return sent.map(({ sopInstanceUid }) => sopInstanceUid).filter((sop) => !held.has(sop));
}
