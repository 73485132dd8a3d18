import { Buffer } from 'node:buffer';
import { OriginAnswerError, OriginUnavailableError } from '../../errors/origin-errors.ts';
import type { ResponseSink } from '../../translate/response-sink.ts';
import type { BodyReceiver } from './relay-exchange.ts';

/** Hands a body on as it is; its end is known by the protocol. */
export class WholeBody implements BodyReceiver {
  readonly #sink: ResponseSink;

  constructor(sink: ResponseSink) {
    this.#sink = sink;
  }

  write(chunk: Buffer): boolean {
    return this.#sink.write(chunk);
  }

  drained(resume: () => void): void {
    this.#sink.drained(resume);
  }

  end(): void {
    this.#sink.end();
  }
}

/** What may stand behind the closing boundary: a line end, an epilogue nobody reads. */
const epilogueBytes = 1024;

/**
 * Hands a multipart message on as it is, and looks whether its closing boundary came at the end: with
 * nothing else some servers (Orthanc, for whole studies) mark it, and proxies on the way take whatever
 * ended for whole.
 */
export class MultipartBody implements BodyReceiver {
  readonly #sink: ResponseSink;
  readonly #closing: Buffer;
  readonly #tailBytes: number;
  #tail: Buffer = Buffer.alloc(0);

  constructor(sink: ResponseSink, boundary: string) {
    this.#sink = sink;
    this.#closing = Buffer.from(`--${boundary}--`, 'latin1');
    this.#tailBytes = this.#closing.length + epilogueBytes;
  }

  write(chunk: Buffer): boolean {
    const tail = this.#tailBytes;
    this.#tail =
      chunk.length >= tail
        ? chunk.subarray(-tail)
        : Buffer.concat([this.#tail, chunk]).subarray(-tail);
    return this.#sink.write(chunk);
  }

  drained(resume: () => void): void {
    this.#sink.drained(resume);
  }

  end(): void {
    if (!this.#tail.includes(this.#closing)) throw brokenOff();
    this.#sink.end();
  }
}

/** Keeps the first bytes of an answer that says what went wrong. */
export class FaultBody implements BodyReceiver {
  static readonly #maxBytes = 16 * 1024;
  #bytes: Buffer = Buffer.alloc(0);

  write(chunk: Buffer): true | 'enough' {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    return this.#bytes.length < FaultBody.#maxBytes ? true : 'enough';
  }

  drained(resume: () => void): void {
    resume();
  }

  end(): void {
    // Whatever came says what it can.
  }

  get text(): string {
    return this.#bytes.toString('utf8');
  }
}

export function brokenOff(): OriginUnavailableError {
  return new OriginUnavailableError("the archive's answer broke off: its end is missing");
}

export function unusable(what: string, status?: number): OriginAnswerError {
  return new OriginAnswerError(`the archive's answer cannot be used: ${what}`, {
    ...(status === undefined ? {} : { status }),
  });
}
