/** An association or object that was refused, in words an administrator can act on. */
export interface RecentRefusal {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Address of the peer. */
  readonly peer: string;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  /** A word of ours, such as `called-ae-title`. */
  readonly reason: string;
  /** A sentence; names the setting that decides. */
  readonly message: string;
}

const kept = 50;

/** The last refusals, for whoever asks why a device cannot get through. */
export class RecentRefusals {
  readonly #refusals: RecentRefusal[] = [];

  note(refusal: RecentRefusal): void {
    this.#refusals.push(refusal);
    if (this.#refusals.length > kept) this.#refusals.shift();
  }

  /** Newest first. */
  list(): readonly RecentRefusal[] {
    return this.#refusals.toReversed();
  }
}
