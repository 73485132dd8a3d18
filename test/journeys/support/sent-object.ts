import { readFile } from 'node:fs/promises';
import { DataSetWalker } from '../../../src/dicom/data-set-walker.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import { dataSetEncodingOf } from '../../../src/dicom/transfer-syntax.ts';
import type { Uid } from '../../../src/dicom/uid.ts';
import type { ObjectToSend } from '../../../src/dimse/store-user.ts';
import { buildPart10, newUid } from '../../support/dicom-object.ts';
import { uid } from '../../support/uid.ts';

/** An object our own requester sends, and the bytes its data set must still have at the far end. */
export interface SentObject extends ObjectToSend {
  readonly bytes: Buffer;
}

/** A valid Part 10 file, whatever its transfer syntax: its data set leaves as it stands. */
export async function objectFromFile(path: string): Promise<SentObject> {
  const part10 = await readFile(path);
  return objectFrom(part10);
}

/** A small generated object. */
export function newObject(options: Parameters<typeof buildPart10>[0] = {}): SentObject {
  return objectFrom(buildPart10({ ...options, sop: options.sop ?? newUid() }));
}

/** What follows group 0002, or all there is where there is none; whatever the group says or lacks. */
export function dataSetWithoutMeta(file: Buffer): Buffer {
  if (file.toString('latin1', 128, 132) !== 'DICM') return file;
  let at = 132;
  while (at + 8 <= file.length && file.readUInt16LE(at) === 0x0002) {
    const isLong = file.toString('latin1', at + 4, at + 6) === 'OB';
    at += isLong ? 12 + file.readUInt32LE(at + 8) : 8 + file.readUInt16LE(at + 6);
  }
  return file.subarray(at);
}

/** What follows group 0002. */
export function dataSetOf(part10: Buffer): Buffer {
  const header = decodeFileHeader(part10);
  if (header === undefined) throw new Error('no Part 10 file');
  return part10.subarray(header.dataSetOffset);
}

/** Bytes under whatever identity: the command set says what it is told to say, a UID or not. */
export function rawObject(
  bytes: Buffer,
  facts: { readonly sopClass: string; readonly sop: string; readonly transferSyntax: string },
): SentObject {
  return {
    sopClassUid: uid(facts.sopClass),
    sopInstanceUid: facts.sop as Uid,
    transferSyntaxUid: uid(facts.transferSyntax),
    bytes,
    dataSet: () => piecesOf(bytes),
  };
}

function objectFrom(part10: Buffer): SentObject {
  const header = decodeFileHeader(part10);
  if (header === undefined) throw new Error('no Part 10 file');
  const { transferSyntaxUid, dataSetOffset } = header;
  const bytes = part10.subarray(dataSetOffset);
  // Group 0002 of `nm-mf-explicit-le.dcm` does not name its SOP class.
  const sopClassUid = header.sopClassUid ?? uidIn(bytes, 0x00080016, transferSyntaxUid);
  const sopInstanceUid = header.sopInstanceUid ?? uidIn(bytes, 0x00080018, transferSyntaxUid);
  const dataSet = (): AsyncIterable<Buffer> => piecesOf(bytes);
  return { sopClassUid, sopInstanceUid, transferSyntaxUid, bytes, dataSet };
}

function uidIn(dataSet: Buffer, tag: number, transferSyntax: string): Uid {
  const walker = new DataSetWalker(dataSetEncodingOf(transferSyntax), new Set([tag]));
  walker.push(dataSet);
  return uid(walker.value(tag)?.toString('latin1') ?? '');
}

const pieceBytes = 100_000;

// eslint-disable-next-line @typescript-eslint/require-await -- the requester takes streams
async function* piecesOf(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}
