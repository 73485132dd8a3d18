/** Writes one element in Explicit VR Little Endian (PS3.5 §7.1.2), for tests that need odd data sets. */
export function explicitElement(tag: number, vr: string, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const long = /^(?:OB|OD|OF|OL|OV|OW|SQ|SV|UC|UN|UR|UT|UV)$/.test(vr);
  const header = Buffer.alloc(long ? 12 : 8);
  writeTag(header, tag);
  header.write(vr, 4, 'latin1');
  if (long) header.writeUInt32LE(bytes.length, 8);
  else header.writeUInt16LE(bytes.length, 6);
  return Buffer.concat([header, bytes]);
}

/** The header of an element (Explicit VR) with undefined length. */
export function openSequence(tag: number, vr: 'SQ' | 'UN' | 'OB' | 'OW'): Buffer {
  const header = Buffer.alloc(12);
  writeTag(header, tag);
  header.write(vr, 4, 'latin1');
  header.writeUInt32LE(0xffffffff, 8);
  return header;
}

/** An item or delimitation element. */
export function delimiter(tag: number, length: number, value: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(8);
  writeTag(header, tag);
  header.writeUInt32LE(length, 4);
  return Buffer.concat([header, value]);
}

/** Writes one element in Implicit VR Little Endian (PS3.5 §7.1.3). */
export function implicitElement(tag: number, value: string | Buffer): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const header = Buffer.alloc(8);
  writeTag(header, tag);
  header.writeUInt32LE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

function writeTag(header: Buffer, tag: number): void {
  header.writeUInt16LE(tag >>> 16, 0);
  header.writeUInt16LE(tag & 0xffff, 2);
}

export const item = 0xfffee000;
export const itemEnd = 0xfffee00d;
export const sequenceEnd = 0xfffee0dd;
