import { ObjectUnreadableError } from '../errors/object-errors.ts';
import { gatherChunks } from './gather-chunks.ts';

/** One body part whose length is known before it is read. */
export interface MultipartPart {
  /** Names are tokens, values visible ASCII: nothing of a peer's goes here unparsed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bytes: number;
  /** A chunk is valid until the next one is asked for. */
  read(): AsyncIterable<Buffer>;
}

/** A multipart message ready to be sent. */
export interface MultipartMessage {
  /** Value of the Content-Type header. */
  readonly contentType: string;
  /** Exact length of the body. */
  readonly contentLength: number;
  /** May be read more than once when the parts may. A chunk is valid until the next is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

/** One body part that goes on while it arrives, so that nobody knows its length. */
export interface PassingPart {
  /** As those of a {@link MultipartPart}. */
  readonly headers: Readonly<Record<string, string>>;
  /** Read once, and to its end before the next part is asked for. */
  readonly body: AsyncIterable<Buffer>;
}

/** RFC 2046 §5.1.1: 1 to 70 of these, a space not last. */
const boundaryPattern = /^[0-9A-Za-z'()+_,\-./:=? ]{0,69}[0-9A-Za-z'()+_,\-./:=?]$/;
const tokenPattern = /^[0-9A-Za-z!#$%&'*+\-.^_`|~]+$/;
const valuePattern = /^[\x20-\x7e]*$/;
const mediaTypePattern = /^[0-9A-Za-z!#$&^_.+-]+\/[0-9A-Za-z!#$&^_.+-]+$/;

/**
 * Puts parts into one multipart/related message of known length, without holding them.
 *
 * The first part is the root; all parts are of the media type `type`.
 *
 * @throws {@link RangeError} at once when there is no part, or a boundary, type or header is not
 *   legal; {@link ObjectUnreadableError} while the body is read, when a part's length is not what
 *   it said. The message is then cut short and has to be aborted.
 * @see RFC 2046 §5.1, RFC 2387 §3, PS3.18 §8.6.1.2
 */
export function encodeMultipartRelated({
  parts,
  type,
  boundary,
}: {
  readonly parts: readonly MultipartPart[];
  /** Media type of the parts, without parameters. */
  readonly type: string;
  /** Unpredictable, so that no object can contain it: 1 to 70 characters. */
  readonly boundary: string;
}): MultipartMessage {
  const contentType = contentTypeOf(type, boundary);
  if (parts.length === 0) throw new RangeError('a multipart message has at least one part');
  const sections = parts.map((part, index) => ({
    part,
    head: headOf(part.headers, boundary, index === 0),
  }));
  const end = endOf(boundary);
  return {
    contentType,
    contentLength: sections.reduce(
      (sum, { part, head }) => sum + head.length + part.bytes,
      end.length,
    ),
    body: {
      [Symbol.asyncIterator]: () => gatherChunks(pieces(sections, end)),
    },
  };
}

/**
 * As `encodeMultipartRelated`, for parts that are still arriving: the message is of unknown length and
 * can be read once. There has to be a part by the time it is read.
 */
export function passMultipartRelated({
  parts,
  type,
  boundary,
}: {
  readonly parts: AsyncIterable<PassingPart>;
  readonly type: string;
  readonly boundary: string;
}): Omit<MultipartMessage, 'contentLength'> {
  const contentType = contentTypeOf(type, boundary);
  return { contentType, body: gatherChunks(passingPieces(parts, boundary)) };
}

function contentTypeOf(type: string, boundary: string): string {
  if (!boundaryPattern.test(boundary)) throw new RangeError('not a legal multipart boundary');
  if (!mediaTypePattern.test(type)) throw new RangeError('not a media type');
  return `multipart/related; type="${type}"; boundary="${boundary}"`;
}

function headOf(headers: MultipartPart['headers'], boundary: string, isFirst: boolean): Buffer {
  return Buffer.from(`${isFirst ? '' : '\r\n'}--${boundary}\r\n${headerLines(headers)}\r\n`);
}

function endOf(boundary: string): Buffer {
  return Buffer.from(`\r\n--${boundary}--\r\n`);
}

function headerLines(headers: MultipartPart['headers']): string {
  return Object.entries(headers)
    .map(([name, value]) => {
      if (!tokenPattern.test(name) || !valuePattern.test(value)) {
        throw new RangeError('not a legal part header');
      }
      return `${name}: ${value}\r\n`;
    })
    .join('');
}

interface Section {
  readonly part: MultipartPart;
  readonly head: Buffer;
}

async function* pieces(sections: readonly Section[], end: Buffer): AsyncGenerator<Buffer> {
  for (const { part, head } of sections) {
    yield head;
    let left = part.bytes;
    for await (const chunk of part.read()) {
      left -= chunk.length;
      if (left < 0) throw lengthError(part);
      yield chunk;
    }
    if (left > 0) throw lengthError(part);
  }
  yield end;
}

async function* passingPieces(
  parts: AsyncIterable<PassingPart>,
  boundary: string,
): AsyncGenerator<Buffer> {
  let isFirst = true;
  for await (const { headers, body } of parts) {
    yield headOf(headers, boundary, isFirst);
    isFirst = false;
    yield* body;
  }
  yield endOf(boundary);
}

function lengthError({ bytes }: MultipartPart): ObjectUnreadableError {
  return new ObjectUnreadableError(`an object is not of the ${bytes} bytes it was said to have`);
}
