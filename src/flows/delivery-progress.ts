import type { BreakerState } from './destination-pace.ts';

/** What was delivered in a stretch of time. */
interface Stretch {
  readonly begunAt: number;
  objects: number;
  bytes: number;
}

const windowMs = 60_000;
const stretchMs = 5_000;

/** How fast the archive takes objects, over the last minute or since it takes them again. */
export interface DeliveryRate {
  readonly objectsPerSecond: number;
  readonly bytesPerSecond: number;
}

/** How delivery goes right now, and when the queue will be empty if it goes on like that. */
export class DeliveryProgress {
  readonly #now: () => number;
  readonly #stretches: Stretch[] = [];
  #breaker: BreakerState = 'closed';

  constructor({ now }: { readonly now: () => number }) {
    this.#now = now;
  }

  get breaker(): BreakerState {
    return this.#breaker;
  }

  breakerChanged(state: BreakerState): void {
    this.#breaker = state;
  }

  objectDelivered(bytes: number): void {
    const now = this.#now();
    let stretch = this.#stretches.at(-1);
    if (stretch === undefined || now - stretch.begunAt >= stretchMs || now < stretch.begunAt) {
      stretch = { begunAt: now, objects: 0, bytes: 0 };
      this.#stretches.push(stretch);
      this.#forget(now);
    }
    stretch.objects += 1;
    stretch.bytes += bytes;
  }

  /** `undefined` when nothing was delivered of late. */
  rate(): DeliveryRate | undefined {
    const now = this.#now();
    this.#forget(now);
    const [oldest] = this.#stretches;
    if (oldest === undefined) return undefined;
    const seconds = Math.max(1, (now - oldest.begunAt) / 1000);
    const sum = (of: 'objects' | 'bytes'): number =>
      this.#stretches.reduce((total, stretch) => total + stretch[of], 0);
    return { objectsPerSecond: sum('objects') / seconds, bytesPerSecond: sum('bytes') / seconds };
  }

  /**
   * The later of what objects and bytes suggest: small objects cost their number, large ones their
   * length. `undefined` when nobody can tell.
   */
  secondsToEmpty(waiting: {
    readonly entries: number;
    readonly bytes: number;
  }): number | undefined {
    if (waiting.entries === 0) return 0;
    const rate = this.rate();
    if (this.#breaker !== 'closed' || rate === undefined) return undefined;
    return Math.ceil(
      Math.max(waiting.entries / rate.objectsPerSecond, waiting.bytes / rate.bytesPerSecond),
    );
  }

  #forget(now: number): void {
    // Beginnings in the future mean that the clock was set back.
    const isOld = ({ begunAt }: Stretch): boolean => begunAt <= now - windowMs || begunAt > now;
    while (this.#stretches[0] !== undefined && isOld(this.#stretches[0])) this.#stretches.shift();
  }
}
