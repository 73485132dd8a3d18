import type { DicomJson } from '../../dicom/dicom-json.ts';
import type { Part10Source, RetrievedObject } from '../../dicom/instance.ts';
import { dataSetOf } from '../../dicom/part10-stream.ts';
import { dataSetEncodingOf } from '../../dicom/transfer-syntax.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { BridgeError } from '../../errors/bridge-error.ts';
import { NotFoundError } from '../../errors/origin-errors.ts';
import type { Comparison } from '../../translate/stow-answer.ts';
import type { Archive, InstanceSelector } from '../archive.ts';

interface CompareOptions {
  readonly archive: Pick<Archive, 'search' | 'retrieve'>;
  readonly signal: AbortSignal;
  readonly trace: string | undefined;
}

/**
 * Compares an object with the one the archive has under its SOP Instance UID: their data sets, byte for
 * byte, without holding either. Group 0002 tells who wrote a file and when, so it may differ.
 *
 * @throws the signal's reason, and what reading the source threw.
 */
export async function compareWithArchived(
  instance: Part10Source,
  { archive, signal, trace }: CompareOptions,
): Promise<Comparison> {
  const options = { signal, ...(trace === undefined ? {} : { trace }) };
  // What reading our own copy throws is no word of the archive.
  let ownFailure: { readonly error: unknown } | undefined;
  try {
    const selector = await find(instance.sopInstanceUid, archive, options);
    for await (const object of archive.retrieve(selector, options)) {
      if (object.sopInstanceUid === instance.sopInstanceUid) {
        return await compare(instance, object, (error) => (ownFailure = { error }));
      }
    }
    throw new NotFoundError('the archive sent another object');
  } catch (error) {
    signal.throwIfAborted();
    if (ownFailure !== undefined) throw ownFailure.error;
    if (!(error instanceof BridgeError)) throw error;
    return error.transient || error.code === 'token_unavailable'
      ? { kind: 'not-now', why: `it cannot be compared now: ${error.message}` }
      : { kind: 'impossible', why: `it cannot be compared: ${error.message}` };
  }
}

/** Its study and series need not be ours: the archive may have the UID in another. */
async function find(
  sought: Uid,
  archive: CompareOptions['archive'],
  options: { readonly signal: AbortSignal },
): Promise<InstanceSelector> {
  const match = { '00080018': sought };
  const found = await archive.search({ level: 'instance', match, limit: 1 }, options);
  const result = found.find((dataSet) => uidIn(dataSet, '00080018') === sought);
  const studyInstanceUid = result && uidIn(result, '0020000D');
  const seriesInstanceUid = result && uidIn(result, '0020000E');
  if (studyInstanceUid === undefined || seriesInstanceUid === undefined) {
    throw new NotFoundError('a search does not find it');
  }
  return { studyInstanceUid, seriesInstanceUid, sopInstanceUid: sought };
}

async function compare(
  ours: Part10Source,
  theirs: RetrievedObject,
  noteFailure: (error: unknown) => void,
): Promise<Comparison> {
  if (ours.transferSyntaxUid !== theirs.transferSyntaxUid) {
    return { kind: 'impossible', why: 'gives it in another transfer syntax' };
  }
  const own = noting(dataSetOf(ours.read()), noteFailure);
  if (await areSame(own, theirs.dataSet)) return { kind: 'same' };
  // The same content can be deflated in many ways.
  return dataSetEncodingOf(ours.transferSyntaxUid).deflated
    ? { kind: 'impossible', why: 'the two are compressed as a whole, and not in the same way' }
    : { kind: 'different' };
}

async function* noting(
  chunks: AsyncIterable<Buffer>,
  noteFailure: (error: unknown) => void,
): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of chunks) yield chunk;
  } catch (error) {
    noteFailure(error);
    throw error;
  }
}

/** Whether two streams hold the same bytes; reads neither further than needed to tell. */
async function areSame(
  left: AsyncIterable<Buffer>,
  right: AsyncIterable<Buffer>,
): Promise<boolean> {
  const others = right[Symbol.asyncIterator]();
  let other: Buffer = Buffer.alloc(0);
  const more = async (): Promise<boolean> => {
    while (other.length === 0) {
      const next = await others.next();
      if (next.done === true) return false;
      other = next.value;
    }
    return true;
  };
  try {
    for await (let chunk of left) {
      while (chunk.length > 0) {
        if (!(await more())) return false;
        const length = Math.min(chunk.length, other.length);
        if (!chunk.subarray(0, length).equals(other.subarray(0, length))) return false;
        chunk = chunk.subarray(length);
        other = other.subarray(length);
      }
    }
    return !(await more());
  } finally {
    await others.return?.();
  }
}

function uidIn(dataSet: DicomJson, tag: string): Uid | undefined {
  const value = dataSet[tag]?.Value?.[0];
  return typeof value === 'string' ? parseUid(value) : undefined;
}
