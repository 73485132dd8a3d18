import type { Logger } from '../telemetry/logger.ts';
import { diskError, errorCode } from './disk-error.ts';
import { entryExtension, ofOnePiece, parseEntryName } from './entry-name.ts';
import type { FileOperations } from './file-operations.ts';
import type { SpoolEntry } from './spool.ts';

/** A delivered object that is still here, as its file name tells it. */
export interface KeptEntry {
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly deliveredAt: number;
}

interface KeptFolderParts {
  readonly files: FileOperations;
  readonly folder: string;
  /**
   * How long objects stay after delivery; 0 keeps none. Without it nothing comes here and nothing is
   * swept: for one who only looks.
   */
  readonly keepMs: number | undefined;
  readonly now: () => number;
  readonly log: Logger;
}

const namePattern = /^(\d{13})_(.+)\.dcm$/;
const longestSweepIntervalMs = 10 * 60_000;
const shortestSweepIntervalMs = 1_000;
/** Names of the oldest that are remembered from one look at the folder to make room again. */
const oldestRemembered = 10_000;

/**
 * What was delivered and stays a while, to be sent once more when the archive lost it.
 *
 * The time of delivery stands before the entry's name: it survives a restart and a copied folder
 * (which a modification time does not), it needs no second system call that a kill could come
 * before, and a listing of names alone tells what is the oldest.
 */
export class KeptFolder {
  readonly #parts: KeptFolderParts;
  #timer: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> | undefined;
  #oldest: KeptEntry[] = [];

  constructor(parts: KeptFolderParts) {
    this.#parts = parts;
  }

  pathOf(id: string, deliveredAt: number): string {
    return `${this.#parts.folder}/${deliveredAt.toString().padStart(13, '0')}_${id}${entryExtension}`;
  }

  /** Moves a delivered object here; false when it is not to be kept, or cannot. */
  take({ id }: SpoolEntry, path: string): boolean {
    const { keepMs, files, now } = this.#parts;
    if (keepMs === undefined || keepMs === 0) return false;
    try {
      files.rename(path, this.pathOf(id, Math.trunc(now())));
      return true;
    } catch {
      // A full disk may have no block for a longer folder. Delivered is delivered: it goes instead.
      return false;
    }
  }

  /** Everything here, oldest delivery first; from names alone. */
  async list(): Promise<readonly KeptEntry[]> {
    const found: KeptEntry[] = [];
    for await (const name of this.#parts.files.list(this.#parts.folder)) {
      const [, deliveredAt, id] = namePattern.exec(name) ?? [];
      if (id === undefined || !parseEntryName(id)) continue;
      found.push({ id: ofOnePiece(id), deliveredAt: Number(deliveredAt) });
    }
    return found.sort((a, b) => a.deliveredAt - b.deliveredAt);
  }

  async remove({ id, deliveredAt }: KeptEntry): Promise<boolean> {
    try {
      await this.#parts.files.unlink(this.pathOf(id, deliveredAt));
      return true;
    } catch (error) {
      // Replayed or dropped meanwhile.
      if (errorCode(error) === 'ENOENT') return false;
      throw diskError('remove a kept object', error);
    }
  }

  /** Sweeps now, and from time to time. */
  start(): void {
    const { keepMs, log } = this.#parts;
    if (keepMs === undefined) return;
    const sweep = (): void => {
      this.#sweeping ??= this.sweep()
        .catch((error: unknown) => log.warn({ err: error }, 'kept objects cannot be swept'))
        .finally(() => (this.#sweeping = undefined));
    };
    sweep();
    if (keepMs === 0) return;
    const interval = Math.min(
      Math.max(keepMs / 10, shortestSweepIntervalMs),
      longestSweepIntervalMs,
    );
    this.#timer = setInterval(sweep, interval);
    this.#timer.unref();
  }

  /** Removes what has been here long enough. */
  async sweep(): Promise<void> {
    const { keepMs = Infinity, now, log } = this.#parts;
    const deliveredUntil = now() - keepMs;
    let entries = 0;
    for (const kept of await this.list()) {
      if (kept.deliveredAt > deliveredUntil) break;
      if (await this.remove(kept)) entries += 1;
    }
    if (entries > 0) log.info({ entries }, 'kept objects removed, their time was over');
  }

  /**
   * Removes the oldest until about so many bytes are free again; returns how many bytes went. What
   * was delivered must never be the reason why something new is refused.
   */
  async makeRoom(wantedBytes: number): Promise<number> {
    if (this.#parts.keepMs === undefined) return 0;
    let entries = 0;
    let bytes = 0;
    while (bytes < wantedBytes) {
      if (this.#oldest.length === 0) {
        this.#oldest = (await this.list()).slice(0, oldestRemembered).reverse();
      }
      const oldest = this.#oldest.pop();
      if (!oldest) break;
      if (!(await this.remove(oldest))) continue;
      entries += 1;
      bytes += parseEntryName(oldest.id)?.bytes ?? 0;
    }
    if (entries > 0) {
      this.#parts.log.warn(
        { entries, bytes },
        'kept objects removed before their time: the disk of the spool is nearly full',
      );
    }
    return bytes;
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#sweeping;
  }
}
