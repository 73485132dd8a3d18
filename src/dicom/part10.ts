import { Buffer } from 'node:buffer';
import { parseAeTitle } from './ae-title.ts';
import type { AeTitle } from './ae-title.ts';
import { implementationClassUid, implementationVersionName } from './implementation.ts';
import { parseUid } from './uid.ts';
import type { Uid } from './uid.ts';
import { takesLongLength } from './vr.ts';

/** What group 0002 of a file we write says. */
export interface FileHeaderFacts {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly transferSyntaxUid: Uid;
  /** AE that wrote the content (0002,0016). */
  readonly sourceAeTitle?: AeTitle;
  /** AE that sent it to us (0002,0017). */
  readonly sendingAeTitle?: AeTitle;
  /** Our own AE title, under which we took it (0002,0018). */
  readonly receivingAeTitle?: AeTitle;
}

/**
 * What group 0002 of a file says; `undefined` where an element is absent or not valid. Good files
 * exist without Media Storage SOP Class UID: the data set's own (0008,0016) tells it then.
 */
export interface FileHeader {
  readonly sopClassUid: Uid | undefined;
  readonly sopInstanceUid: Uid | undefined;
  readonly transferSyntaxUid: Uid;
  readonly sourceAeTitle: AeTitle | undefined;
  readonly sendingAeTitle: AeTitle | undefined;
  readonly receivingAeTitle: AeTitle | undefined;
  /** Where the data set begins. */
  readonly dataSetOffset: number;
}

const preambleBytes = 128;
const prefix = 'DICM';

/**
 * Writes what stands before the data set in a Part 10 file: preamble, prefix, and group 0002 in
 * Explicit VR Little Endian.
 *
 * @see PS3.10 §7.1
 */
export function encodeFileHeader(facts: FileHeaderFacts): Buffer {
  const elements = [
    element(0x0001, 'OB', Buffer.from([0x00, 0x01])),
    element(0x0002, 'UI', facts.sopClassUid),
    element(0x0003, 'UI', facts.sopInstanceUid),
    element(0x0010, 'UI', facts.transferSyntaxUid),
    element(0x0012, 'UI', implementationClassUid),
    element(0x0013, 'SH', implementationVersionName),
    ...optionalElement(0x0016, facts.sourceAeTitle),
    ...optionalElement(0x0017, facts.sendingAeTitle),
    ...optionalElement(0x0018, facts.receivingAeTitle),
  ];
  const groupLength = Buffer.alloc(4);
  groupLength.writeUInt32LE(elements.reduce((sum, { length }) => sum + length, 0));
  return Buffer.concat([
    Buffer.alloc(preambleBytes),
    Buffer.from(prefix, 'latin1'),
    element(0x0000, 'UL', groupLength),
    ...elements,
  ]);
}

function optionalElement(number: number, title: AeTitle | undefined): readonly Buffer[] {
  return title === undefined ? [] : [element(number, 'AE', title)];
}

function element(number: number, vr: string, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? padded(value, vr) : value;
  const head = Buffer.alloc(takesLongLength(vr) ? 12 : 8);
  head.writeUInt16LE(0x0002, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4, 'latin1');
  if (head.length === 12) head.writeUInt32LE(bytes.length, 8);
  else head.writeUInt16LE(bytes.length, 6);
  return Buffer.concat([head, bytes]);
}

/** To even length: UIDs with NUL, text with a space (PS3.5 §6.2). */
function padded(value: string, vr: string): Buffer {
  const pad = vr === 'UI' ? '\0' : ' ';
  return Buffer.from(value.length % 2 === 0 ? value : value + pad, 'latin1');
}

/**
 * Reads group 0002 of a Part 10 file, ours or anybody's.
 *
 * Goes by the elements, since the group length is absent or wrong in many a file, and asks the group
 * length only whether an end is the end. Takes files that begin with the prefix or with group 0002
 * itself, and a group in Implicit VR.
 *
 * @param bytes - the beginning of the file, to some way into the data set: 16 KiB hold every group
 *   0002 without private information (0002,0102).
 * @returns the header; `undefined` when this is no file with a group 0002, when it names no transfer
 *   syntax, without which nothing can be read, or when the bytes end before the data set begins.
 */
export function decodeFileHeader(bytes: Buffer): FileHeader | undefined {
  const start = startOfGroup(bytes);
  if (start === undefined) return undefined;
  const values = new Map<number, Buffer>();
  let offset = start;
  let declaredEnd = Infinity;
  while (offset + 8 <= bytes.length) {
    if (bytes.readUInt16LE(offset) !== 0x0002) return headerOf(values, offset);
    // A deflated data set may begin like an element of group 0002, but hardly like one with a VR.
    if (offset === declaredEnd && !hasVr(bytes, offset)) return headerOf(values, offset);
    const { valueOffset, length } = elementAt(bytes, offset);
    const number = bytes.readUInt16LE(offset + 2);
    values.set(number, bytes.subarray(valueOffset, valueOffset + length));
    offset = valueOffset + length;
    if (number === 0 && length === 4 && offset <= bytes.length) {
      declaredEnd = offset + bytes.readUInt32LE(valueOffset);
    }
  }
  return offset === declaredEnd && offset <= bytes.length ? headerOf(values, offset) : undefined;
}

function startOfGroup(bytes: Buffer): number | undefined {
  const prefixAt = (offset: number): boolean =>
    bytes.toString('latin1', offset, offset + prefix.length) === prefix;
  if (prefixAt(preambleBytes)) return preambleBytes + prefix.length;
  if (prefixAt(0)) return prefix.length;
  return bytes.length >= 8 && beginsWithGroup(bytes) ? 0 : undefined;
}

/** A preamble may hold anything; only an element that can stand first counts as one. */
function beginsWithGroup(bytes: Buffer): boolean {
  return bytes.readUInt16LE(0) === 0x0002 && bytes.readUInt16LE(2) <= 0x0003;
}

function elementAt(
  bytes: Buffer,
  offset: number,
): { readonly valueOffset: number; readonly length: number } {
  if (!hasVr(bytes, offset)) {
    return { valueOffset: offset + 8, length: bytes.readUInt32LE(offset + 4) };
  }
  const vr = bytes.toString('latin1', offset + 4, offset + 6);
  if (!takesLongLength(vr))
    return { valueOffset: offset + 8, length: bytes.readUInt16LE(offset + 6) };
  const hasLength = offset + 12 <= bytes.length;
  return { valueOffset: offset + 12, length: hasLength ? bytes.readUInt32LE(offset + 8) : 0 };
}

function hasVr(bytes: Buffer, offset: number): boolean {
  return /^[A-Z]{2}$/.test(bytes.toString('latin1', offset + 4, offset + 6));
}

function headerOf(
  values: ReadonlyMap<number, Buffer>,
  dataSetOffset: number,
): FileHeader | undefined {
  const text = (number: number): string => values.get(number)?.toString('latin1') ?? '';
  const transferSyntaxUid = parseUid(text(0x0010));
  if (transferSyntaxUid === undefined) return undefined;
  return {
    sopClassUid: parseUid(text(0x0002)),
    sopInstanceUid: parseUid(text(0x0003)),
    transferSyntaxUid,
    sourceAeTitle: parseAeTitle(text(0x0016)),
    sendingAeTitle: parseAeTitle(text(0x0017)),
    receivingAeTitle: parseAeTitle(text(0x0018)),
    dataSetOffset,
  };
}
