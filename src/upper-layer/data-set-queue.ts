import type { BridgeError } from '../errors/bridge-error.ts';
import type { DataSetStream } from './association.ts';

/** What a slice costs beside the memory it points into. */
const sliceOverheadBytes = 128;

/**
 * The data set of one message between the reader, which pushes, and the local user, who reads.
 *
 * It counts what it really holds on to: a slice of one byte keeps the whole socket chunk alive, so
 * the chunk is what is charged, once.
 */
export class DataSetQueue implements DataSetStream {
  readonly #charge: (bytes: number) => void;
  #slices: Buffer[] = [];
  #heldBytes = 0;
  #lastChunk: ArrayBufferLike | undefined;
  #ended = false;
  #discarding = false;
  #error: BridgeError | undefined;
  #waiter: Waiter | undefined;

  /** @param charge - told what is held more (positive) or less (negative). */
  constructor(charge: (bytes: number) => void) {
    this.#charge = charge;
  }

  /** Someone waits in `read` for the peer. */
  get isAwaited(): boolean {
    return this.#waiter !== undefined;
  }

  read(): Promise<readonly Buffer[] | undefined> {
    if (this.#waiter !== undefined) {
      return Promise.reject(new RangeError('the data set is being read already'));
    }
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#slices.length > 0) return Promise.resolve(this.#take());
    if (this.#ended || this.#discarding) return Promise.resolve(undefined);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  push(slice: Buffer): void {
    if (this.#discarding) return;
    if (this.#waiter !== undefined) {
      this.#settle([slice]);
      return;
    }
    this.#slices.push(slice);
    const held =
      sliceOverheadBytes + (slice.buffer === this.#lastChunk ? 0 : slice.buffer.byteLength);
    this.#lastChunk = slice.buffer;
    this.#heldBytes += held;
    this.#charge(held);
  }

  end(): void {
    this.#ended = true;
    this.#settle(undefined);
  }

  fail(error: BridgeError): void {
    this.#error ??= error;
    this.#release();
    this.#waiter?.reject(error);
    this.#waiter = undefined;
  }

  /** Nobody wants it: what is there and what comes is dropped. */
  discard(): void {
    this.#discarding = true;
    this.#release();
    this.#settle(undefined);
  }

  #take(): readonly Buffer[] {
    const taken = this.#slices;
    this.#release();
    return taken;
  }

  #release(): void {
    const held = this.#heldBytes;
    this.#slices = [];
    this.#heldBytes = 0;
    this.#lastChunk = undefined;
    this.#charge(-held);
  }

  #settle(slices: readonly Buffer[] | undefined): void {
    this.#waiter?.resolve(slices);
    this.#waiter = undefined;
  }
}

interface Waiter {
  readonly resolve: (slices: readonly Buffer[] | undefined) => void;
  readonly reject: (error: BridgeError) => void;
}
