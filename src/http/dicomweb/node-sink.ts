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

interface HeldAnswer {
  readonly head: ResponseHead;
  readonly chunk?: Uint8Array;
}

/** Smaller bodies gain nothing. */
const leastCompressedBytes = 1024;
/** A search for one study, the metadata of an image. */
const mostHeldBytes = 16 * 1024;
const compressible = /^application\/(?:dicom\+)?json\b/i;

/**
 * Carries an answer into Node's raw response: chunks go on as they are, and as fast as the client
 * takes them.
 */
export class NodeSink implements ResponseSink {
  readonly #options: NodeSinkOptions;
  readonly #outgoing: ServerResponse;
  #compressor: Transform | undefined;
  /** Not sent yet, because what follows may be the end. */
  #held: HeldAnswer | undefined;
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
    const { isHead, ifNoneMatch, complete, stallMs } = this.#options;
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
    const declared = head.headers['content-length'];
    this.#declaredBytes = declared === undefined ? undefined : Number(declared);
    if (this.#isShortPerhaps(head)) this.#held = { head };
    else this.#open(head);
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
    if (this.#held !== undefined && this.#hold(chunk, this.#held)) return true;
    return this.#pass(chunk);
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
    if (this.#held === undefined) (this.#compressor ?? this.#outgoing).end();
    else this.#sendWhole(this.#held);
  }

  /** Ends the connection in the middle: half an answer never looks whole (HOSTILE D42). */
  fail(): void {
    this.#held = undefined;
    this.#compressor?.destroy();
    const { socket } = this.#outgoing;
    // An orderly end is what an HTTP/1.0 client, nginx as it comes among them, takes for the answer's.
    if (socket !== null && !('encrypted' in socket)) socket.resetAndDestroy();
    this.#outgoing.destroy();
  }

  #open({ status, headers }: ResponseHead): void {
    const { coding } = this.#options;
    if (coding === undefined || !this.#isCompressible({ status, headers })) {
      this.#outgoing.writeHead(status, headers);
      return;
    }
    const kept = Object.entries(headers).filter(([name]) => name !== 'content-length');
    this.#outgoing.writeHead(status, { ...Object.fromEntries(kept), 'content-encoding': coding });
    this.#compress(coding);
  }

  #pass(chunk: Uint8Array): boolean {
    if (this.#compressor !== undefined) return this.#compressor.write(chunk);
    this.#bodyBytes += chunk.byteLength;
    return this.#outgoing.write(chunk);
  }

  /** @returns whether the chunk waits for what comes behind it: a small one, and the first. */
  #hold(chunk: Uint8Array, { head, chunk: first }: HeldAnswer): boolean {
    if (first !== undefined || chunk.byteLength > mostHeldBytes) {
      this.#release();
      return false;
    }
    this.#held = { head, chunk };
    // The archive's last bytes and its end arrive together, or the end is some time off.
    setImmediate(() => {
      this.#release();
    });
    return true;
  }

  /** The answer is longer than it seemed: what was held goes out, the rest behind it. */
  #release(): void {
    const held = this.#held;
    this.#held = undefined;
    // Something went wrong meanwhile, and a problem document has gone out in its place.
    if (held === undefined || this.#outgoing.destroyed || this.#outgoing.headersSent) return;
    this.#open(held.head);
    if (held.chunk !== undefined) this.#pass(held.chunk);
  }

  /** In one piece, with its length, which costs both sides half of what two pieces do. */
  #sendWhole({ head, chunk }: HeldAnswer): void {
    const bytes = chunk?.byteLength ?? 0;
    if (this.#options.coding !== undefined && bytes >= leastCompressedBytes) {
      this.#release();
      (this.#compressor ?? this.#outgoing).end();
      return;
    }
    this.#held = undefined;
    this.#bodyBytes = bytes;
    const headers = { ...head.headers, 'content-length': String(bytes) };
    this.#outgoing.writeHead(head.status, headers).end(chunk);
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

  #isShortPerhaps({ headers }: ResponseHead): boolean {
    return this.#declaredBytes === undefined && compressible.test(headers['content-type'] ?? '');
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
