import { ProtocolViolationError } from '../errors/association-errors.ts';

/** One item or sub-item of an A-ASSOCIATE PDU: type, reserved byte, length (2 bytes), value. */
export interface Item {
  readonly type: number;
  readonly value: Buffer;
}

/**
 * Splits a value into its items, each strictly inside it.
 *
 * @throws {@link ProtocolViolationError} when an item reaches past its parent or is cut short.
 */
export function readItems(bytes: Buffer): readonly Item[] {
  const items: Item[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    if (offset + 4 > bytes.length) throw new ProtocolViolationError('item header is cut short');
    const start = offset + 4;
    const end = start + bytes.readUInt16BE(offset + 2);
    if (end > bytes.length) throw new ProtocolViolationError('item reaches past its parent');
    items.push({ type: bytes.readUInt8(offset), value: bytes.subarray(start, end) });
    offset = end;
  }
  return items;
}

/** Writes one item. */
export function encodeItem(type: number, ...parts: readonly Buffer[]): Buffer {
  const value = Buffer.concat(parts);
  if (value.length > 0xffff) throw new RangeError(`item of ${value.length} bytes does not fit`);
  const header = Buffer.alloc(4);
  header.writeUInt8(type, 0);
  header.writeUInt16BE(value.length, 2);
  return Buffer.concat([header, value]);
}

/** A value with its length (2 bytes) in front, as sub-items nest their fields. */
export function encodeCounted(value: Buffer): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(value.length);
  return Buffer.concat([length, value]);
}

/** Reads fields one after the other, never past the end of the item. */
export class FieldReader {
  readonly #bytes: Buffer;
  #offset = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  bytes(count: number): Buffer {
    if (count > this.remaining) throw new ProtocolViolationError('field reaches past its item');
    const start = this.#offset;
    this.#offset += count;
    return this.#bytes.subarray(start, this.#offset);
  }

  uint8(): number {
    return this.bytes(1).readUInt8();
  }

  uint16(): number {
    return this.bytes(2).readUInt16BE();
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE();
  }

  /** A field with its length (2 bytes) in front. */
  counted(): Buffer {
    return this.bytes(this.uint16());
  }
}

/** A UID or name: one character a byte, without the NUL or spaces some stacks pad with. */
export function readText(bytes: Buffer): string {
  return bytes.toString('latin1').replace(/[\0 ]+$/, '');
}

/** A UID that has to be there. */
export function readUidText(bytes: Buffer): string {
  const text = readText(bytes);
  if (text === '') throw new ProtocolViolationError('UID is empty');
  return text;
}
