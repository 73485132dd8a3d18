import { Buffer } from 'node:buffer';
import { ByteWindow } from './byte-window.ts';
import { parseMediaType } from './media-type.ts';
import { MultipartError } from './multipart-error.ts';
import { parsePartHeaders } from './part-headers.ts';

/** One part of a message that is still arriving. */
export interface ReceivedPart {
  /** By name in lower case; one that stands there twice has its values joined by a comma. */
  readonly headers: ReadonlyMap<string, string>;
  /**
   * Can be read once, before the next part is asked for; what of it is not read then is passed over.
   * A chunk is valid until the next one is asked for.
   */
  readonly body: AsyncIterable<Buffer>;
}

/** Orthanc's has 73 characters, where RFC 2046 §5.1.1 allows 70. */
const boundaryPattern = /^[\x20-\x7e]{0,255}[\x21-\x7e]$/;
/** All headers of one part together. */
const maxHeaderBytes = 16 * 1024;
/** What may follow a boundary on its line: blanks that gateways have put there. */
const maxPaddingBytes = 256;
/** What may follow the closing boundary; read so that the connection can be used again. */
const maxEpilogueBytes = 64 * 1024;
const lineEnd = Buffer.from('\r\n');
const emptyLine = Buffer.from('\r\n\r\n');
const carriageReturn = 0x0d;

/**
 * Reads a multipart/related message while it arrives, without holding its parts.
 *
 * Only the closing boundary proves that a message is whole: a stream that ends before it is an error,
 * even between two parts, for some servers (Orthanc) mark the end of an answer by nothing else. A
 * line that begins with the boundary and goes on otherwise than RFC 2046 §5.1.1 has it is an error
 * too: another reader might take it for a part where we take it for content, or the other way round.
 *
 * @param message - `maxParts` is what the reader is ready for; there is no limit to their length.
 * @throws {@link MultipartError} at once when the content type is not multipart/related with a
 *   boundary; while reading, for everything else. What reading the body threw, as it is.
 * @see RFC 2046 §5.1, RFC 2387, PS3.18 §8.6.1.2
 */
export function parseMultipartRelated({
  contentType,
  body,
  maxParts,
}: {
  readonly contentType: string;
  readonly body: AsyncIterable<Buffer>;
  readonly maxParts: number;
}): AsyncGenerator<ReceivedPart> {
  const mediaType = parseMediaType(contentType);
  const boundary = mediaType?.parameters.get('boundary') ?? '';
  if (mediaType?.essence !== 'multipart/related' || !boundaryPattern.test(boundary)) {
    throw new MultipartError('not-multipart', 'not multipart/related with a boundary');
  }
  return partsOf(new MultipartReader(body, boundary), maxParts);
}

async function* partsOf(reader: MultipartReader, maxParts: number): AsyncGenerator<ReceivedPart> {
  try {
    for (let parts = 0; await reader.toNextPart(); parts += 1) {
      if (parts === maxParts) {
        throw new MultipartError('too-many-parts', `more than ${maxParts} parts`);
      }
      yield { headers: await reader.headers(), body: reader.body() };
    }
    await reader.passEpilogue();
  } finally {
    await reader.close();
  }
}

class MultipartReader {
  readonly #window: ByteWindow;
  /** With the line end before it, which belongs to the boundary and not to the part. */
  readonly #delimiter: Buffer;
  /**
   * Bytes at the beginning of the window that are no content, but may be the beginning of a
   * delimiter: a part without content may have one line end for both its header and the boundary.
   */
  #lead = lineEnd.length;
  /** The preamble is passed over like the rest of a part. */
  #isInside = true;
  #part = 0;

  constructor(body: AsyncIterable<Buffer>, boundary: string) {
    // The first boundary may stand at the very beginning, without the line end before it.
    this.#window = new ByteWindow(body, lineEnd);
    this.#delimiter = Buffer.from(`\r\n--${boundary}`, 'latin1');
  }

  /** @returns false behind the closing boundary. */
  async toNextPart(): Promise<boolean> {
    while ((await this.#content()) !== undefined);
    this.#part += 1;
    return !(await this.#isClosing());
  }

  async headers(): Promise<ReadonlyMap<string, string>> {
    let searched = 0;
    for (;;) {
      const { bytes } = this.#window;
      const end = bytes.indexOf(emptyLine, searched);
      const isTooLong = (end < 0 ? bytes.length : end) > maxHeaderBytes;
      if (isTooLong) throw malformed('the header of a part is too long');
      if (end >= 0) {
        // Its second line end may already be that of the next delimiter.
        const block = this.#window.take(end + lineEnd.length).toString('latin1');
        this.#lead = lineEnd.length;
        this.#isInside = true;
        return parsePartHeaders(block);
      }
      searched = Math.max(0, bytes.length - emptyLine.length + 1);
      await this.#more();
    }
  }

  body(): AsyncIterable<Buffer> {
    const part = this.#part;
    let isTaken = false;
    const next = async (): Promise<IteratorResult<Buffer, undefined>> => {
      if (part !== this.#part) throw new Error('the part has been passed over');
      const value = await this.#content();
      return value === undefined ? { done: true, value } : { done: false, value };
    };
    const leave = { done: true, value: undefined } as const;
    return {
      [Symbol.asyncIterator]: () => {
        if (isTaken) throw new Error('a part can be read once');
        isTaken = true;
        return { next, return: () => Promise.resolve(leave) };
      },
    };
  }

  /** The message is complete: what comes now, or fails to, changes nothing. */
  async passEpilogue(): Promise<void> {
    let bytes = 0;
    try {
      do bytes += this.#window.take(this.#window.bytes.length).length;
      while (bytes <= maxEpilogueBytes && (await this.#window.more()));
    } catch {
      // The connection is of no more use, which is its owner's to find out.
    }
  }

  close(): Promise<void> {
    return this.#window.close();
  }

  /** Content up to the next delimiter, which is consumed; then `undefined`. */
  async #content(): Promise<Buffer | undefined> {
    while (this.#isInside) {
      const { bytes } = this.#window;
      const at = bytes.indexOf(this.#delimiter);
      const end = at < 0 ? this.#possibleDelimiter(bytes) : at;
      const content = this.#window.take(end).subarray(this.#lead);
      if (end > 0) this.#lead = 0;
      if (at >= 0) {
        this.#window.take(this.#delimiter.length);
        this.#isInside = false;
      }
      if (content.length > 0) return content;
      if (at < 0) await this.#more();
    }
    return undefined;
  }

  /** Where a delimiter may begin whose end has not arrived yet; else the end. */
  #possibleDelimiter(bytes: Buffer): number {
    const from = Math.max(0, bytes.length - this.#delimiter.length + 1);
    // No boundary holds a line end, so that only the last one can be the beginning of it all.
    const at = bytes.subarray(from).lastIndexOf(carriageReturn);
    if (at < 0) return bytes.length;
    const rest = bytes.subarray(from + at);
    return this.#delimiter.subarray(0, rest.length).equals(rest) ? from + at : bytes.length;
  }

  /** Reads the rest of a delimiter's line; its line end stays, as the first of the header. */
  async #isClosing(): Promise<boolean> {
    let hasEnded = false;
    while (!hasEnded && this.#window.bytes.indexOf(lineEnd) < 0) {
      if (this.#window.bytes.length > maxPaddingBytes) throw badLine();
      hasEnded = !(await this.#window.more());
    }
    const { bytes } = this.#window;
    const end = hasEnded ? bytes.length : bytes.indexOf(lineEnd);
    if (end > maxPaddingBytes) throw badLine();
    const line = this.#window.take(end).toString('latin1');
    if (/^--[ \t]*$/.test(line)) return true;
    if (hasEnded) throw truncated();
    if (!/^[ \t]*$/.test(line)) throw badLine();
    return false;
  }

  async #more(): Promise<void> {
    if (!(await this.#window.more())) throw truncated();
  }
}

function truncated(): MultipartError {
  return new MultipartError('truncated', 'the message ends before its closing boundary');
}

function malformed(message: string): MultipartError {
  return new MultipartError('malformed', message);
}

function badLine(): MultipartError {
  return malformed('a line begins with the boundary and is none');
}
