import { Buffer } from 'node:buffer';
import { decodeFileHeader } from '../../dicom/part10.ts';
import { NotAcceptableError } from '../../errors/request-errors.ts';
import type { ResponseHead, ResponseSink } from '../../translate/response-sink.ts';
import { brokenOff, unusable } from './relay-body.ts';
import type { BodyReceiver } from './relay-exchange.ts';

/** Room for the headers of a part and for group 0002 of the object in it. */
const firstBytes = 32 * 1024;
const maxHeaderBytes = 16 * 1024;
const emptyLine = Buffer.from('\r\n\r\n');

/**
 * Holds the beginning of a message of objects until the transfer syntax of the first is known, and
 * gives it to `next` when that is the wanted one: some archives convert only at their peril, and are
 * asked for what they have instead.
 *
 * Only the first object is looked at. A study can hold several transfer syntaxes; each file names its
 * own, so that whoever reads the others is not misled.
 */
export class SyntaxCheckedBody implements BodyReceiver {
  readonly #wanted: string;
  readonly #open: () => BodyReceiver;
  #held: Buffer | undefined = Buffer.alloc(0);
  #next: BodyReceiver | undefined;

  constructor(wanted: string, open: () => BodyReceiver) {
    this.#wanted = wanted;
    this.#open = open;
  }

  write(chunk: Buffer): boolean | 'enough' {
    if (this.#held === undefined) return this.#next?.write(chunk) ?? 'enough';
    this.#held = Buffer.concat([this.#held, chunk]);
    return this.#held.length < firstBytes || this.#pass(this.#held);
  }

  drained(resume: () => void): void {
    this.#next?.drained(resume);
  }

  end(): void {
    if (this.#held !== undefined) this.#pass(this.#held);
    this.#next?.end();
  }

  #pass(held: Buffer): boolean | 'enough' {
    const headers = held.indexOf(emptyLine);
    const file = held.subarray(headers + emptyLine.length);
    const header = headers === -1 ? undefined : decodeFileHeader(file);
    if (header === undefined) throw unusable('it begins with no DICOM object');
    if (header.transferSyntaxUid !== this.#wanted) throw storedOtherwise();
    this.#held = undefined;
    this.#next = this.#open();
    return this.#next.write(held);
  }
}

/** Takes the one object out of a multipart message, while it arrives (PS3.18 §9.4, WADO-URI). */
export class SinglePartBody implements BodyReceiver {
  readonly #sink: ResponseSink;
  readonly #head: ResponseHead;
  /** With the line end before it, which belongs to the boundary and not to the part. */
  readonly #delimiter: Buffer;
  /** What cannot be handed on yet: it may be the beginning of a delimiter. */
  #held: Buffer = Buffer.alloc(0);
  #isIn: 'headers' | 'part' | 'end' = 'headers';

  constructor(sink: ResponseSink, head: ResponseHead, boundary: string) {
    this.#sink = sink;
    this.#head = head;
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  write(chunk: Buffer): boolean {
    if (this.#isIn === 'end') return true;
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    return this.#isIn === 'headers' ? this.#passHeaders(bytes) : this.#passContent(bytes);
  }

  drained(resume: () => void): void {
    this.#sink.drained(resume);
  }

  end(): void {
    if (this.#isIn !== 'end') throw brokenOff();
    this.#sink.end();
  }

  #passHeaders(bytes: Buffer): boolean {
    const end = bytes.indexOf(emptyLine);
    if (end === -1) {
      if (bytes.length > maxHeaderBytes) throw unusable('the header of its part is too long');
      this.#held = bytes;
      return true;
    }
    // A message without any part has its closing boundary where the headers would be.
    const opening = this.#delimiter.subarray(2);
    const at = bytes.subarray(0, end).indexOf(opening);
    if (at === -1 || bytes[at + opening.length] !== carriageReturn) {
      throw unusable('it has no part to take out');
    }
    this.#isIn = 'part';
    this.#sink.begin(this.#head);
    return this.#passContent(bytes.subarray(end + emptyLine.length));
  }

  #passContent(bytes: Buffer): boolean {
    const at = bytes.indexOf(this.#delimiter);
    if (at !== -1) this.#isIn = 'end';
    const end = at !== -1 ? at : this.#possibleDelimiter(bytes);
    // Copied: a few bytes must not keep a whole chunk.
    this.#held = Buffer.from(at !== -1 ? '' : bytes.subarray(end));
    return end === 0 || this.#sink.write(bytes.subarray(0, end));
  }

  /** Where a delimiter may begin whose end has not arrived yet; else the end. */
  #possibleDelimiter(bytes: Buffer): number {
    const from = Math.max(0, bytes.length - this.#delimiter.length + 1);
    // No boundary holds a line end, so that only the last one can be the beginning of it all.
    const at = bytes.subarray(from).lastIndexOf(carriageReturn);
    if (at === -1) return bytes.length;
    const rest = bytes.subarray(from + at);
    return this.#delimiter.subarray(0, rest.length).equals(rest) ? from + at : bytes.length;
  }
}

const carriageReturn = 0x0d;

export function storedOtherwise(): NotAcceptableError {
  return new NotAcceptableError('the archive has it in another transfer syntax');
}
