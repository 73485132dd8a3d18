import type { DicomJson } from '../../dicom/dicom-json.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';

/** The first UID an attribute holds. */
export function uidIn(attributes: DicomJson, tag: string): Uid | undefined {
  const value = attributes[tag]?.Value?.[0];
  return typeof value === 'string' ? parseUid(value) : undefined;
}
