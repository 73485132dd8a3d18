import type { ResponseHead, ResponseSink } from '../../../src/translate/response-sink.ts';

/** A client that takes an answer, as fast as a test says. */
export class RecordingSink implements ResponseSink {
  readonly chunks: Buffer[] = [];
  head: ResponseHead | undefined;
  bytes = 0;
  hasEnded = false;
  /** How often it was told to begin. */
  begins = 0;
  readonly #isFast: (sink: RecordingSink) => boolean;
  readonly #keeps: boolean;
  #resume: (() => void) | undefined;
  #onFull: () => void = () => undefined;

  constructor({
    isFast = () => true,
    keeps = true,
  }: {
    /** Asked after each chunk whether the client takes the next at once. */
    readonly isFast?: (sink: RecordingSink) => boolean;
    readonly keeps?: boolean;
  } = {}) {
    this.#isFast = isFast;
    this.#keeps = keeps;
  }

  /** Settled when the client takes no more for the moment. */
  full(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#resume !== undefined) resolve();
      else this.#onFull = resolve;
    });
  }

  /** Takes one more. */
  drain(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  get body(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.body.toString('utf8');
  }

  get json(): unknown {
    return JSON.parse(this.text) as unknown;
  }

  begin(head: ResponseHead): void {
    this.begins += 1;
    this.head = head;
  }

  write(chunk: Uint8Array): boolean {
    if (this.head === undefined || this.hasEnded) throw new Error('written out of turn');
    if (this.#resume !== undefined) throw new Error('written before there was room');
    this.bytes += chunk.length;
    if (this.#keeps) this.chunks.push(Buffer.from(chunk));
    return this.#isFast(this);
  }

  drained(resume: () => void): void {
    this.#resume = resume;
    this.#onFull();
  }

  end(): void {
    this.hasEnded = true;
  }
}
