import { Buffer } from 'node:buffer';
import { OriginAnswerError } from '../errors/origin-errors.ts';
import { escapedKey, keys, plainKey } from './json-url-keys.ts';
import type { Key } from './json-url-keys.ts';

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

/** What may come next. */
const expecting = {
  value: 0,
  valueOrEnd: 1,
  key: 2,
  keyOrEnd: 3,
  colon: 4,
  commaOrEnd: 5,
} as const;
type Expecting = (typeof expecting)[keyof typeof expecting];

/** What is remembered of each object and array that is open, as bits. */
const isObject = 1;
/** It is the object of an attribute whose `Value` holds URLs, or that `Value` itself. */
const holdsUrls = 2;
/** Something was written into it, so that the next needs a comma. */
const hasMembers = 4;

const maxDepth = 512;
/** Of a key or a URL, with quotes. */
const maxWholeBytes = 8192;
/** Beyond this, a run of bytes is searched and copied by native code; shorter ones are quicker without. */
const shortRun = 48;
/** What may be written beyond what was read here: a comma and a key that were held before. */
const slack = 64;

const [blank, scalar] = [1, 2];
/** Of each byte: whether it is a blank, or one that numbers, `true`, `false` and `null` are made of. */
const kinds = new Uint8Array(256);
for (const byte of Buffer.from(' \t\r\n')) kinds[byte] = blank;
for (const byte of Buffer.from('0123456789abcdefghijklmnopqrstuvwxyz-+.E')) kinds[byte] = scalar;

/**
 * Rewrites the URLs of a DICOM JSON document (PS3.18 Annex F) while it passes: Retrieve URL
 * (0008,1190) and every `BulkDataURI`, at any depth. Blanks between the tokens go; a URL that
 * `rewrite` answers with `undefined` goes with its member. Nothing else is touched, and no more is
 * held than one key or one URL.
 */
export class JsonUrlRewriter {
  readonly #rewrite: (url: string) => string | undefined;
  readonly #frames = new Uint8Array(maxDepth);
  #depth = 0;
  #expecting: Expecting = expecting.value;
  #key: Key = keys.other;
  /** In a string that is of no interest, whose beginning has been handed on. */
  #isInString = false;
  #isEscaped = false;
  /** The string that was looked at last has some. */
  #hasEscapes = false;
  #isInScalar = false;
  #isDone = false;
  /** The beginning of a key or a URL whose end has not come yet. */
  #rest: Buffer = Buffer.alloc(0);
  #bytes: Buffer = this.#rest;
  #out: Buffer = this.#rest;
  #length = 0;

  /** @param rewrite - the public URL for one of the archive's, `undefined` for a stranger's. */
  constructor(rewrite: (url: string) => string | undefined) {
    this.#rewrite = rewrite;
  }

  /**
   * Takes the next bytes and answers what can be handed on.
   * @throws {@link OriginAnswerError} as soon as it shows that this is no JSON.
   */
  push(chunk: Buffer): Buffer {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    this.#rest = this.#rest.subarray(0, 0);
    this.#bytes = bytes;
    this.#out = Buffer.allocUnsafe(bytes.length + slack);
    this.#length = 0;
    let at = 0;
    while (at < bytes.length) at = this.#isInString ? this.#passString(at) : this.#readToken(at);
    return this.#out.subarray(0, this.#length);
  }

  /** @throws {@link OriginAnswerError} when the document was cut off. */
  end(): void {
    this.#endScalar();
    if (!this.#isDone || this.#rest.length > 0) throw invalid('its JSON ends too early');
  }

  /** Each of these reads on from a place, and answers where to go on. */
  #readToken(start: number): number {
    const bytes = this.#bytes;
    const byte = bytes[start] ?? 0;
    const kind = kinds[byte];
    if (kind === scalar) return this.#passScalar(start);
    this.#endScalar();
    if (kind === blank) return this.#passBlanks(start);
    if (byte === quote) return this.#readString(start);
    if (byte === comma || byte === colon) this.#separate(byte);
    else if (byte === openBrace || byte === openBracket) this.#open(byte);
    else if (byte === closeBrace || byte === closeBracket) this.#close(byte);
    else throw invalid('its JSON is malformed');
    return start + 1;
  }

  #passBlanks(start: number): number {
    const bytes = this.#bytes;
    let at = start + 1;
    while (at < bytes.length && kinds[bytes[at] ?? 0] === blank) at += 1;
    return at;
  }

  #passScalar(start: number): number {
    const bytes = this.#bytes;
    if (!this.#isInScalar) this.#beginValue();
    this.#isInScalar = true;
    let at = start + 1;
    while (at < bytes.length && kinds[bytes[at] ?? 0] === scalar) at += 1;
    this.#copy(start, at);
    return at;
  }

  #readString(start: number): number {
    const isKey = this.#expecting === expecting.key || this.#expecting === expecting.keyOrEnd;
    if (isKey || this.#isUrl()) {
      const end = this.#endOfString(start + 1);
      if (end === -1) return this.#hold(start);
      if (isKey) this.#passKey(start, end + 1);
      else this.#passUrl(start, end + 1);
      return end + 1;
    }
    this.#beginValue();
    this.#put(quote);
    this.#isInString = true;
    return this.#passString(start + 1);
  }

  /** Hands on a string up to its end, or as far as it has come. */
  #passString(start: number): number {
    const end = this.#endOfString(start);
    const to = end === -1 ? this.#bytes.length : end + 1;
    this.#copy(start, to);
    if (end === -1) return to;
    this.#isInString = false;
    this.#endValue();
    return to;
  }

  /** Where the quote stands that ends a string; -1 when it has not come. */
  #endOfString(start: number): number {
    const bytes = this.#bytes;
    let at = this.#isEscaped ? start + 1 : start;
    this.#isEscaped = false;
    this.#hasEscapes = false;
    for (const end = Math.min(bytes.length, at + shortRun); at < end; at += 1) {
      const byte = bytes[at];
      if (byte === quote) return at;
      if (byte === backslash) {
        this.#hasEscapes = true;
        at += 1;
      }
    }
    // Each is looked for again only when it has been passed, or a text full of one takes forever.
    let nextQuote = -2;
    let nextEscape = -2;
    while (at < bytes.length) {
      if (nextQuote !== -1 && nextQuote < at) nextQuote = bytes.indexOf(quote, at);
      if (nextEscape !== -1 && nextEscape < at) nextEscape = bytes.indexOf(backslash, at);
      const isEscapeFirst = nextEscape !== -1 && (nextQuote === -1 || nextEscape < nextQuote);
      if (!isEscapeFirst) return nextQuote;
      this.#hasEscapes = true;
      at = nextEscape + 2;
    }
    this.#isEscaped = at > bytes.length;
    return -1;
  }

  /** Keeps what has come of a key or a URL until the rest of it is there. */
  #hold(start: number): number {
    const { length } = this.#bytes;
    if (length - start > maxWholeBytes) throw invalid('its JSON has an overlong key or URL');
    this.#isEscaped = false;
    this.#rest = Buffer.from(this.#bytes.subarray(start));
    return length;
  }

  #passKey(start: number, end: number): void {
    const bytes = this.#bytes;
    this.#key = this.#hasEscapes
      ? escapedKey(parseString(bytes, start, end))
      : plainKey(bytes, start + 1, end - start - 2);
    // That of a URL goes out with the URL, if it does.
    if (this.#key !== keys.bulkDataUri) {
      this.#putComma();
      this.#copy(start, end);
    }
    this.#expecting = expecting.colon;
  }

  #isUrl(): boolean {
    if (this.#depth === 0 || this.#expecting > expecting.valueOrEnd) return false;
    if (this.#key === keys.bulkDataUri) return true;
    return ((this.#frames[this.#depth - 1] ?? 0) & (isObject | holdsUrls)) === holdsUrls;
  }

  #passUrl(start: number, end: number): void {
    if (end - start > maxWholeBytes) throw invalid('its JSON has an overlong key or URL');
    const url = this.#rewrite(parseString(this.#bytes, start, end));
    if (url !== undefined) {
      this.#beginValue();
      this.#putText(JSON.stringify(url), this.#bytes.length - end);
    }
    this.#endValue();
  }

  /** Writes what stands before a value: in an array the comma, and a key that was held. */
  #beginValue(): void {
    if (this.#expecting > expecting.valueOrEnd || this.#isDone) {
      throw invalid('its JSON is malformed');
    }
    if (this.#key === keys.bulkDataUri) {
      this.#putComma();
      this.#length += this.#out.write('"BulkDataURI":', this.#length);
      this.#key = keys.other;
    } else if (this.#depth > 0 && ((this.#frames[this.#depth - 1] ?? 0) & isObject) === 0) {
      this.#putComma();
    }
  }

  #endValue(): void {
    this.#key = keys.other;
    if (this.#depth === 0) this.#isDone = true;
    this.#expecting = expecting.commaOrEnd;
  }

  #endScalar(): void {
    if (!this.#isInScalar) return;
    this.#isInScalar = false;
    this.#endValue();
  }

  #separate(byte: number): void {
    if (byte === colon && this.#expecting === expecting.colon) {
      // A key that is held takes its colon with it.
      if (this.#key !== keys.bulkDataUri) this.#put(colon);
      this.#expecting = expecting.value;
    } else if (byte === comma && this.#expecting === expecting.commaOrEnd && this.#depth > 0) {
      const frame = this.#frames[this.#depth - 1] ?? 0;
      this.#expecting = frame & isObject ? expecting.key : expecting.value;
    } else throw invalid('its JSON is malformed');
  }

  #open(byte: number): void {
    const above = this.#depth === 0 ? 0 : (this.#frames[this.#depth - 1] ?? 0);
    const key = this.#key;
    this.#beginValue();
    if (this.#depth >= maxDepth) throw invalid('its JSON is nested too deeply');
    let frame = 0;
    if (byte === openBrace) {
      frame = isObject;
      if (key === keys.urlAttribute) frame |= holdsUrls;
    } else if (key === keys.value && above & holdsUrls) frame = holdsUrls;
    this.#frames[this.#depth] = frame;
    this.#depth += 1;
    this.#key = keys.other;
    this.#put(byte);
    this.#expecting = byte === openBrace ? expecting.keyOrEnd : expecting.valueOrEnd;
  }

  #close(byte: number): void {
    const isBrace = byte === closeBrace;
    const frame = this.#depth === 0 ? 0 : (this.#frames[this.#depth - 1] ?? 0);
    const mayEnd =
      this.#expecting === expecting.commaOrEnd ||
      this.#expecting === (isBrace ? expecting.keyOrEnd : expecting.valueOrEnd);
    if (this.#depth === 0 || !mayEnd || (frame & isObject) !== (isBrace ? isObject : 0)) {
      throw invalid('its JSON is malformed');
    }
    this.#depth -= 1;
    this.#put(byte);
    this.#endValue();
  }

  /** Before all but the first of what is written into an object or array. */
  #putComma(): void {
    if (this.#depth === 0) return;
    const frame = this.#frames[this.#depth - 1] ?? 0;
    if (frame & hasMembers) this.#put(comma);
    else this.#frames[this.#depth - 1] = frame | hasMembers;
  }

  #put(byte: number): void {
    this.#out[this.#length] = byte;
    this.#length += 1;
  }

  /** Writes what was not read here; `unread` bytes may have to follow. */
  #putText(text: string, unread: number): void {
    const needed = this.#length + Buffer.byteLength(text) + unread + slack;
    if (needed > this.#out.length) {
      const larger = Buffer.allocUnsafe(needed * 2);
      this.#out.copy(larger, 0, 0, this.#length);
      this.#out = larger;
    }
    this.#length += this.#out.write(text, this.#length);
  }

  #copy(start: number, end: number): void {
    const bytes = this.#bytes;
    const out = this.#out;
    const length = this.#length;
    if (end - start > shortRun) bytes.copy(out, length, start, end);
    else for (let at = start; at < end; at += 1) out[length + at - start] = bytes[at] ?? 0;
    this.#length = length + end - start;
  }
}

function parseString(bytes: Buffer, start: number, end: number): string {
  try {
    return JSON.parse(bytes.toString('utf8', start, end)) as string;
  } catch {
    throw invalid('its JSON is malformed');
  }
}

function invalid(what: string): OriginAnswerError {
  return new OriginAnswerError(`the archive's answer cannot be used: ${what}`);
}
