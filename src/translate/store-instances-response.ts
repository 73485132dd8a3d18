import type { DicomJsonAttribute } from '../dicom/dicom-json.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';

/** The Store Instances Response Module as far as a sender needs it (PS3.18 Annex I). */
export interface StoreInstancesResponse {
  /** Referenced SOP Sequence (0008,1199): what was kept, with its Warning Reason if any. */
  readonly kept: ReadonlyMap<Uid, { readonly warningReason: number | undefined }>;
  /** Failed SOP Sequence (0008,1198): what was not, with its Failure Reason. */
  readonly failed: ReadonlyMap<Uid, { readonly failureReason: number | undefined }>;
}

/**
 * Reads the answer to a STOW-RS request in the DICOM JSON Model.
 *
 * Only what the content type declares to be HTML or XML is not tried: Orthanc 1.10 sends its 400
 * without any content type, others send `application/json` or `text/plain`.
 *
 * @returns `undefined` when the body is no such answer at all.
 */
export function readStoreInstancesResponse(
  body: string | undefined,
  contentType: string | undefined,
): StoreInstancesResponse | undefined {
  if (body === undefined || /html|xml/i.test(contentType ?? '')) return undefined;
  const parsed = parseJson(body);
  // Most send one data set; some wrap it into an array, as search answers are.
  const dataSets = Array.isArray(parsed) ? (parsed as readonly unknown[]) : [parsed];
  if (!dataSets.every(isRecord)) return undefined;

  const kept = new Map<Uid, { warningReason: number | undefined }>();
  const failed = new Map<Uid, { failureReason: number | undefined }>();
  for (const dataSet of dataSets) {
    for (const { uid, item } of itemsOf(dataSet['00081199'])) {
      kept.set(uid, { warningReason: numberOf(item['00081196']) });
    }
    for (const { uid, item } of itemsOf(dataSet['00081198'])) {
      failed.set(uid, { failureReason: numberOf(item['00081197']) });
    }
  }
  return { kept, failed };
}

type Item = Readonly<Record<string, unknown>>;

/** The items that name an instance; Orthanc sends an empty sequence without Value. */
function itemsOf(sequence: unknown): readonly { readonly uid: Uid; readonly item: Item }[] {
  const items: { uid: Uid; item: Item }[] = [];
  for (const item of valuesOf(sequence)) {
    if (!isRecord(item)) continue;
    const text = valuesOf(item['00081155'])[0];
    const uid = typeof text === 'string' ? parseUid(text) : undefined;
    if (uid !== undefined) items.push({ uid, item });
  }
  return items;
}

function numberOf(attribute: unknown): number | undefined {
  const value = valuesOf(attribute)[0];
  if (typeof value !== 'number' && typeof value !== 'string') return undefined;
  // Some write the number of a US as a string.
  const number = typeof value === 'string' && value.trim() === '' ? NaN : Number(value);
  return Number.isInteger(number) && number >= 0 && number <= 0xffff ? number : undefined;
}

function valuesOf(attribute: unknown): readonly unknown[] {
  if (!isRecord(attribute)) return [];
  const value = (attribute as Partial<DicomJsonAttribute>).Value;
  return Array.isArray(value) ? value : [];
}

function isRecord(value: unknown): value is Item {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return undefined;
  }
}
