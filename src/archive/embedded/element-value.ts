import type { DicomJsonAttribute } from '../../dicom/dicom-json.ts';
import type { TextDecoding } from './character-set.ts';

/** Value representations whose values are bulk data, or might be: they are left out of metadata. */
export const bulkVrs: ReadonlySet<string> = new Set(['OB', 'OD', 'OF', 'OL', 'OV', 'OW', 'UN']);

interface ValueContext {
  readonly bigEndian: boolean;
  readonly decodeText: TextDecoding;
}

/**
 * Reads the value of one element, neither sequence nor bulk, into the DICOM JSON Model.
 *
 * @see PS3.18 §F.2.3 (values by value representation), PS3.5 §6.2 (padding, delimiters)
 */
export function readElementValue(
  vr: string,
  bytes: Buffer,
  context: ValueContext,
): DicomJsonAttribute {
  const values = bytes.length === 0 ? [] : readValues(vr, bytes, context);
  return values.every((value) => value === null) ? { vr } : { vr, Value: values };
}

function readValues(
  vr: string,
  bytes: Buffer,
  { bigEndian, decodeText }: ValueContext,
): readonly unknown[] {
  const numbers = binary[vr];
  if (numbers !== undefined) return numbers(bytes, bigEndian);
  switch (vr) {
    case 'LT':
    case 'ST':
    case 'UT':
      return [emptyAsNull(decodeText(bytes).replace(/[\0 ]+$/, ''))];
    case 'UR':
      return [emptyAsNull(bytes.toString('latin1').replace(/[\0 ]+$/, ''))];
    case 'LO':
    case 'SH':
    case 'UC':
      return split(decodeText(bytes)).map(emptyAsNull);
    case 'PN':
      return split(decodeText(bytes)).map(personName);
    case 'DS':
    case 'IS':
      return split(bytes.toString('latin1')).map(numberString);
    default:
      return split(bytes.toString('latin1')).map(emptyAsNull);
  }
}

function split(text: string): readonly string[] {
  return text.split('\\').map((part) => part.replace(/^ +|[\0 ]+$/g, ''));
}

function emptyAsNull(text: string): string | null {
  return text === '' ? null : text;
}

/** What is no number although it should be one stays text, as PS3.18 §F.2.3 allows. */
function numberString(text: string): number | string | null {
  if (text === '') return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : text;
}

function personName(text: string): Readonly<Record<string, string>> | null {
  const [alphabetic, ideographic, phonetic] = text.split('=').map((group) => group.trim());
  if (text.replaceAll('=', '') === '') return null;
  return {
    ...(alphabetic && { Alphabetic: alphabetic }),
    ...(ideographic && { Ideographic: ideographic }),
    ...(phonetic && { Phonetic: phonetic }),
  };
}

type BinaryReader = (bytes: Buffer, bigEndian: boolean) => readonly unknown[];

const binary: Readonly<Record<string, BinaryReader>> = {
  AT: (bytes, big) => {
    const words = each(bytes, 2, (at) => (big ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at)));
    return each(bytes, 4, (at) => hex(words[at / 2]) + hex(words[at / 2 + 1]));
  },
  US: (bytes, big) =>
    each(bytes, 2, (at) => (big ? bytes.readUInt16BE(at) : bytes.readUInt16LE(at))),
  SS: (bytes, big) => each(bytes, 2, (at) => (big ? bytes.readInt16BE(at) : bytes.readInt16LE(at))),
  UL: (bytes, big) =>
    each(bytes, 4, (at) => (big ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at))),
  SL: (bytes, big) => each(bytes, 4, (at) => (big ? bytes.readInt32BE(at) : bytes.readInt32LE(at))),
  FL: (bytes, big) =>
    each(bytes, 4, (at) => finite(big ? bytes.readFloatBE(at) : bytes.readFloatLE(at))),
  FD: (bytes, big) =>
    each(bytes, 8, (at) => finite(big ? bytes.readDoubleBE(at) : bytes.readDoubleLE(at))),
  UV: (bytes, big) =>
    each(bytes, 8, (at) => exact(big ? bytes.readBigUInt64BE(at) : bytes.readBigUInt64LE(at))),
  SV: (bytes, big) =>
    each(bytes, 8, (at) => exact(big ? bytes.readBigInt64BE(at) : bytes.readBigInt64LE(at))),
};

function each<T>(bytes: Buffer, width: number, read: (at: number) => T): T[] {
  return Array.from({ length: Math.floor(bytes.length / width) }, (_, index) =>
    read(index * width),
  );
}

function hex(word: number | undefined): string {
  return (word ?? 0).toString(16).toUpperCase().padStart(4, '0');
}

/** JSON has neither NaN nor infinity. */
function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

function exact(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}
