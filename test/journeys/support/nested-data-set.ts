import { element, itemHead } from '../../../src/cli/demo/data-element.ts';

type PlainValue = readonly [vr: string, value: string | number | readonly number[] | Buffer];

/** Attributes by tag: a value representation with its value, or the items of a sequence. */
export interface NestedDataSet {
  readonly [tag: string]: PlainValue | readonly NestedDataSet[];
}

/** Writes it in Explicit VR Little Endian, in the order of the tags. */
export function encodeNested(dataSet: NestedDataSet): Buffer {
  return Buffer.concat(
    Object.entries(dataSet)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([tag, content]) =>
        isPlain(content)
          ? element(tag, content[0], bytesOf(...content))
          : element(tag, 'SQ', Buffer.concat(content.map(encodeItem))),
      ),
  );
}

function isPlain(content: PlainValue | readonly NestedDataSet[]): content is PlainValue {
  return typeof content[0] === 'string';
}

function encodeItem(dataSet: NestedDataSet): Buffer {
  const bytes = encodeNested(dataSet);
  return Buffer.concat([itemHead('FFFEE000', bytes.length), bytes]);
}

function bytesOf(vr: string, value: PlainValue[1]): string | Buffer {
  if (Buffer.isBuffer(value)) return value;
  if (typeof value === 'string') return vr === 'AT' ? attributeTag(value) : value;
  const numbers = typeof value === 'number' ? [value] : value;
  if (vr === 'UL') return Buffer.from(Uint32Array.from(numbers).buffer);
  if (vr === 'FL') return Buffer.from(Float32Array.from(numbers).buffer);
  return Buffer.from(Uint16Array.from(numbers).buffer);
}

function attributeTag(hexadecimal: string): Buffer {
  const tag = Buffer.alloc(4);
  tag.writeUInt16LE(Number.parseInt(hexadecimal.slice(0, 4), 16), 0);
  tag.writeUInt16LE(Number.parseInt(hexadecimal.slice(4), 16), 2);
  return tag;
}
