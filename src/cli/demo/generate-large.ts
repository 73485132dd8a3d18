import type { InstanceIdentity, Part10Source } from '../../dicom/instance.ts';
import { explicitVrLittleEndian } from '../../dicom/transfer-syntax.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { element, elementHead, itemHead, undefinedLength } from './data-element.ts';
import { fileHeader, generalElements, imageElements } from './generate-study.ts';
import { drawSlice } from './picture.ts';
import { randomUid } from './random-uid.ts';

/** An object that is made while it is read, so that its size costs nothing. */
export interface GeneratedSource extends Part10Source {
  readonly identity: InstanceIdentity;
}

/** Multi-frame Grayscale Word Secondary Capture Image Storage. */
const multiFrameSecondaryCapture = parseUid('1.2.840.10008.5.1.4.1.1.7.3') as Uid;
/** Video Photographic Image Storage. */
const videoPhotographic = parseUid('1.2.840.10008.5.1.4.1.1.77.1.4.1') as Uid;
/** MPEG-4 AVC/H.264 High Profile / Level 4.1: a stream in fragments that need not be frames. */
const mpeg4 = '1.2.840.10008.1.2.4.102';

const maxPlainValueBytes = 2 ** 32 - 2;

/**
 * Makes one uncompressed multi-frame object; each frame begins with its number, so that a lost or
 * doubled one shows.
 *
 * @throws RangeError when the pixel data would not fit the 32-bit length of plain pixel data.
 */
export function generateMultiFrame(options: {
  readonly frames: number;
  readonly rows: number;
  readonly columns: number;
  readonly random: () => number;
}): GeneratedSource {
  const { frames, rows, columns, random } = options;
  const frame = drawSlice({ rows, columns, slice: 0, slices: 1 });
  const pixelBytes = frame.length * frames;
  if (pixelBytes > maxPlainValueBytes) throw new RangeError('too long for plain pixel data');
  const identity = newIdentity(multiFrameSecondaryCapture, random);
  const head = Buffer.concat([
    fileHeader(identity),
    ...generalElements(identity),
    element('00200013', 'IS', '1'),
    ...imageElements({ rows, columns, frames }),
    elementHead('7FE00010', 'OW', pixelBytes),
  ]);
  return source(identity, explicitVrLittleEndian, head.length + pixelBytes, function* () {
    yield head;
    for (let number = 0; number < frames; number += 1) {
      frame.writeUInt32LE(number, 0);
      yield frame;
    }
  });
}

/**
 * Makes one object with encapsulated pixel data (PS3.5 §A.4), which has no limit of 4 GiB. What is
 * in the fragments is no video, only their number over and over.
 *
 * @param options - `fragmentBytes` is even and at least 4.
 */
export function generateEncapsulated(options: {
  readonly fragments: number;
  readonly fragmentBytes: number;
  readonly random: () => number;
}): GeneratedSource {
  const { fragments, fragmentBytes, random } = options;
  const identity = newIdentity(videoPhotographic, random);
  const head = Buffer.concat([
    fileHeader(identity, mpeg4),
    ...generalElements(identity),
    element('00200013', 'IS', '1'),
    ...imageElements({ rows: 1080, columns: 1920, frames: 1 }),
    elementHead('7FE00010', 'OB', undefinedLength),
    itemHead('FFFEE000', 0), // an empty Basic Offset Table
  ]);
  const fragmentHead = itemHead('FFFEE000', fragmentBytes);
  const end = itemHead('FFFEE0DD', 0);
  const bytes = head.length + fragments * (fragmentHead.length + fragmentBytes) + end.length;
  return source(identity, mpeg4, bytes, function* () {
    const fragment = Buffer.alloc(fragmentBytes);
    const number = Buffer.alloc(4);
    yield head;
    for (let index = 0; index < fragments; index += 1) {
      number.writeUInt32LE(index);
      fragment.fill(number);
      yield fragmentHead;
      yield fragment;
    }
    yield end;
  });
}

function newIdentity(sopClassUid: Uid, random: () => number): InstanceIdentity {
  return {
    studyInstanceUid: randomUid(random),
    seriesInstanceUid: randomUid(random),
    sopInstanceUid: randomUid(random),
    sopClassUid,
  };
}

function source(
  identity: InstanceIdentity,
  transferSyntax: string,
  bytes: number,
  chunks: () => Generator<Buffer>,
): GeneratedSource {
  return {
    identity,
    sopInstanceUid: identity.sopInstanceUid,
    sopClassUid: identity.sopClassUid,
    transferSyntaxUid: parseUid(transferSyntax) as Uid,
    bytes,
    async *read() {
      for (const chunk of chunks()) yield await Promise.resolve(chunk);
    },
  };
}
