import type { Part10Source } from '../dicom/instance.ts';
import type { Lease, SetAsideReason, Spool, SpoolEntry } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';

/** A leased entry whose file is open for sending. */
export interface OpenEntry {
  readonly entry: SpoolEntry;
  readonly source: Part10Source;
}

/** What a lease needs of its forwarder. */
interface LeaseParts {
  readonly spool: Spool;
  /** Attempts of entries that failed before, by id; one that passes at once never stands there. */
  readonly attempts: Map<string, number>;
  /** Milliseconds to wait after the n-th attempt. */
  readonly backoffMs: (attempt: number) => number;
  readonly now: () => number;
  readonly log: Logger;
  readonly objectSetAside: (destination: string, reason: string) => void;
  readonly contentContradicted: (destination: string) => void;
  /** The entry has left the spool. */
  readonly entryLeft: (entry: SpoolEntry) => void;
}

/** A file may be unreadable for a moment; one that is so every time is broken. */
const unreadableAttempts = 3;

/**
 * One lease, from the spool and back: every entry of it ends settled, released or set aside, and
 * none of them twice.
 */
export class LeaseInHand {
  readonly destination: string;
  readonly #held: Set<SpoolEntry>;
  readonly #parts: LeaseParts;

  constructor(lease: Lease, parts: LeaseParts) {
    this.destination = lease.destination;
    this.#held = new Set(lease.entries);
    this.#parts = parts;
  }

  /** Opens the files; one that cannot be read is put back without the others waiting for it. */
  async open(): Promise<readonly OpenEntry[]> {
    const { spool, log } = this.#parts;
    const open: OpenEntry[] = [];
    for (const entry of [...this.#held]) {
      try {
        open.push({ entry, source: await spool.source(entry) });
      } catch (error) {
        log.error({ err: error, entry: entry.id }, 'spool file cannot be read');
        await this.#retryAlone(entry);
      }
    }
    return open;
  }

  async settle(entry: SpoolEntry): Promise<void> {
    await this.#flagContradiction(entry);
    await this.#parts.spool.settle(entry);
    this.#left(entry);
  }

  /** Back into the queue, a little later each time. */
  retry(entry: SpoolEntry): void {
    this.#release(entry, this.#parts.backoffMs(this.#countAttempt(entry)));
  }

  /**
   * All that is left goes back together, each time a little later.
   *
   * @param options - `company` keeps it apart from everything else from now on; `delayMs` chooses
   *   the wait after the n-th attempt.
   */
  retryTogether(
    options: { readonly company?: string; readonly delayMs?: (attempt: number) => number } = {},
  ): void {
    const { company, delayMs = this.#parts.backoffMs } = options;
    const attempts = Math.max(...Array.from(this.#held, (entry) => this.#countAttempt(entry)));
    const waitMs = delayMs(attempts);
    for (const entry of this.#held) this.#release(entry, waitMs, company);
  }

  /** All that is left goes back in two halves, which come out of the queue apart. */
  retryInHalves(company: string, delayMs: (attempt: number) => number): void {
    const entries = [...this.#held];
    const attempts = Math.max(...entries.map((entry) => this.#countAttempt(entry)));
    const waitMs = delayMs(attempts);
    for (const [index, half] of halvesOf(entries).entries()) {
      for (const entry of half) this.#release(entry, waitMs, `${company}.${index + 1}`);
    }
  }

  /** All that is left goes back at once: it is not the objects that have to wait. */
  putBack(): void {
    for (const entry of this.#held) {
      this.#countAttempt(entry);
      this.#release(entry, 0);
    }
  }

  /** One bad file must not keep its batch: each goes by itself, and what fails so again is set aside. */
  async sendOneByOne(): Promise<void> {
    const [only, ...others] = this.#held;
    if (only !== undefined && others.length === 0) await this.#retryAlone(only);
    else for (const entry of this.#held) this.#releaseAlone(entry);
  }

  async setAside(entry: SpoolEntry, reason: Omit<SetAsideReason, 'attempts'>): Promise<void> {
    const { spool, log, objectSetAside } = this.#parts;
    const full = { ...reason, attempts: this.#countAttempt(entry) };
    await this.#flagContradiction(entry);
    await spool.setAside(entry, full);
    this.#left(entry);
    objectSetAside(this.destination, reason.code);
    const fields = { entry: entry.id, association: entry.association, ...full };
    log.error(fields, `object set aside in failed/: ${reason.message}`);
  }

  /** Gives back whatever nobody took care of: a lease never outlives its delivery. */
  giveBack(delayMs: number): void {
    for (const entry of this.#held) this.#release(entry, delayMs, entry.id);
  }

  /**
   * Two different contents under one UID are both sent, in the order of their arrival; which of them
   * the archive keeps is its own rule. Compared only now, with the first about to leave: objects that
   * come once, which is nearly all of them, cost nothing.
   */
  async #flagContradiction(entry: SpoolEntry): Promise<void> {
    const { spool, log, contentContradicted } = this.#parts;
    const fields = { entry: entry.id, association: entry.association };
    try {
      const next = await spool.contradicting(entry);
      if (!next) return;
      contentContradicted(this.destination);
      const other = { next: next.id, nextAssociation: next.association };
      log.warn({ ...fields, ...other }, 'two different contents under one SOP Instance UID');
    } catch (error) {
      // The archive's word counts all the same.
      log.warn({ ...fields, err: error }, 'cannot compare two objects of one SOP Instance UID');
    }
  }

  async #retryAlone(entry: SpoolEntry): Promise<void> {
    if ((this.#parts.attempts.get(entry.id) ?? 0) + 1 < unreadableAttempts) {
      this.#releaseAlone(entry);
      return;
    }
    const message = 'its file in the spool cannot be read';
    await this.setAside(entry, { code: 'unreadable', message });
  }

  #releaseAlone(entry: SpoolEntry): void {
    this.#release(entry, this.#parts.backoffMs(this.#countAttempt(entry)), entry.id);
  }

  #release(entry: SpoolEntry, delayMs: number, company?: string): void {
    this.#held.delete(entry);
    this.#parts.spool.release(entry, { notBefore: this.#parts.now() + delayMs, company });
  }

  #left(entry: SpoolEntry): void {
    this.#held.delete(entry);
    this.#parts.attempts.delete(entry.id);
    this.#parts.entryLeft(entry);
  }

  #countAttempt(entry: SpoolEntry): number {
    const attempts = (this.#parts.attempts.get(entry.id) ?? 0) + 1;
    this.#parts.attempts.set(entry.id, attempts);
    return attempts;
  }
}

/** In order; the first is the larger where they differ. */
export function halvesOf<T>(items: readonly T[]): readonly [readonly T[], readonly T[]] {
  const half = Math.ceil(items.length / 2);
  return [items.slice(0, half), items.slice(half)];
}
