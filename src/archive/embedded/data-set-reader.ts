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
 * Bulk data is passed over by its length, never read; what follows the pixel data of the top level
 * (paddings, signatures) is not looked at. So memory depends on the attributes alone.
 *
 * @throws {@link ObjectUnreadableError} when the structure cannot be followed.
 * @see PS3.18 §F.2 (model), PS3.5 §7 (data set)
 */
export class DataSetReader {
  readonly #source: ByteSource;
  #position: number;

  constructor(source: ByteSource, position: number) {
    this.#source = source;
    this.#position = position;
  }

  /** Where reading stopped. */
  get position(): number {
    return this.#position;
  }

  /** @param accept - answers false for the first top-level tag that is not wanted any more. */
  read(encoding: Encoding, accept: (tag: string) => boolean): Promise<DicomJson> {
    return this.#dataSet(this.#source.end, encoding, textDecodingFor([]), 0, accept);
  }

  async #dataSet(
    end: number,
    encoding: Encoding,
    inherited: TextDecoding,
    depth: number,
    accept?: (tag: string) => boolean,
  ): Promise<DicomJson> {
    if (depth > maxDepth) throw new ObjectUnreadableError('sequences nest too deeply');
    const attributes: Record<string, DicomJsonAttribute> = {};
    let decodeText = inherited;
    while (this.#position < end) {
      const start = this.#position;
      const tag = readTag(await this.#source.bytes(start, 4), encoding.bigEndian);
      if (accept?.(tag) === false) break;
      const element = await this.#element(encoding);
      if (tag === itemDelimitation) break;
      const attribute = await this.#attribute(element, decodeText, depth);
      if (attribute === undefined || element.tag.endsWith('0000')) continue;
      attributes[element.tag] = attribute;
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
      const vr = isSequence ? 'SQ' : (await loadDataDictionary())(tag);
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
    const known = length === undefinedLength ? 'SQ' : (await loadDataDictionary())(tag);
    return { tag, vr: known, length, at: this.#position, inside: implicitVr };
  }

  /** Reads or passes over the value; `undefined` for what metadata leaves out. */
  async #attribute(
    { vr, length, at, inside }: Element,
    decodeText: TextDecoding,
    depth: number,
  ): Promise<DicomJsonAttribute | undefined> {
    if (length === undefinedLength && bulkVrs.has(vr)) {
      await this.#passFragments(inside);
      return undefined;
    }
    if (vr === 'SQ' || length === undefinedLength) {
      const end = length === undefinedLength ? undefined : at + length;
      return this.#sequence(end, inside, decodeText, depth);
    }
    if (at + length > this.#source.end)
      throw new ObjectUnreadableError('object ends inside an element');
    if (bulkVrs.has(vr) || length > maxValueBytes) {
      this.#position = at + length;
      return undefined;
    }
    return readElementValue(vr, await this.#take(length), {
      bigEndian: inside.bigEndian,
      decodeText,
    });
  }

  async #sequence(
    end: number | undefined,
    encoding: Encoding,
    decodeText: TextDecoding,
    depth: number,
  ): Promise<DicomJsonAttribute> {
    const items: DicomJson[] = [];
    while (this.#position < (end ?? this.#source.end)) {
      const { tag, length, at } = await this.#element(encoding);
      if (tag === sequenceDelimitation) break;
      if (tag !== item) throw new ObjectUnreadableError('sequence holds something that is no item');
      const itemEnd = length === undefinedLength ? (end ?? this.#source.end) : at + length;
      items.push(await this.#dataSet(itemEnd, encoding, decodeText, depth + 1));
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
