import { sendObjects } from '../../../src/dimse/store-user.ts';
import type { ObjectToSend } from '../../../src/dimse/store-user.ts';
import { targetOf } from './send.ts';

/** A modality that sends everything it has, again and again, until each object was acknowledged. */
export class StubbornDevice<Item extends ObjectToSend = ObjectToSend> {
  /** Objects whose success response has been read off the wire, in that order. */
  readonly acknowledged: Item[] = [];
  /** Statuses that were no success, as they came. */
  readonly refusals: number[] = [];
  /** Associations that broke, or never came about. */
  brokenAssociations = 0;
  readonly #bridge: { readonly dimsePort: number };
  readonly #waiting: Item[];
  readonly #send: typeof sendObjects<Item>;
  readonly #objectsPerAssociation: number;
  readonly #watchers = new Set<() => void>();
  /** Where to wait after a failure: resolves when the bridge should be there. */
  whenBridgeIsUp: () => Promise<unknown> = () => Promise.resolve();

  constructor(
    bridge: { readonly dimsePort: number },
    objects: readonly Item[],
    options: {
      readonly objectsPerAssociation?: number;
      /** How it sends, where it is not the usual way. */
      readonly send?: typeof sendObjects<Item>;
    } = {},
  ) {
    this.#bridge = bridge;
    this.#waiting = [...objects];
    this.#send = options.send ?? sendObjects;
    this.#objectsPerAssociation = options.objectsPerAssociation ?? 25;
  }

  /** Resolves when every object was acknowledged. */
  async run(associations: number): Promise<void> {
    await Promise.all(Array.from({ length: associations }, () => this.#work()));
  }

  /** Resolves when so many have been acknowledged. */
  async untilAcknowledged(count: number): Promise<void> {
    while (this.acknowledged.length < count) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async #work(): Promise<void> {
    for (;;) {
      const batch = this.#waiting.splice(0, this.#objectsPerAssociation);
      if (batch.length === 0) return;
      const unanswered = new Set(batch);
      await this.#send(targetOf(this.#bridge), batch, (object, result) => {
        if (result.kind === 'stored') {
          unanswered.delete(object);
          this.acknowledged.push(object);
          this.#tell();
        } else if (result.kind === 'refused') this.refusals.push(result.status);
      }).catch(() => {
        this.brokenAssociations += 1;
      });
      if (unanswered.size === 0) continue;
      this.#waiting.push(...unanswered);
      await this.whenBridgeIsUp();
    }
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher();
    this.#watchers.clear();
  }
}
