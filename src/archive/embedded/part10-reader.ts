import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import type { DicomJson } from '../../dicom/dicom-json.ts';
import { dataSetEncodingOf } from '../../dicom/transfer-syntax.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';
import { fileSource, inflatedSource } from './byte-source.ts';
import { DataSetReader } from './data-set-reader.ts';

/** A Part 10 file without its bulk data. */
export interface Part10Head {
  readonly transferSyntaxUid: Uid;
  readonly bytes: number;
  readonly modifiedAtMs: number;
  readonly attributes: DicomJson;
}

const preambleBytes = 132;

/**
 * Reads what a Part 10 file says of itself, through small buffers whatever its size.
 *
 * @throws {@link ObjectUnreadableError} when it is none, or its structure cannot be followed.
 * @see PS3.10 §7.1
 */
export async function readPart10Head(path: string): Promise<Part10Head> {
  const file = await open(path, 'r');
  try {
    return await readHead(file);
  } finally {
    await file.close();
  }
}

async function readHead(file: FileHandle): Promise<Part10Head> {
  const { size, mtimeMs } = await file.stat();
  const source = fileSource(file, size);
  if (size < preambleBytes || (await source.bytes(128, 4)).toString('latin1') !== 'DICM') {
    throw new ObjectUnreadableError('not a DICOM Part 10 file');
  }
  // More lenient than dicom/part10.ts: files without Media Storage UIDs exist, and nobody needs them here.
  const header = new DataSetReader(source, preambleBytes);
  const meta = await header.read({ explicitVr: true, bigEndian: false }, isOfFileHeader);
  const transferSyntaxUid = uidIn(meta, '00020010');
  if (transferSyntaxUid === undefined) {
    throw new ObjectUnreadableError('file header lacks the transfer syntax');
  }
  const encoding = dataSetEncodingOf(transferSyntaxUid);
  const body = encoding.deflated
    ? new DataSetReader(await inflatedSource(file, header.position), 0)
    : new DataSetReader(source, header.position);
  const attributes = await body.read(encoding, isBeforePixelData);
  return { transferSyntaxUid, bytes: size, modifiedAtMs: mtimeMs, attributes };
}

/** The first UID an attribute holds. */
export function uidIn(attributes: DicomJson, tag: string): Uid | undefined {
  const value = attributes[tag]?.Value?.[0];
  return typeof value === 'string' ? parseUid(value) : undefined;
}

function isOfFileHeader(tag: string): boolean {
  return tag.startsWith('0002');
}

/** Float, double and plain pixel data, and what may come after them. */
function isBeforePixelData(tag: string): boolean {
  return tag < '7FE00008';
}
