import type { LeaseLimits } from '../spool/spool.ts';

/** Batches that have to pass before a lowered size is raised by one step. */
const passesPerStep = 10;
const stepFactor = 1.5;

/**
 * How large a batch for one destination may be: as configured, until the archive finds one too large
 * (413). Then half of what it refused, and by small steps back, in case it was a passing matter.
 */
export class BatchSize {
  readonly #configured: LeaseLimits;
  #limits: LeaseLimits;
  #passes = 0;

  constructor(configured: LeaseLimits) {
    this.#configured = configured;
    this.#limits = configured;
  }

  get limits(): LeaseLimits {
    return this.#limits;
  }

  /** A batch was too large and is cut; from now on none is larger than its larger part. */
  tooLarge(part: { readonly objects: number; readonly bytes: number }): void {
    this.#passes = 0;
    const { maxInstances, maxBytes } = this.#limits;
    this.#limits = {
      maxInstances: Math.min(maxInstances, part.objects),
      maxBytes: Math.min(maxBytes, part.bytes),
    };
  }

  passed(): void {
    if (this.#limits === this.#configured) return;
    this.#passes += 1;
    if (this.#passes < passesPerStep) return;
    this.#passes = 0;
    const { maxInstances, maxBytes } = this.#configured;
    const raised = {
      maxInstances: Math.min(maxInstances, Math.ceil(this.#limits.maxInstances * stepFactor)),
      maxBytes: Math.min(maxBytes, Math.ceil(this.#limits.maxBytes * stepFactor)),
    };
    const isWhole = raised.maxInstances === maxInstances && raised.maxBytes === maxBytes;
    this.#limits = isWhole ? this.#configured : raised;
  }
}
