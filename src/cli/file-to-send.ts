import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { DataSetWalker } from '../dicom/data-set-walker.ts';
import { decodeFileHeader } from '../dicom/part10.ts';
import { dataSetEncodingOf } from '../dicom/transfer-syntax.ts';
import { parseUid } from '../dicom/uid.ts';
import type { Uid } from '../dicom/uid.ts';
import type { ObjectToSend } from '../dimse/store-user.ts';
import type { DicomFile } from './find-dicom-files.ts';

/** A file ready to be sent by C-STORE. */
export interface FileToSend extends ObjectToSend, DicomFile {}

const headBytes = 64 * 1024;
const readBytes = 256 * 1024;
const sopClassUidTag = 0x00080016;
const sopInstanceUidTag = 0x00080018;

/**
 * Reads what C-STORE has to say of a file: from group 0002, or where that is silent (older files
 * are) from the data set.
 *
 * @returns `undefined` when neither tells.
 */
export async function readFileToSend(file: DicomFile): Promise<FileToSend | undefined> {
  const head = await readHead(file.path);
  const header = decodeFileHeader(head);
  if (header === undefined) return undefined;
  const { transferSyntaxUid, dataSetOffset } = header;
  const ofDataSet = identifiersIn(head.subarray(dataSetOffset), transferSyntaxUid);
  // What the receiver compares the command with is the data set.
  const sopClassUid = ofDataSet.sopClassUid ?? header.sopClassUid;
  const sopInstanceUid = ofDataSet.sopInstanceUid ?? header.sopInstanceUid;
  if (sopClassUid === undefined || sopInstanceUid === undefined) return undefined;
  return {
    ...file,
    sopClassUid,
    sopInstanceUid,
    transferSyntaxUid,
    dataSet: () => createReadStream(file.path, { start: dataSetOffset, highWaterMark: readBytes }),
  };
}

function identifiersIn(
  bytes: Buffer,
  transferSyntaxUid: string,
): { readonly sopClassUid?: Uid | undefined; readonly sopInstanceUid?: Uid | undefined } {
  const encoding = dataSetEncodingOf(transferSyntaxUid);
  if (encoding.deflated) return {};
  const walker = new DataSetWalker(encoding, new Set([sopClassUidTag, sopInstanceUidTag]));
  try {
    walker.push(bytes);
  } catch {
    // The peer will say what it thinks of it; group 0002 may still name the object.
  }
  const uidAt = (tag: number): Uid | undefined => {
    const value = walker.value(tag);
    return value === undefined ? undefined : parseUid(value.toString('latin1'));
  };
  return { sopClassUid: uidAt(sopClassUidTag), sopInstanceUid: uidAt(sopInstanceUidTag) };
}

async function readHead(path: string): Promise<Buffer> {
  const handle = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}
