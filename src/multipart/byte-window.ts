import { Buffer } from 'node:buffer';

/** Room in a buffer of joined bytes, so that bytes which come one by one are copied but once. */
const joinedBytes = 4096;
/** Of a long chunk no more is copied to what is left of the one before it. */
const seamBytes = 1024;

/**
 * The bytes of a stream that are being looked at.
 *
 * A chunk is handed on as slices of itself. Only where something lies across two chunks, the few bytes
 * of the seam are joined in a buffer of the window's own, which is never written twice.
 */
export class ByteWindow {
  readonly #chunks: AsyncIterator<Buffer>;
  #bytes: Buffer;
  /** What follows `#bytes` and has not been joined to it. */
  #later: Buffer | undefined;
  /** Where `#bytes` lies at the end of what is used of it. */
  #joined: { readonly buffer: Buffer; used: number } | undefined;
  #hasEnded = false;

  /** @param first - stands before the first chunk. */
  constructor(chunks: AsyncIterable<Buffer>, first: Buffer) {
    this.#chunks = chunks[Symbol.asyncIterator]();
    this.#bytes = first;
  }

  get bytes(): Buffer {
    return this.#bytes;
  }

  /** Takes bytes from the beginning of the window; valid until `more` is called. */
  take(count: number): Buffer {
    const taken = this.#bytes.subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }

  /** Makes the window longer. @returns false at the end of the stream. */
  async more(): Promise<boolean> {
    const left = this.#bytes.length === 0 ? undefined : this.#ownBytes();
    const next = this.#later ?? (await this.#next());
    this.#later = undefined;
    if (next === undefined) return false;
    if (left === undefined) {
      this.#bytes = next;
      this.#joined = undefined;
      return true;
    }
    this.#join(left, next.subarray(0, seamBytes));
    if (next.length > seamBytes) this.#later = next.subarray(seamBytes);
    return true;
  }

  /** Lets the stream go, wherever it is. */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#chunks.return?.();
  }

  async #next(): Promise<Buffer | undefined> {
    while (!this.#hasEnded) {
      const result = await this.#chunks.next();
      if (result.done === true) this.#hasEnded = true;
      else if (result.value.length > 0) return result.value;
    }
    return undefined;
  }

  /** The chunk is only lent: before the next is asked for, what is left of it is copied. */
  #ownBytes(): Buffer {
    if (this.#joined === undefined && this.#later === undefined) {
      this.#join(this.#bytes, Buffer.alloc(0));
    }
    return this.#bytes;
  }

  #join(left: Buffer, right: Buffer): void {
    const length = left.length + right.length;
    let joined = this.#joined;
    if (joined === undefined || joined.used + right.length > joined.buffer.length) {
      const buffer = Buffer.allocUnsafe(Math.max(joinedBytes, length * 2));
      joined = { buffer, used: left.copy(buffer) };
    }
    joined.used += right.copy(joined.buffer, joined.used);
    this.#joined = joined;
    this.#bytes = joined.buffer.subarray(joined.used - length, joined.used);
  }
}
