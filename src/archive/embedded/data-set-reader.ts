import type { DicomJson, DicomJsonAttribute } from '../../dicom/dicom-json.ts';
import { takesLongLength } from '../../dicom/vr.ts';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';
import type { ByteSource } from './byte-source.ts';
import { textDecodingFor } from './character-set.ts';
import type { TextDecoding } from './character-set.ts';
import { loadDataDictionary } from './data-dictionary.ts';
import { bulkVrs, readElementValue } from './element-value.ts';

interface Encoding {
  readonly explicitVr: boolean;
  readonly bigEndian: boolean;
}

interface Element {
  readonly tag: string;
  readonly vr: string;
  readonly length: number;
  /** Position of its value. */
  readonly at: number;
  /** How the value is written. */
  readonly inside: Encoding;
}

/** A value that is not read along with the attributes: bulk data, or one too long for them. */
export interface UnreadValue {
  readonly tag: string;
  /** Tags and item numbers in turn, such as `54000100/1/54001010`. */
  readonly path: string;
  readonly vr: string;
  /** Position of the value; of the first item, where it is encapsulated. */
  readonly at: number;
  /** `undefined` for encapsulated pixel data, which go on until a delimiter. */
  readonly length: number | undefined;
  readonly bigEndian: boolean;
}

/**
 * What to write of a value that is not read.
 *
 * @param read - reads it after all, for short ones; not there for what stands at the end of reading.
 */
export type DescribeValue = (
  value: UnreadValue,
  read?: () => Promise<Buffer>,
) => DicomJsonAttribute | undefined | Promise<DicomJsonAttribute | undefined>;

/** What is wanted of a data set. */
export interface DataSetWishes {
  /** Answers false for the first top-level tag that is not wanted any more, nor what follows it. */
  readonly accept: (tag: string) => boolean;
  /** Answers false for a top-level element to be passed over; unless told otherwise, none is. */
  readonly wants?: (tag: string) => boolean;
  /** Unless told otherwise, nothing is written of what is not read. */
  readonly describe?: DescribeValue;
}

const undefinedLength = 0xffffffff;
/** What a value of VR UN is written in, whatever is around it (PS3.5 §6.2.2). */
const implicitVr: Encoding = { explicitVr: false, bigEndian: false };
const item = 'FFFEE000';
const itemDelimitation = 'FFFEE00D';
const sequenceDelimitation = 'FFFEE0DD';
/** Longer values of any kind are not what one reads metadata for. */
const maxValueBytes = 2 ** 20;
const maxDepth = 2_048;

/**
 * Reads the attributes of a data set into the DICOM JSON Model, in UTF-8 whatever it was written in.
 *
 * Bulk data is passed over by its length, never read. So memory depends on the attributes alone.
 *
 * @throws {@link ObjectUnreadableError} when the structure cannot be followed.
 * @see PS3.18 §F.2 (model), PS3.5 §7 (data set)
 */
export class DataSetReader {
  readonly #source: ByteSource;
  /** Sequences and items around where the reader is. */
  readonly #path: string[] = [];
  #position: number;
  #wishes: DataSetWishes = { accept: () => true };
  /** Pixel Representation (0028,0103), of which Implicit VR needs to know (PS3.5 §A.1). */
  #isSigned = false;

  constructor(source: ByteSource, position: number) {
    this.#source = source;
    this.#position = position;
  }

  /** Where reading stopped. */
  get position(): number {
    return this.#position;
  }

  read(encoding: Encoding, wishes: DataSetWishes): Promise<DicomJson> {
    this.#wishes = wishes;
    return this.#dataSet(this.#source.end, encoding, textDecodingFor([]));
  }

  /** Reads the head of the element at which reading stopped; `undefined` at the end. */
  async locate(encoding: Encoding): Promise<UnreadValue | undefined> {
    return this.#position < this.#source.end
      ? this.#unread(await this.#element(encoding))
      : undefined;
  }

  async #dataSet(end: number, encoding: Encoding, inherited: TextDecoding): Promise<DicomJson> {
    const depth = this.#path.length;
    if (depth > maxDepth) throw new ObjectUnreadableError('sequences nest too deeply');
    const attributes: Record<string, DicomJsonAttribute> = {};
    let decodeText = inherited;
    while (this.#position < end) {
      const start = this.#position;
      const tag = readTag(await this.#source.bytes(start, 4), encoding.bigEndian);
      if (depth === 0 && !this.#wishes.accept(tag)) break;
      const element = await this.#element(encoding);
      if (tag === itemDelimitation) break;
      if (depth === 0 && this.#wishes.wants?.(tag) === false) {
        await this.#pass(element);
        continue;
      }
      const attribute = await this.#attribute(element, decodeText);
      if (attribute === undefined || element.tag.endsWith('0000')) continue;
      attributes[element.tag] = attribute;
      if (element.tag === '00280103') this.#isSigned = attribute.Value?.[0] === 1;
      if (element.tag === '00080005' && attribute.Value !== undefined) {
        decodeText = textDecodingFor(
          attribute.Value.map((term) => (typeof term === 'string' ? term : '')),
        );
        attributes[element.tag] = { vr: 'CS', Value: ['ISO_IR 192'] };
      }
    }
    return attributes;
  }

  async #element(encoding: Encoding): Promise<Element> {
    const { explicitVr, bigEndian } = encoding;
    const header = await this.#take(8);
    const tag = readTag(header, bigEndian);
    const wide = readLength(header, 4, bigEndian);
    if (tag.startsWith('FFFE')) {
      return { tag, vr: '', length: wide, at: this.#position, inside: encoding };
    }
    if (!explicitVr) {
      const isSequence = wide === undefinedLength && tag !== '7FE00010';
      const vr = isSequence ? 'SQ' : await this.#standardVr(tag);
      return { tag, vr, length: wide, at: this.#position, inside: encoding };
    }
    const vr = header.toString('latin1', 4, 6);
    if (!/^[A-Z]{2}$/.test(vr)) {
      throw new ObjectUnreadableError('element without a value representation');
    }
    if (!takesLongLength(vr)) {
      const length = bigEndian ? header.readUInt16BE(6) : header.readUInt16LE(6);
      return { tag, vr, length, at: this.#position, inside: encoding };
    }
    const length = readLength(await this.#take(4), 0, bigEndian);
    if (vr !== 'UN') return { tag, vr, length, at: this.#position, inside: encoding };
    const known = length === undefinedLength ? 'SQ' : await this.#standardVr(tag);
    return { tag, vr: known, length, at: this.#position, inside: implicitVr };
  }

  async #standardVr(tag: string): Promise<string> {
    const vr = (await loadDataDictionary())(tag);
    if (vr !== 'xs') return vr;
    return this.#isSigned ? 'SS' : 'US';
  }

  /** Reads or passes over the value; `undefined` for what is left out. */
  async #attribute(
    element: Element,
    decodeText: TextDecoding,
  ): Promise<DicomJsonAttribute | undefined> {
    const { vr, length, inside } = element;
    const isBulk = bulkVrs.has(vr) || (length > maxValueBytes && length !== undefinedLength);
    if (isBulk && vr !== 'SQ') {
      await this.#pass(element);
      const read = (): Promise<Buffer> => this.#source.bytes(element.at, element.length);
      return this.#wishes.describe?.(this.#unread(element), read);
    }
    if (vr === 'SQ' || length === undefinedLength) return this.#sequence(element, decodeText);
    return readElementValue(vr, await this.#take(length), {
      bigEndian: inside.bigEndian,
      decodeText,
    });
  }

  #unread({ tag, vr, at, length, inside }: Element): UnreadValue {
    return {
      tag,
      path: [...this.#path, tag].join('/'),
      vr,
      at,
      length: length === undefinedLength ? undefined : length,
      bigEndian: inside.bigEndian,
    };
  }

  /** Goes behind an element without looking at what it holds, as far as its length allows. */
  async #pass(element: Element): Promise<void> {
    const { vr, length, at, inside } = element;
    if (length !== undefinedLength) {
      if (at + length > this.#source.end)
        throw new ObjectUnreadableError('object ends inside an element');
      this.#position = at + length;
    } else if (bulkVrs.has(vr)) await this.#passFragments(inside);
    else await this.#sequence(element, textDecodingFor([]));
  }

  async #sequence(
    { tag: ownTag, length: ownLength, at: start, inside: encoding }: Element,
    decodeText: TextDecoding,
  ): Promise<DicomJsonAttribute> {
    const end = ownLength === undefinedLength ? undefined : start + ownLength;
    const items: DicomJson[] = [];
    while (this.#position < (end ?? this.#source.end)) {
      const { tag, length, at } = await this.#element(encoding);
      if (tag === sequenceDelimitation) break;
      if (tag !== item) throw new ObjectUnreadableError('sequence holds something that is no item');
      const itemEnd = length === undefinedLength ? (end ?? this.#source.end) : at + length;
      this.#path.push(`${ownTag}/${items.length + 1}`);
      items.push(await this.#dataSet(itemEnd, encoding, decodeText));
      this.#path.pop();
    }
    return items.length === 0 ? { vr: 'SQ' } : { vr: 'SQ', Value: items };
  }

  /** Encapsulated pixel data: items of bytes until the delimiter (PS3.5 §A.4). */
  async #passFragments(encoding: Encoding): Promise<void> {
    for (;;) {
      const { tag, length } = await this.#element(encoding);
      if (tag === sequenceDelimitation) return;
      if (tag !== item)
        throw new ObjectUnreadableError('pixel data hold something that is no fragment');
      this.#position += length;
    }
  }

  async #take(length: number): Promise<Buffer> {
    const bytes = await this.#source.bytes(this.#position, length);
    this.#position += length;
    return bytes;
  }
}

function readLength(bytes: Buffer, at: number, bigEndian: boolean): number {
  return bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at);
}

function readTag(bytes: Buffer, bigEndian: boolean): string {
  const [group, element] = bigEndian
    ? [bytes.readUInt16BE(0), bytes.readUInt16BE(2)]
    : [bytes.readUInt16LE(0), bytes.readUInt16LE(2)];
  return ((group * 0x10000 + element) >>> 0).toString(16).toUpperCase().padStart(8, '0');
}
