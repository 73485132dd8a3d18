import { parseAeTitle } from '../../src/dicom/ae-title.ts';
import type { AeTitle } from '../../src/dicom/ae-title.ts';
import { parseUid } from '../../src/dicom/uid.ts';
import type { Uid } from '../../src/dicom/uid.ts';

/** A UID a test knows to be valid. */
export function uid(text: string): Uid {
  const parsed = parseUid(text);
  if (parsed === undefined) throw new Error(`${text} is no UID`);
  return parsed;
}

/** An AE title a test knows to be valid. */
export function aeTitle(text: string): AeTitle {
  const parsed = parseAeTitle(text);
  if (parsed === undefined) throw new Error(`${text} is no AE title`);
  return parsed;
}
