import type { DicomJson, DicomJsonAttribute } from '../dicom/dicom-json.ts';
import type { Uid } from '../dicom/uid.ts';
import type { StoreInstancesResponse } from './store-instances-response.ts';

/** What is known of an object that came in. */
export interface ReportedInstance {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly studyInstanceUid?: Uid | undefined;
  readonly seriesInstanceUid?: Uid | undefined;
}

/** What was done with one part of a request. */
export type PartFate =
  | { readonly kind: 'sent'; readonly instance: ReportedInstance }
  /** Left out by us; without an instance where nobody can say which one it was. */
  | {
      readonly kind: 'left-out';
      readonly instance: ReportedInstance | undefined;
      readonly failureReason: number;
    };

/** Answer to a client that stored something. */
export interface StoreReport {
  readonly status: 200 | 202 | 409;
  readonly dataSet: DicomJson;
}

/** Failure Reasons (0008,1197) of our own. Source: PS3.18 Table I.2-2, PS3.7 Annex C. */
export const failureReasons = {
  processingFailure: 0x0110,
  notAuthorised: 0x0124,
  /** Of the data set and what the request says it is: here the study of its path. */
  studyMismatch: 0xa901,
  /** A data set without SOP Class or Instance UID. */
  lacksIdentity: 0xa900,
  cannotUnderstand: 0xc000,
} as const;

interface Item {
  readonly instance: ReportedInstance;
  readonly reason: number | undefined;
}

/**
 * Writes the Store Instances Response for a request whose parts met different fates.
 *
 * It is made from the objects themselves: of what the archive wrote, only the reasons it gave go on,
 * so that neither its address nor anything else of it is in there. An object it names nowhere counts
 * as failed, one it lists both ways too.
 *
 * @param fates - of all parts, in the order they came.
 * @param publicRoot - where clients find the DICOMweb root, without a slash at its end.
 * @see PS3.18 Table 10.5.3-1 and Annex I
 */
export function writeStoreReport(
  fates: readonly PartFate[],
  answer: StoreInstancesResponse,
  publicRoot: string,
): StoreReport {
  const kept: Item[] = [];
  const failed: Item[] = [];
  const others: number[] = [];
  for (const fate of fates) {
    if (fate.kind === 'sent') place(fate.instance, answer, kept, failed);
    else if (fate.instance === undefined) others.push(fate.failureReason);
    else failed.push({ instance: fate.instance, reason: fate.failureReason });
  }
  return {
    status: statusOf(kept, failed.length + others.length),
    dataSet: {
      '00081190': studyUrl(kept, publicRoot),
      ...sequence('00081198', failed, failedItem),
      ...sequence('00081199', kept, (item) => keptItem(item, publicRoot)),
      ...sequence('0008119A', others, (reason) => ({ '00081197': unsignedShort(reason) })),
    },
  };
}

function place(
  instance: ReportedInstance,
  answer: StoreInstancesResponse,
  kept: Item[],
  failed: Item[],
): void {
  const keptByArchive = answer.kept.get(instance.sopInstanceUid);
  const failedByArchive = answer.failed.get(instance.sopInstanceUid);
  if (keptByArchive !== undefined && failedByArchive === undefined) {
    kept.push({ instance, reason: keptByArchive.warningReason });
  } else {
    const reason = failedByArchive?.failureReason ?? failureReasons.processingFailure;
    failed.push({ instance, reason });
  }
}

/** A warning is worth a 202 too: not all went as it was sent. */
function statusOf(kept: readonly Item[], failures: number): StoreReport['status'] {
  if (kept.length === 0) return 409;
  return failures > 0 || kept.some(({ reason }) => reason !== undefined) ? 202 : 200;
}

/** Of the one study all that was kept is in; there is room for one only. */
function studyUrl(kept: readonly Item[], publicRoot: string): DicomJsonAttribute {
  const [study, ...more] = new Set(kept.map(({ instance }) => instance.studyInstanceUid));
  return url(study === undefined || more.length > 0 ? undefined : `${publicRoot}/studies/${study}`);
}

function keptItem({ instance, reason }: Item, publicRoot: string): DicomJson {
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = instance;
  const isPlaced = studyInstanceUid !== undefined && seriesInstanceUid !== undefined;
  return {
    ...reference(instance),
    '00081190': url(
      isPlaced
        ? `${publicRoot}/studies/${studyInstanceUid}/series/${seriesInstanceUid}/instances/${sopInstanceUid}`
        : undefined,
    ),
    ...(reason === undefined ? {} : { '00081196': unsignedShort(reason) }),
  };
}

function failedItem({ instance, reason }: Item): DicomJson {
  const failureReason = reason ?? failureReasons.processingFailure;
  return { ...reference(instance), '00081197': unsignedShort(failureReason) };
}

function reference({ sopClassUid, sopInstanceUid }: ReportedInstance): DicomJson {
  return {
    '00081150': { vr: 'UI', Value: [sopClassUid] },
    '00081155': { vr: 'UI', Value: [sopInstanceUid] },
  };
}

/** Retrieve URL is there even where it has no value (type 2). */
function url(value: string | undefined): DicomJsonAttribute {
  return { vr: 'UR', ...(value === undefined ? {} : { Value: [value] }) };
}

function unsignedShort(value: number): DicomJsonAttribute {
  return { vr: 'US', Value: [value] };
}

/** The sequences are there only when something is in them (type 1C). */
function sequence<Entry>(
  tag: string,
  entries: readonly Entry[],
  itemOf: (entry: Entry) => DicomJson,
): DicomJson {
  return entries.length === 0 ? {} : { [tag]: { vr: 'SQ', Value: entries.map(itemOf) } };
}
