import { ObjectMismatchError, ObjectUnreadableError } from '../errors/object-errors.ts';
import { DataSetWalker } from './data-set-walker.ts';
import type { WalkerEncoding } from './data-set-walker.ts';
import type { InstanceIdentity } from './instance.ts';
import { parseUid } from './uid.ts';
import type { Uid } from './uid.ts';

const sopClassUidTag = 0x00080016;
const sopInstanceUidTag = 0x00080018;
const modalityTag = 0x00080060;
const studyInstanceUidTag = 0x0020000d;
const seriesInstanceUidTag = 0x0020000e;

/** The top-level elements an inspector needs to have walked. */
export const inspectedTags: ReadonlySet<number> = new Set([
  sopClassUidTag,
  sopInstanceUidTag,
  modalityTag,
  studyInstanceUidTag,
  seriesInstanceUidTag,
]);

/** What the C-STORE command said the object is. */
export interface ExpectedObject {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
}

/** What an inspector found. */
export interface InspectedObject extends InstanceIdentity {
  /** Modality (0008,0060), where the data set has one. */
  readonly modality: string | undefined;
}

/** Watches a data set go by and says at its end which instance it was. */
export interface ObjectInspector {
  /**
   * Takes the next bytes; to be awaited when it returns a promise.
   * @throws {@link ObjectUnreadableError}, {@link ObjectMismatchError} as soon as it shows.
   */
  push(chunk: Buffer): void | Promise<void>;
  /** @throws {@link ObjectUnreadableError}, {@link ObjectMismatchError} */
  finish(): InspectedObject | Promise<InspectedObject>;
}

/** An inspector for a data set that is not deflated: follows it to its last element. */
export function inspectPlainDataSet(
  encoding: WalkerEncoding,
  expected: ExpectedObject,
): ObjectInspector {
  const walker = new DataSetWalker(encoding, inspectedTags);
  return {
    push(chunk) {
      walker.push(chunk);
      refuseMismatch(walker, expected);
    },
    finish() {
      walker.end();
      return readInspected(walker, expected);
    },
  };
}

/**
 * Compares what has arrived so far with the command set.
 *
 * @throws {@link ObjectMismatchError} naming the elements (PS3.4 §B.2.3: data set does not match).
 */
export function refuseMismatch(walker: DataSetWalker, expected: ExpectedObject): void {
  const offending = [
    differs(walker.value(sopClassUidTag), expected.sopClassUid) ? sopClassUidTag : undefined,
    differs(walker.value(sopInstanceUidTag), expected.sopInstanceUid)
      ? sopInstanceUidTag
      : undefined,
  ].filter((tag) => tag !== undefined);
  if (offending.length === 0) return;
  throw new ObjectMismatchError('SOP UIDs of command and data set differ', offending);
}

/**
 * Reads what a data set that was walked far enough is.
 *
 * @throws {@link ObjectMismatchError} when a SOP UID is missing, {@link ObjectUnreadableError} when
 *   Study or Series Instance UID is: an archive would refuse it later, when the device is gone.
 */
export function readInspected(walker: DataSetWalker, expected: ExpectedObject): InspectedObject {
  refuseMismatch(walker, expected);
  const missing = [sopClassUidTag, sopInstanceUidTag].filter((tag) => !walker.value(tag));
  if (missing.length > 0) {
    throw new ObjectMismatchError('data set lacks SOP Class or Instance UID', missing);
  }
  const studyInstanceUid = uidIn(walker, studyInstanceUidTag);
  if (studyInstanceUid === undefined) {
    throw new ObjectUnreadableError('Study Instance UID missing or invalid');
  }
  const seriesInstanceUid = uidIn(walker, seriesInstanceUidTag);
  if (seriesInstanceUid === undefined) {
    throw new ObjectUnreadableError('Series Instance UID missing or invalid');
  }
  const { sopClassUid, sopInstanceUid } = expected;
  const modality = walker.value(modalityTag)?.toString('latin1').trim();
  return { sopClassUid, sopInstanceUid, studyInstanceUid, seriesInstanceUid, modality };
}

function differs(value: Buffer | undefined, expected: Uid): boolean {
  return value !== undefined && parseUid(value.toString('latin1')) !== expected;
}

function uidIn(walker: DataSetWalker, tag: number): Uid | undefined {
  const value = walker.value(tag);
  return value === undefined ? undefined : parseUid(value.toString('latin1'));
}
