import type { ServerResponse } from 'node:http';
import type { Transform } from 'node:stream';
import { OriginAnswerError } from '../../errors/origin-errors.ts';
import type { ResponseHead, ResponseSink } from '../../translate/response-sink.ts';
import { matchesEtag, notModified } from './answer-head.ts';
import { createCompressor } from './content-coding.ts';
import type { ContentCoding } from './content-coding.ts';

interface NodeSinkOptions {
  readonly outgoing: ServerResponse;
  /** Only the head is wanted (RFC 9110 §9.3.2). */
  readonly isHead: boolean;
  /** The one the client likes best. */
  readonly coding: ContentCoding | undefined;
  readonly ifNoneMatch: string | undefined;
  /** The head the client gets for the one that was given. */
  readonly complete: (head: ResponseHead) => ResponseHead;
  /** The client has all it wanted, and whoever writes may stop. */
  readonly onSatisfied: () => void;
  /** How long a client may take nothing of the answer. */
  readonly stallMs: number;
}

/** Smaller bodies gain nothing. */
const leastCompressedBytes = 1024;
const compressible = /^application\/(?:dicom\+)?json\b/i;

/**
 * Carries an answer into Node's raw response: chunks go on as they are, and as fast as the client
 * takes them.
 */
export class NodeSink implements ResponseSink {
  readonly #options: NodeSinkOptions;
  readonly #outgoing: ServerResponse;
  #compressor: Transform | undefined;
  #declaredBytes: number | undefined;
  #takenBytes = 0;
  #hasBegun = false;
  #isSatisfied = false;
  #bodyBytes = 0;

  constructor(options: NodeSinkOptions) {
    this.#options = options;
    this.#outgoing = options.outgoing;
  }

  /** Something has gone out: the answer cannot become another one any more. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** The client needs nothing more: it has all, or wanted no body. */
  get isSatisfied(): boolean {
    return this.#isSatisfied;
  }

  /** Of the body, as it went out. */
  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  begin(given: ResponseHead): void {
    const { isHead, ifNoneMatch, complete, coding, stallMs } = this.#options;
    this.#hasBegun = true;
    const head = complete(given);
    if (head.status === 200 && matchesEtag(ifNoneMatch, head.headers['etag'])) {
      this.#satisfy(notModified(head));
      return;
    }
    if (isHead || head.status === 204) {
      this.#satisfy(head);
      return;
    }
    const { 'content-length': length, ...headers } = head.headers;
    this.#declaredBytes = length === undefined ? undefined : Number(length);
    if (coding !== undefined && this.#isCompressible(head)) {
      this.#outgoing.writeHead(head.status, { ...headers, 'content-encoding': coding });
      this.#compress(coding);
    } else this.#outgoing.writeHead(head.status, head.headers);
    // A socket with data that nobody takes; silence of the archive is the archive's to watch.
    this.#outgoing.setTimeout(stallMs, () => {
      if (this.#outgoing.writableNeedDrain) this.fail();
    });
  }

  write(chunk: Uint8Array): boolean {
    if (this.#isSatisfied) return true;
    this.#takenBytes += chunk.byteLength;
    // One byte more than was said is where the client takes the next answer to begin.
    if (this.#takenBytes > (this.#declaredBytes ?? Infinity)) throw wrongLength();
    if (this.#compressor !== undefined) return this.#compressor.write(chunk);
    this.#bodyBytes += chunk.byteLength;
    return this.#outgoing.write(chunk);
  }

  drained(resume: () => void): void {
    (this.#compressor ?? this.#outgoing).once('drain', resume);
  }

  end(): void {
    if (this.#isSatisfied) return;
    if (this.#declaredBytes !== undefined && this.#declaredBytes !== this.#takenBytes) {
      throw wrongLength();
    }
    this.#isSatisfied = true;
    (this.#compressor ?? this.#outgoing).end();
  }

  /** Ends the connection in the middle: half an answer never looks whole (HOSTILE D42). */
  fail(): void {
    this.#compressor?.destroy();
    const { socket } = this.#outgoing;
    // An orderly end is what an HTTP/1.0 client, nginx as it comes among them, takes for the answer's.
    if (socket !== null && !('encrypted' in socket)) socket.resetAndDestroy();
    this.#outgoing.destroy();
  }

  #satisfy({ status, headers }: ResponseHead): void {
    this.#isSatisfied = true;
    this.#outgoing.writeHead(status, headers).end();
    this.#options.onSatisfied();
  }

  #isCompressible({ status, headers }: ResponseHead): boolean {
    return (
      status === 200 &&
      compressible.test(headers['content-type'] ?? '') &&
      headers['content-encoding'] === undefined &&
      (this.#declaredBytes ?? Infinity) >= leastCompressedBytes
    );
  }

  #compress(coding: ContentCoding): void {
    const outgoing = this.#outgoing;
    const compressor = createCompressor(coding);
    this.#compressor = compressor;
    compressor.on('data', (chunk: Buffer) => {
      this.#bodyBytes += chunk.length;
      if (outgoing.write(chunk)) return;
      compressor.pause();
      outgoing.once('drain', () => compressor.resume());
    });
    compressor.once('end', () => outgoing.end());
    compressor.once('error', () => outgoing.destroy());
  }
}

function wrongLength(): OriginAnswerError {
  return new OriginAnswerError("the archive's answer has another length than it said");
}
