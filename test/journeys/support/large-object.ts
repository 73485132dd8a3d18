import { createHash } from 'node:crypto';
import { explicitVrLittleEndian } from '../../../src/dicom/transfer-syntax.ts';
import type { ObjectToSend } from '../../../src/dimse/store-user.ts';
import {
  delimiter,
  explicitElement,
  item,
  openSequence,
  sequenceEnd,
} from '../../support/data-set.ts';
import { newUid } from '../../support/dicom-object.ts';
import { uid } from '../../support/uid.ts';

/** An object that is made while it is sent: nobody ever holds it whole, and no file does. */
export interface LargeObject extends ObjectToSend {
  readonly bytes: number;
  /** SHA-256 of the data set; known once it has been sent. */
  digest(): string;
}

const MiB = 2 ** 20;
const pieceBytes = MiB;
const multiFrameSecondaryCapture = '1.2.840.10008.5.1.4.1.1.7.3';
const videoEndoscopic = '1.2.840.10008.5.1.4.1.1.77.1.1.1';
const mpeg4 = '1.2.840.10008.1.2.4.102';

/** Uncompressed frames in one pixel data element: below 4 GiB, which its length field cannot exceed. */
export function multiFrameObject(mebibytes: number): LargeObject {
  const pixelData = explicitElement(0x7fe00010, 'OW', '');
  pixelData.writeUInt32LE(mebibytes * MiB, 8);
  return largeObject(
    { sopClass: multiFrameSecondaryCapture, transferSyntax: explicitVrLittleEndian },
    { before: [pixelData], mebibytes, after: [] },
  );
}

/** A video in fragments, as long as it likes (PS3.5 §A.4). */
export function encapsulatedObject(mebibytes: number): LargeObject {
  const offsetTable = delimiter(item, 0);
  return largeObject(
    { sopClass: videoEndoscopic, transferSyntax: mpeg4 },
    {
      before: [openSequence(0x7fe00010, 'OB'), offsetTable],
      mebibytes,
      beforeEachPiece: delimiter(item, pieceBytes),
      after: [delimiter(sequenceEnd, 0)],
    },
  );
}

function largeObject(
  kind: { readonly sopClass: string; readonly transferSyntax: string },
  pixels: {
    readonly before: readonly Buffer[];
    readonly mebibytes: number;
    readonly beforeEachPiece?: Buffer;
    readonly after: readonly Buffer[];
  },
): LargeObject {
  const sop = newUid();
  const head = Buffer.concat([
    explicitElement(0x00080016, 'UI', padded(kind.sopClass)),
    explicitElement(0x00080018, 'UI', padded(sop)),
    explicitElement(0x00080060, 'CS', 'OT'),
    explicitElement(0x00100020, 'LO', 'LARGE1'),
    explicitElement(0x0020000d, 'UI', padded(newUid())),
    explicitElement(0x0020000e, 'UI', padded(newUid())),
    ...pixels.before,
  ]);
  const tail = Buffer.concat(pixels.after);
  const pieceHead = pixels.beforeEachPiece ?? Buffer.alloc(0);
  const hash = createHash('sha256');

  // eslint-disable-next-line @typescript-eslint/require-await -- the requester takes streams
  async function* dataSet(): AsyncGenerator<Buffer> {
    for (const chunk of chunks()) {
      hash.update(chunk);
      yield chunk;
    }
  }
  function* chunks(): Generator<Buffer> {
    yield head;
    for (let index = 0; index < pixels.mebibytes; index += 1) {
      if (pieceHead.length > 0) yield pieceHead;
      const piece = Buffer.alloc(pieceBytes, index % 251);
      // Two pieces that were swapped, or one that came twice, would not go unnoticed.
      piece.writeUInt32LE(index, 0);
      yield piece;
    }
    yield tail;
  }

  let digest: string | undefined;
  return {
    sopClassUid: uid(kind.sopClass),
    sopInstanceUid: sop,
    transferSyntaxUid: uid(kind.transferSyntax),
    bytes: head.length + pixels.mebibytes * (pieceBytes + pieceHead.length) + tail.length,
    dataSet,
    digest: () => (digest ??= hash.digest('hex')),
  };
}

function padded(text: string): string {
  return text.length % 2 === 0 ? text : `${text}\0`;
}
