import { SpoolFullError } from '../errors/spool-errors.ts';
import { diskError } from './disk-error.ts';
import type { FileOperations } from './file-operations.ts';

/** How long a look that found room holds; what we write ourselves meanwhile is subtracted. */
const freshForMs = 250;
/** What is only kept begins to go this long before the reserve is reached: others write there too. */
const roomAheadBytes = 64 * 1024 * 1024;

/**
 * Decides whether the spool may take more: free space of its file system, and its configured size.
 *
 * What is on its way in counts from the moment it is received, so that many objects at once do not
 * each believe that the last gigabyte is theirs. What stands in `failed/` does not count against
 * `maxBytes`: it would end reception for good; the free space protects the disk from it.
 */
export class Watermark {
  readonly #files: FileOperations;
  readonly #folder: string;
  readonly #minFreeBytes: number;
  readonly #maxBytes: number;
  readonly #queuedBytes: () => number;
  readonly #makeRoom: (wantedBytes: number) => Promise<number>;
  readonly #now: () => number;
  #receivingBytes = 0;
  #freeBytes = 0;
  /** What the last look found, before we wrote anything more. */
  #wasFull = false;
  #lookedAt = -Infinity;
  #looking: Promise<void> | undefined;

  constructor(options: {
    readonly files: FileOperations;
    readonly folder: string;
    readonly minFreeBytes: number;
    /** `undefined` for no bound but the disk. */
    readonly maxBytes: number | undefined;
    /** Length of what is committed and waits. */
    readonly queuedBytes: () => number;
    /** Frees about so many bytes that nobody waits for; returns how many it could. */
    readonly makeRoom: (wantedBytes: number) => Promise<number>;
    readonly now: () => number;
  }) {
    this.#files = options.files;
    this.#folder = options.folder;
    this.#minFreeBytes = options.minFreeBytes;
    this.#maxBytes = options.maxBytes ?? Infinity;
    this.#queuedBytes = options.queuedBytes;
    this.#makeRoom = options.makeRoom;
    this.#now = options.now;
  }

  /**
   * Resolves while there is room.
   * @throws {@link SpoolFullError}, or SpoolUnavailableError when the file system does not say.
   */
  async check(): Promise<void> {
    const age = this.#now() - this.#lookedAt;
    // Bad news is never fresh: the moment there is room again, nobody is refused any more.
    const isFresh = age >= 0 && age < freshForMs && !this.#wasFull;
    if (!isFresh) await this.#lookTogether();
    else if (this.#freeBytes < this.#minFreeBytes && (await this.#makeRoom(roomAheadBytes)) > 0) {
      await this.#lookTogether();
    }
    if (this.#freeBytes < this.#minFreeBytes) {
      throw new SpoolFullError('the disk of the spool has too little free space', {
        freeBytes: this.#freeBytes,
        limitBytes: this.#minFreeBytes,
      });
    }
    this.#checkSize(1);
  }

  /**
   * Counts bytes that are about to be taken in.
   * @throws {@link SpoolFullError} when they would exceed `maxBytes`; nothing is counted then.
   */
  reserve(bytes: number): void {
    this.#checkSize(bytes);
    this.#receivingBytes += bytes;
    this.#freeBytes -= bytes;
  }

  /** Bytes once reserved are now in the queue. */
  committed(bytes: number): void {
    this.#receivingBytes -= bytes;
  }

  /** Bytes once reserved are gone; how much of them had reached the disk, only the disk knows. */
  abandoned(bytes: number): void {
    this.#receivingBytes -= bytes;
    this.#lookedAt = -Infinity;
  }

  #checkSize(moreBytes: number): void {
    if (this.#queuedBytes() + this.#receivingBytes + moreBytes > this.#maxBytes) {
      throw new SpoolFullError('the spool has reached its configured size', {
        limitBytes: this.#maxBytes,
      });
    }
  }

  #lookTogether(): Promise<void> {
    this.#looking ??= this.#look();
    return this.#looking;
  }

  async #look(): Promise<void> {
    try {
      let freeBytes = await this.#files.freeBytes(this.#folder);
      if (freeBytes < this.#minFreeBytes + roomAheadBytes) {
        // Twice as far, so that this happens now and then instead of at every look.
        const enoughBytes = this.#minFreeBytes + 2 * roomAheadBytes;
        while (freeBytes < enoughBytes && (await this.#makeRoom(enoughBytes - freeBytes)) > 0) {
          freeBytes = await this.#files.freeBytes(this.#folder);
        }
      }
      this.#freeBytes = freeBytes;
      this.#wasFull = freeBytes < this.#minFreeBytes;
      this.#lookedAt = this.#now();
    } catch (error) {
      throw diskError('read the free space of its disk', error);
    } finally {
      this.#looking = undefined;
    }
  }
}
