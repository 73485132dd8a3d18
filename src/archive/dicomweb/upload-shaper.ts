import type { Buffer } from 'node:buffer';
import { setTimeout as wait } from 'node:timers/promises';

/** How fast uploads may go, all of one archive together. */
export interface UploadShaperOptions {
  /** For each hour of the day; `undefined` is unlimited. */
  readonly bytesPerSecond: readonly (number | undefined)[];
  /** The hour of the day, 0 to 23, in the time the rates are meant in. */
  readonly hour: () => number;
  /** Milliseconds of a clock that nobody sets. */
  readonly now: () => number;
  /** The timer unless a test says otherwise; rejects when the signal aborts. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
}

/** A long burst fills the queue of the router, which everybody else then stands in. */
const sliceMs = 50;
const sliceBytes = { least: 1_024, most: 256 * 1024 } as const;
/** What a timer that fired late may make up for; time without uploads gives no credit beyond it. */
const catchUpMs = 100;

/**
 * One token bucket for all uploads to an archive: each slice of a body is given the next free stretch
 * of the line, and goes when its time has come. In order of asking, so concurrent uploads share alike.
 */
export class UploadShaper {
  readonly #options: UploadShaperOptions;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** When what was let go before has left, at the rate of its time. */
  #freeAt = -Infinity;

  constructor(options: UploadShaperOptions) {
    this.#options = options;
    this.#sleep = options.sleep ?? ((ms, signal) => wait(ms, undefined, { signal }));
  }

  /**
   * The same bytes, no faster than allowed; a chunk is valid until the next is asked for.
   *
   * The wait ends with the signal. It does not count as silence of the archive: undici's time-outs
   * run while the archive does not take what it is given, not while it is given nothing.
   */
  async *shape(body: AsyncIterable<Buffer>, signal: AbortSignal): AsyncGenerator<Buffer> {
    for await (const chunk of body) {
      for (let from = 0; from < chunk.length;) {
        const slice = chunk.subarray(from, from + this.#sliceBytes());
        await this.#pass(slice.length, signal);
        yield slice;
        from += slice.length;
      }
    }
  }

  get #rate(): number | undefined {
    return this.#options.bytesPerSecond[this.#options.hour()];
  }

  #sliceBytes(): number {
    const { least, most } = sliceBytes;
    return Math.floor(Math.min(most, Math.max(least, ((this.#rate ?? Infinity) * sliceMs) / 1000)));
  }

  async #pass(bytes: number, signal: AbortSignal): Promise<void> {
    const rate = this.#rate;
    if (rate === undefined) return;
    const now = this.#options.now();
    const from = Math.max(this.#freeAt, now - catchUpMs);
    this.#freeAt = from + (bytes / rate) * 1000;
    if (from > now) await this.#sleep(from - now, signal);
  }
}
