/** Counts what is being answered, by who asked: nobody takes all there is. */
export class ConcurrencyLimit {
  readonly #most: number;
  readonly #running = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Takes a place.
   * @returns what gives it back, to be called once; `undefined` when there is none left.
   */
  enter(caller: string): (() => void) | undefined {
    const running = this.#running.get(caller) ?? 0;
    if (running >= this.#most) return undefined;
    this.#running.set(caller, running + 1);
    return () => {
      const left = (this.#running.get(caller) ?? 1) - 1;
      if (left === 0) this.#running.delete(caller);
      else this.#running.set(caller, left);
    };
  }
}
