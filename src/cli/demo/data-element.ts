/** Value representations with two reserved bytes and a 32-bit length (PS3.5 Table 7.1-1). */
const longLength: ReadonlySet<string> = new Set(['OB', 'OW', 'SQ', 'UN', 'UT']);

/** Length field of what is closed by a delimiter (PS3.5 §7.5.1). */
export const undefinedLength = 0xffffffff;

/**
 * The head of a data element in Explicit VR Little Endian, without its value (PS3.5 §7.1.2).
 *
 * @param tag - eight hexadecimal digits.
 */
export function elementHead(tag: string, vr: string, length: number): Buffer {
  const head = Buffer.alloc(longLength.has(vr) ? 12 : 8);
  head.writeUInt16LE(Number.parseInt(tag.slice(0, 4), 16), 0);
  head.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
  head.write(vr, 4, 'latin1');
  if (head.length === 12) head.writeUInt32LE(length, 8);
  else head.writeUInt16LE(length, 6);
  return head;
}

/** A whole element; text is padded to even length as its value representation wants (PS3.5 §6.2). */
export function element(tag: string, vr: string, value: string | number | Buffer): Buffer {
  const bytes = Buffer.isBuffer(value) ? value : valueBytes(vr, value);
  return Buffer.concat([elementHead(tag, vr, bytes.length), bytes]);
}

/** An item or delimiter (PS3.5 §7.5), which has no value representation. */
export function itemHead(tag: 'FFFEE000' | 'FFFEE0DD', length: number): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(0xfffe, 0);
  head.writeUInt16LE(Number.parseInt(tag.slice(4), 16), 2);
  head.writeUInt32LE(length, 4);
  return head;
}

function valueBytes(vr: string, value: string | number): Buffer {
  if (typeof value === 'number') {
    const bytes = Buffer.alloc(2);
    bytes.writeUInt16LE(value);
    return bytes;
  }
  const padding = vr === 'UI' ? '\0' : ' ';
  return Buffer.from(value.length % 2 === 0 ? value : value + padding, 'latin1');
}
