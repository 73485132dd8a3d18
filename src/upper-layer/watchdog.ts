/** How long a peer may take. All in milliseconds but the rate. */
export interface AssociationTimeouts {
  /** For the association request as a whole, its answer, a release, and the end after all that. */
  readonly artimMs: number;
  /** For saying nothing while nothing is being worked on for the peer. */
  readonly idleMs: number;
  /** For taking a single PDU of ours off the wire. */
  readonly writeStallMs: number;
  /** Below this, averaged over the window, a message or PDU that was begun is given up. 0: no limit. */
  readonly minimumBytesPerSecond: number;
  /** Default {@link defaultRateWindowMs}. */
  readonly rateWindowMs?: number;
}

/** Long enough for a modality that reads its disk between command and data set. */
export const defaultRateWindowMs = 30_000;

/** What the watchdog looks at. */
export interface Vitals {
  readonly bytesReceived: number;
  /** Counts writes that the kernel has taken over. */
  readonly writesCompleted: number;
  readonly writesPending: boolean;
  /** We ourselves do not read: the local user is behind. */
  readonly paused: boolean;
  /** The local user works on a message and does not wait for the peer. */
  readonly workingLocally: boolean;
  /** The peer has begun a PDU or a message and not ended it. */
  readonly peerOwesBytes: boolean;
}

export type Overdue = 'idle' | 'too-slow' | 'write-stall';

/**
 * Tells when an established association has stopped moving.
 *
 * It counts ticks instead of reading a clock: one timer an association whatever the traffic, and a
 * machine that slept or a clock that jumped ends nobody's association.
 */
export class Watchdog {
  /** How often it looks. */
  readonly tickMs: number;
  readonly #timeouts: AssociationTimeouts;
  readonly #rateWindowMs: number;
  #bytesReceived = 0;
  #writesCompleted = 0;
  #quietMs = 0;
  #stalledMs = 0;
  #windowMs = 0;
  #windowBytes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(timeouts: AssociationTimeouts) {
    this.#timeouts = timeouts;
    this.#rateWindowMs = timeouts.rateWindowMs ?? defaultRateWindowMs;
    const shortest = Math.min(timeouts.idleMs, timeouts.writeStallMs, this.#rateWindowMs);
    this.tickMs = Math.min(1000, Math.max(5, shortest / 10));
  }

  /** Looks again and again, and tells each time it finds something overdue. */
  start(look: () => Vitals, onOverdue: (overdue: Overdue) => void): void {
    this.stop();
    this.#timer = setInterval(() => {
      const overdue = this.tick(look());
      if (overdue !== undefined) onOverdue(overdue);
    }, this.tickMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  tick(vitals: Vitals): Overdue | undefined {
    const received = vitals.bytesReceived - this.#bytesReceived;
    const wrote = vitals.writesCompleted !== this.#writesCompleted;
    this.#bytesReceived = vitals.bytesReceived;
    this.#writesCompleted = vitals.writesCompleted;

    if (this.#isWriteStalled(vitals, wrote)) return 'write-stall';
    if (this.#isIdle(vitals, received > 0 || wrote)) return 'idle';
    if (this.#isTooSlow(vitals, received)) return 'too-slow';
    return undefined;
  }

  #isWriteStalled(vitals: Vitals, wrote: boolean): boolean {
    this.#stalledMs = vitals.writesPending && !wrote ? this.#stalledMs + this.tickMs : 0;
    return this.#stalledMs >= this.#timeouts.writeStallMs;
  }

  #isIdle(vitals: Vitals, moved: boolean): boolean {
    const excused = moved || vitals.paused || vitals.workingLocally || vitals.writesPending;
    this.#quietMs = excused ? 0 : this.#quietMs + this.tickMs;
    return this.#quietMs >= this.#timeouts.idleMs;
  }

  #isTooSlow(vitals: Vitals, received: number): boolean {
    const { minimumBytesPerSecond } = this.#timeouts;
    if (!vitals.peerOwesBytes || vitals.paused || minimumBytesPerSecond === 0) {
      this.#windowMs = 0;
      this.#windowBytes = 0;
      return false;
    }
    this.#windowMs += this.tickMs;
    this.#windowBytes += received;
    if (this.#windowMs < this.#rateWindowMs) return false;
    const slow = this.#windowBytes * 1000 < minimumBytesPerSecond * this.#windowMs;
    this.#windowMs = 0;
    this.#windowBytes = 0;
    return slow;
  }
}
