import type { FileOperations } from './file-operations.ts';
import { writeFully } from './write-fully.ts';

/** Measured: an object up to here is quickest with one writev at its end. */
const firstWriteBytes = 1024 * 1024;
/** And a longer one with writes of about this length. */
const laterWriteBytes = 512 * 1024;
/** Smaller pieces are joined beyond this number, so that bookkeeping stays below the data. */
const maxPieces = 1024;

/**
 * An open file that collects what it is given and writes it in few long writes.
 *
 * One write is in flight while the next is gathered; holds at most two of them in memory.
 */
export class GatheringFile {
  readonly #files: FileOperations;
  readonly #fd: number;
  #pieces: Buffer[];
  #gatheredBytes: number;
  #startedBytes = 0;
  #inFlight: Promise<void> = Promise.resolve();
  #stopped = false;

  /** `head` stands before what is appended; the file descriptor stays the caller's. */
  constructor(options: {
    readonly files: FileOperations;
    readonly fd: number;
    readonly head: Buffer;
  }) {
    this.#files = options.files;
    this.#fd = options.fd;
    this.#pieces = [options.head];
    this.#gatheredBytes = options.head.length;
  }

  /** Length of the file once all that was appended is written. */
  get bytes(): number {
    return this.#startedBytes + this.#gatheredBytes;
  }

  /** True when appending this much will write to the disk. */
  writesWith(bytes: number): boolean {
    const enough = this.#startedBytes === 0 ? firstWriteBytes : laterWriteBytes;
    return this.#gatheredBytes + bytes >= enough;
  }

  /** Takes over the chunks; resolves when the next may come. Rejects with a write's own error. */
  async append(chunks: readonly Buffer[]): Promise<void> {
    for (const chunk of chunks) {
      this.#pieces.push(chunk);
      this.#gatheredBytes += chunk.length;
    }
    if (this.#pieces.length > maxPieces) this.#pieces = [Buffer.concat(this.#pieces)];
    if (!this.writesWith(0)) return;
    await this.#inFlight;
    this.#write();
  }

  /** Writes the rest; resolves when every write has returned. */
  async finish(): Promise<void> {
    await this.#inFlight;
    if (this.#gatheredBytes > 0) this.#write();
    await this.#inFlight;
  }

  /**
   * Begins no write any more, and resolves when none is in flight: only then may the file be closed,
   * or a late write would go to whatever file gets its descriptor next.
   */
  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#inFlight.catch(() => undefined);
  }

  #write(): void {
    if (this.#stopped) return;
    const pieces = this.#pieces;
    const position = this.#startedBytes;
    this.#startedBytes += this.#gatheredBytes;
    this.#pieces = [];
    this.#gatheredBytes = 0;
    this.#inFlight = writeFully(this.#fd, pieces, position, this.#files);
    // The next append or finish reports it; until then it is nobody's unhandled rejection.
    this.#inFlight.catch(() => undefined);
  }
}
