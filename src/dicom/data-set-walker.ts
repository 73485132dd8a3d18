import { ObjectUnreadableError } from '../errors/object-errors.ts';
import { takesLongLength, isKnownVr, isPlausibleVr } from './vr.ts';

/** What the walker has to know of the transfer syntax. */
export interface WalkerEncoding {
  readonly explicitVr: boolean;
  readonly bigEndian: boolean;
}

/**
 * Deeper nesting than any real object has; a bound is needed because each open level of undefined
 * length costs memory and sixteen bytes from a hostile peer.
 */
const maximumDepth = 2048;
/** Values worth keeping are identifiers and code strings; longer ones are cut. */
const maximumKeptBytes = 256;
const undefinedLength = 0xffffffff;
const itemGroup = 0xfffe;
const item = 0xfffee000;
const itemDelimitation = 0xfffee00d;
const sequenceDelimitation = 0xfffee0dd;

/** Inside which kind of undefined length we are, and how elements in it are written. */
interface OpenLevel {
  readonly kind: 'sequence' | 'item';
  /** `undefined` until the first element of a sequence sent with VR UN shows it. */
  explicitVr: boolean | undefined;
}

/**
 * Follows tags, value representations and lengths of a data set as its bytes arrive, and keeps the
 * few top-level values asked for. Other values are skipped unread, whatever their size, so a
 * truncated or mislabelled data set is noticed without holding or parsing it.
 *
 * Lenient where real devices are sloppy and nothing can be hidden by it (odd lengths, unknown
 * value representations); strict where a lie would lose data: an element must end where its length
 * says, and all that was opened must be closed at the end.
 *
 * @see PS3.5 §7.1 (elements), §7.5 (sequences), §A.4 (encapsulated pixel data), §6.2.2 (UN)
 */
export class DataSetWalker {
  readonly #explicitVr: boolean;
  readonly #bigEndian: boolean;
  readonly #wanted: ReadonlySet<number>;
  readonly #values = new Map<number, Buffer>();
  readonly #levels: OpenLevel[] = [];
  /** The header of the element that is arriving: at most 12 bytes. */
  readonly #header = Buffer.alloc(12);
  #headerLength = 0;
  #headerNeeds = 8;
  /** Bytes of the present value still to come. */
  #skip = 0;
  #keeping: { readonly tag: number; readonly parts: Buffer[]; kept: number } | undefined;
  #offset = 0;

  /** @param wanted - tags (`0x00080018`) of top-level elements whose values are kept. */
  constructor({ explicitVr, bigEndian }: WalkerEncoding, wanted: ReadonlySet<number>) {
    this.#explicitVr = explicitVr;
    this.#bigEndian = bigEndian;
    this.#wanted = wanted;
  }

  /** Takes the next bytes. @throws {@link ObjectUnreadableError} where the structure breaks. */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#skip > 0) {
        const taken = Math.min(this.#skip, chunk.length - at);
        if (this.#keeping !== undefined) this.#keep(chunk.subarray(at, at + taken));
        this.#skip -= taken;
        at += taken;
        if (this.#skip === 0) this.#endValue();
        continue;
      }
      const taken = Math.min(this.#headerNeeds - this.#headerLength, chunk.length - at);
      chunk.copy(this.#header, this.#headerLength, at, at + taken);
      this.#headerLength += taken;
      at += taken;
      if (this.#headerLength === this.#headerNeeds) this.#readHeader();
    }
    this.#offset += chunk.length;
  }

  /** Says that the data set is over. @throws {@link ObjectUnreadableError} when something is open. */
  end(): void {
    if (this.#skip > 0) throw unreadable('data set ends inside an element value');
    if (this.#headerLength > 0) throw unreadable('data set ends inside an element header');
    if (this.#levels.length > 0) throw unreadable('data set ends inside a sequence');
    if (this.#offset === 0) throw unreadable('data set is empty');
  }

  /** The kept value of a top-level element, `undefined` while it has not (wholly) arrived. */
  value(tag: number): Buffer | undefined {
    return this.#values.get(tag);
  }

  #readHeader(): void {
    const tag = this.#tagAt(0);
    if (tag >>> 16 === itemGroup) {
      this.#delimiter(tag, this.#uint32At(4));
      return;
    }
    const level = this.#levels.at(-1);
    if (level?.kind === 'sequence') throw unreadable('sequence holds something that is no item');
    const explicitVr = level === undefined ? this.#explicitVr : this.#explicitIn(level);
    if (!explicitVr) {
      this.#element(tag, '', this.#uint32At(4));
      return;
    }
    const vr = this.#header.toString('latin1', 4, 6);
    if (!isPlausibleVr(vr)) throw unreadable('element without a value representation');
    if (!takesLongLength(vr)) {
      this.#element(tag, vr, this.#uint16At(6));
      return;
    }
    if (this.#headerNeeds === 8) {
      this.#headerNeeds = 12;
      return;
    }
    this.#element(tag, vr, this.#uint32At(8));
  }

  /**
   * A sequence of VR UN and undefined length is Implicit VR by PS3.5 §6.2.2 note; devices exist that
   * write it Explicit. Its first element tells.
   */
  #explicitIn(level: OpenLevel): boolean {
    level.explicitVr ??= isKnownVr(this.#header.toString('latin1', 4, 6));
    return level.explicitVr;
  }

  #element(tag: number, vr: string, length: number): void {
    this.#nextHeader();
    if (length === undefinedLength) {
      const parent = this.#levels.at(-1);
      this.#open({
        kind: 'sequence',
        explicitVr: vr === 'UN' ? undefined : (parent?.explicitVr ?? this.#explicitVr),
      });
      return;
    }
    if (this.#levels.length === 0 && this.#wanted.has(tag)) {
      if (this.#values.has(tag)) throw unreadable('an identifying element comes twice');
      this.#keeping = { tag, parts: [], kept: 0 };
    }
    this.#skip = length;
    if (length === 0) this.#endValue();
  }

  #delimiter(tag: number, length: number): void {
    const level = this.#levels.at(-1);
    this.#nextHeader();
    if (tag === item && level?.kind === 'sequence') {
      if (length === undefinedLength) this.#open({ kind: 'item', explicitVr: level.explicitVr });
      else this.#skip = length;
    } else if (tag === itemDelimitation && level?.kind === 'item' && length === 0) {
      this.#levels.pop();
    } else if (tag === sequenceDelimitation && level?.kind === 'sequence' && length === 0) {
      this.#levels.pop();
    } else {
      throw unreadable('item or delimiter where none belongs');
    }
  }

  #open(level: OpenLevel): void {
    if (this.#levels.length >= maximumDepth) throw unreadable('sequences nest too deeply');
    this.#levels.push(level);
  }

  #keep(part: Buffer): void {
    const keeping = this.#keeping;
    if (keeping === undefined || keeping.kept >= maximumKeptBytes) return;
    // A copy: the chunk goes back to its reader.
    const copy = Buffer.from(part.subarray(0, maximumKeptBytes - keeping.kept));
    keeping.parts.push(copy);
    keeping.kept += copy.length;
  }

  #endValue(): void {
    const keeping = this.#keeping;
    if (keeping === undefined) return;
    this.#values.set(keeping.tag, Buffer.concat(keeping.parts));
    this.#keeping = undefined;
  }

  #nextHeader(): void {
    this.#headerLength = 0;
    this.#headerNeeds = 8;
  }

  #tagAt(offset: number): number {
    return this.#uint16At(offset) * 0x10000 + this.#uint16At(offset + 2);
  }

  #uint16At(offset: number): number {
    return this.#bigEndian ? this.#header.readUInt16BE(offset) : this.#header.readUInt16LE(offset);
  }

  #uint32At(offset: number): number {
    return this.#bigEndian ? this.#header.readUInt32BE(offset) : this.#header.readUInt32LE(offset);
  }
}

function unreadable(message: string): ObjectUnreadableError {
  return new ObjectUnreadableError(message);
}
