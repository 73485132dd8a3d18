import { constants, createInflateRaw } from 'node:zlib';
import { DataSetWalker } from '../dicom/data-set-walker.ts';
import type { WalkerEncoding } from '../dicom/data-set-walker.ts';
import type { InstanceIdentity } from '../dicom/instance.ts';
import { openPart10 } from '../dicom/part10-stream.ts';
import type { FileHeader } from '../dicom/part10.ts';
import { dataSetEncodingOf } from '../dicom/transfer-syntax.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';
import { ObjectUnreadableError } from '../errors/object-errors.ts';

/** An object that is still arriving, and who it is as far as its first bytes tell. */
export interface ObjectHead {
  readonly header: FileHeader;
  /** From the data set itself; group 0002 may say anything. */
  readonly identity: Partial<InstanceIdentity>;
  /** Group 0002 and what stands before it, as it came. */
  readonly start: Buffer;
  /** All of the data set, from its first byte; can be read once. */
  readonly dataSet: AsyncGenerator<Buffer>;
}

/**
 * A segmentation of a thousand slices refers to each of them in (0008,1115), before its Study Instance
 * UID: a hundred bytes an instance.
 */
const maxHeadBytes = 1024 * 1024;

/** Of a deflated data set no more is taken, nor inflated: a bomb costs no more than an image. */
const maxDeflatedBytes = 64 * 1024;
const maxInflatedBytes = 1024 * 1024;

const tags = {
  sopClassUid: 0x00080016,
  sopInstanceUid: 0x00080018,
  studyInstanceUid: 0x0020000d,
  seriesInstanceUid: 0x0020000e,
} as const satisfies Record<keyof InstanceIdentity, number>;
const identifyingTags: ReadonlySet<number> = new Set(Object.values(tags));

/**
 * Reads as much of an object as it takes to know which one it is.
 *
 * @param chunks - of a Part 10 file; what is kept of them is copied.
 * @throws {@link ObjectUnreadableError} when it is no such file or its beginning cannot be followed.
 *   What reading the chunks threw, as it is.
 */
export async function readObjectHead(chunks: AsyncIterator<Buffer>): Promise<ObjectHead> {
  const { header, start, dataSet } = await openPart10(chunks);
  const { deflated, ...encoding } = dataSetEncodingOf(header.transferSyntaxUid);
  const walker = new DataSetWalker(encoding, identifyingTags);
  const mostBytes = deflated ? maxDeflatedBytes : maxHeadBytes;
  const read: Buffer[] = [];
  for (let bytes = 0; bytes < mostBytes && !isIdentified(walker);) {
    const next = await dataSet.next();
    if (next.done === true) break;
    const chunk = Buffer.from(next.value);
    read.push(chunk);
    bytes += chunk.length;
    if (!deflated) walker.push(chunk);
  }
  if (deflated) await inflateInto(walker, Buffer.concat(read));
  return { header, start, identity: identityIn(walker), dataSet: joined(read, dataSet) };
}

/**
 * Hands a data set on as long as none of its identifying elements comes twice: where one does, two
 * readers may take it for two different objects.
 *
 * @throws {@link ObjectUnreadableError} then, and where the data set cannot be followed.
 */
export async function* unambiguous(
  dataSet: AsyncIterable<Buffer>,
  encoding: WalkerEncoding,
): AsyncGenerator<Buffer> {
  const walker = new DataSetWalker(encoding, identifyingTags);
  for await (const chunk of dataSet) {
    walker.push(chunk);
    yield chunk;
  }
}

async function inflateInto(walker: DataSetWalker, deflated: Buffer): Promise<void> {
  const inflater = createInflateRaw({ finishFlush: constants.Z_SYNC_FLUSH });
  inflater.end(deflated);
  let bytes = 0;
  try {
    for await (const chunk of inflater as AsyncIterable<Buffer>) {
      walker.push(chunk);
      bytes += chunk.length;
      if (bytes >= maxInflatedBytes || isIdentified(walker)) return;
    }
  } catch (error) {
    if (error instanceof ObjectUnreadableError) throw error;
    throw new ObjectUnreadableError('deflated data set cannot be inflated');
  }
}

function identityIn(walker: DataSetWalker): Partial<InstanceIdentity> {
  const identity: { -readonly [Key in keyof InstanceIdentity]?: Uid } = {};
  for (const [name, tag] of Object.entries(tags)) {
    const uid = parseUid(walker.value(tag)?.toString('latin1') ?? '');
    if (uid !== undefined) identity[name as keyof InstanceIdentity] = uid;
  }
  return identity;
}

function isIdentified(walker: DataSetWalker): boolean {
  return Object.values(tags).every((tag) => walker.value(tag) !== undefined);
}

async function* joined(
  first: readonly Buffer[],
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  yield* first;
  yield* rest;
}
