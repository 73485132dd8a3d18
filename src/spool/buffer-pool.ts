/** Lends buffers of one size, and keeps a few that came back. */
export class BufferPool {
  readonly bufferBytes: number;
  readonly #keep: number;
  readonly #idle: Buffer[] = [];

  constructor({ bufferBytes, keep }: { readonly bufferBytes: number; readonly keep: number }) {
    this.bufferBytes = bufferBytes;
    this.#keep = keep;
  }

  take(): Buffer {
    return this.#idle.pop() ?? Buffer.allocUnsafeSlow(this.bufferBytes);
  }

  giveBack(buffer: Buffer): void {
    if (this.#idle.length < this.#keep) this.#idle.push(buffer);
  }
}
