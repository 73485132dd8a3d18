import { Buffer } from 'node:buffer';
import { OriginAnswerError } from '../errors/origin-errors.ts';

/** One object or array that is open. */
interface Frame {
  readonly isObject: boolean;
  /** The object of an attribute whose `Value` holds URLs, or that `Value` itself. */
  readonly holdsUrls: boolean;
  /** Something was written into it, so that the next needs a comma. */
  hasMembers: boolean;
}

type Expecting = 'value' | 'key' | 'colon' | 'comma';

const [quote, backslash, comma, colon] = [0x22, 0x5c, 0x2c, 0x3a];
const [openBrace, closeBrace, openBracket, closeBracket] = [0x7b, 0x7d, 0x5b, 0x5d];

const maxDepth = 512;
/** Keys that matter have 11 characters, each at most six bytes when escaped. */
const maxKeyBytes = 66;
const maxUrlBytes = 8192;

const urlAttributes: ReadonlySet<string> = new Set(['00081190']);
const urlMember = 'BulkDataURI';

/**
 * Rewrites the URLs of a DICOM JSON document (PS3.18 Annex F) while it passes: Retrieve URL
 * (0008,1190) and every `BulkDataURI`, at any depth. Blanks between the tokens go; a URL that
 * `rewrite` answers with `undefined` goes with its member. Nothing else is touched, and no more is
 * held than one key or one URL.
 */
export class JsonUrlRewriter {
  readonly #rewrite: (url: string) => string | undefined;
  readonly #frames: Frame[] = [];
  #expecting: Expecting = 'value';
  #key = '';
  /** A key was read and is written when its value is. */
  #isKeyHeld = false;
  #heldKeyLength = 0;
  #inString = false;
  #isEscaped = false;
  #hasEscapes = false;
  #inScalar = false;
  /** Where a string goes that has to be known before it is written. */
  readonly #captured = Buffer.alloc(maxUrlBytes);
  #captureFrom = 0;
  #capturedLength = 0;
  #isCapturing = false;
  #isDone = false;
  #out = Buffer.alloc(0);
  #outLength = 0;

  /** @param rewrite - the public URL for one of the archive's, `undefined` for a stranger's. */
  constructor(rewrite: (url: string) => string | undefined) {
    this.#rewrite = rewrite;
  }

  /**
   * Takes the next bytes and answers what can be handed on.
   * @throws {@link OriginAnswerError} as soon as it shows that this is no JSON.
   */
  push(chunk: Buffer): Buffer {
    // A comma may be written before each byte that was read after one.
    this.#out = Buffer.allocUnsafe(chunk.length + 256);
    this.#outLength = 0;
    let index = 0;
    while (index < chunk.length) {
      index = this.#inString ? this.#readString(chunk, index) : this.#readToken(chunk, index);
    }
    return this.#out.subarray(0, this.#outLength);
  }

  /** @throws {@link OriginAnswerError} when the document was cut off. */
  end(): void {
    this.#endScalar();
    if (!this.#isDone) throw invalid('its JSON ends too early');
  }

  #readToken(chunk: Buffer, start: number): number {
    const byte = chunk[start] ?? 0;
    if (isScalarByte(byte)) {
      if (!this.#inScalar) this.#beginValue();
      this.#inScalar = true;
      this.#put(byte);
      return start + 1;
    }
    if (byte === quote) {
      this.#beginString();
      return start + 1;
    }
    this.#endScalar();
    if (byte === comma || byte === colon) this.#separate(byte);
    else if (byte === openBrace || byte === openBracket) this.#open(byte);
    else if (byte === closeBrace || byte === closeBracket) this.#close(byte);
    else if (!isBlank(byte)) throw invalid('its JSON is malformed');
    let next = start + 1;
    while (next < chunk.length && isBlank(chunk[next] ?? 0)) next += 1;
    return next;
  }

  /** Takes the bytes of a string up to its end, or as far as they have come. */
  #readString(chunk: Buffer, start: number): number {
    let index = start;
    let isEscaped = this.#isEscaped;
    let hasEnded = false;
    for (; index < chunk.length && !hasEnded; index += 1) {
      const byte = chunk[index];
      if (isEscaped) isEscaped = false;
      else if (byte === quote) hasEnded = true;
      else if (byte === backslash) {
        isEscaped = true;
        this.#hasEscapes = true;
      }
    }
    this.#isEscaped = isEscaped;
    if (hasEnded) this.#inString = false;
    if (this.#isCapturing) {
      this.#capture(chunk, start, hasEnded ? index - 1 : index);
      if (hasEnded) this.#endCaptured();
    } else {
      this.#putBytes(chunk, start, index);
      if (hasEnded) this.#endValue();
    }
    return index;
  }

  #capture(chunk: Buffer, start: number, end: number): void {
    const length = this.#capturedLength + end - start;
    if (length > this.#captured.length) throw invalid('its JSON has an overlong key or URL');
    chunk.copy(this.#captured, this.#capturedLength, start, end);
    this.#capturedLength = length;
  }

  #beginString(): void {
    if (this.#inScalar) throw invalid('its JSON is malformed');
    this.#inString = true;
    this.#isEscaped = false;
    this.#hasEscapes = false;
    this.#isCapturing = this.#expecting === 'key' || this.#isUrl();
    if (this.#isCapturing) {
      // A held key is written with its value; a URL comes after it in the same buffer.
      this.#captureFrom = this.#expecting === 'key' ? 0 : this.#heldKeyLength;
      this.#capturedLength = this.#captureFrom;
      return;
    }
    this.#beginValue();
    this.#put(quote);
  }

  #isUrl(): boolean {
    const frame = this.#frames.at(-1);
    if (frame === undefined || this.#expecting !== 'value') return false;
    return frame.isObject ? this.#key === urlMember : frame.holdsUrls;
  }

  #endCaptured(): void {
    this.#isCapturing = false;
    const length = this.#capturedLength - this.#captureFrom;
    if (this.#expecting === 'key') {
      this.#key = length <= maxKeyBytes ? this.#capturedText() : '';
      this.#heldKeyLength = length;
      this.#isKeyHeld = true;
      this.#expecting = 'colon';
      return;
    }
    const url = this.#rewrite(this.#capturedText());
    if (url === undefined) this.#isKeyHeld = false;
    else {
      this.#beginValue();
      const written = Buffer.from(JSON.stringify(url));
      this.#putBytes(written, 0, written.length);
    }
    this.#endValue();
  }

  /** Parsed where it has escapes: they must not hide one of the keys that matter. */
  #capturedText(): string {
    const [from, to] = [this.#captureFrom, this.#capturedLength];
    if (!this.#hasEscapes) return this.#captured.toString('latin1', from, to);
    return parseString(this.#captured.toString('utf8', from, to));
  }

  /** Writes what stands before a value: the comma, and in an object the key. */
  #beginValue(): void {
    if (this.#expecting !== 'value' || this.#isDone) throw invalid('its JSON is malformed');
    const frame = this.#frames.at(-1);
    if (frame?.hasMembers) this.#put(comma);
    if (frame) frame.hasMembers = true;
    if (!this.#isKeyHeld) return;
    this.#isKeyHeld = false;
    this.#put(quote);
    this.#putBytes(this.#captured, 0, this.#heldKeyLength);
    this.#put(quote);
    this.#put(colon);
  }

  #endValue(): void {
    if (this.#frames.length === 0) this.#isDone = true;
    this.#expecting = 'comma';
  }

  #endScalar(): void {
    if (!this.#inScalar) return;
    this.#inScalar = false;
    this.#endValue();
  }

  #separate(byte: number): void {
    const frame = this.#frames.at(-1);
    if (byte === colon && this.#expecting === 'colon') this.#expecting = 'value';
    else if (byte === comma && this.#expecting === 'comma' && frame !== undefined)
      this.#expecting = frame.isObject ? 'key' : 'value';
    else throw invalid('its JSON is malformed');
  }

  #open(byte: number): void {
    const above = this.#frames.at(-1);
    this.#beginValue();
    if (this.#frames.length >= maxDepth) throw invalid('its JSON is nested too deeply');
    const isObject = byte === openBrace;
    const holdsUrls = isObject
      ? above?.isObject === true && urlAttributes.has(this.#key)
      : above?.holdsUrls === true && above.isObject && this.#key === 'Value';
    this.#frames.push({ isObject, holdsUrls, hasMembers: false });
    this.#put(byte);
    this.#expecting = isObject ? 'key' : 'value';
  }

  #close(byte: number): void {
    const frame = this.#frames.pop();
    const isEmpty = this.#expecting === (frame?.isObject ? 'key' : 'value') && !frame?.hasMembers;
    if (frame?.isObject !== (byte === closeBrace) || !(isEmpty || this.#expecting === 'comma')) {
      throw invalid('its JSON is malformed');
    }
    this.#put(byte);
    this.#endValue();
  }

  #put(byte: number): void {
    if (this.#outLength === this.#out.length) this.#grow(1);
    this.#out[this.#outLength] = byte;
    this.#outLength += 1;
  }

  #putBytes(bytes: Buffer, start: number, end: number): void {
    if (this.#outLength + end - start > this.#out.length) this.#grow(end - start);
    bytes.copy(this.#out, this.#outLength, start, end);
    this.#outLength += end - start;
  }

  #grow(bytes: number): void {
    const larger = Buffer.allocUnsafe(this.#out.length * 2 + bytes);
    this.#out.copy(larger, 0, 0, this.#outLength);
    this.#out = larger;
  }
}

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

/** What numbers and `true`, `false`, `null` are made of. */
function isScalarByte(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x61 && byte <= 0x7a) ||
    byte === 0x2d ||
    byte === 0x2b ||
    byte === 0x2e ||
    byte === 0x45
  );
}

function parseString(text: string): string {
  try {
    return JSON.parse(`"${text}"`) as string;
  } catch {
    throw invalid('its JSON is malformed');
  }
}

function invalid(what: string): OriginAnswerError {
  return new OriginAnswerError(`the archive's answer cannot be used: ${what}`);
}
