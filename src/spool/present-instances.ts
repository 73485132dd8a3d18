import type { SpoolEntry } from './spool.ts';

/** Digits of the digest that make the key: 52 bits, which a number holds exactly. */
const keyDigits = 13;

/**
 * Which SOP instances have an entry in the queue, so that a second one of the same instance waits
 * until the first has left: never two in flight, never the older content after the newer.
 *
 * Numbers instead of digests, because there is one for each waiting entry. Should two instances ever
 * share one, the second waits for the first, and that is all.
 */
export class PresentInstances {
  readonly #keys = new Map<string, Set<number>>();
  readonly #followers = new Map<string, string[]>();

  /** True when the entry is the first of its instance; else it is kept until `dismiss` returns it. */
  admit({ destination, instanceDigest }: SpoolEntry, id: string): boolean {
    const key = keyOf(instanceDigest);
    let keys = this.#keys.get(destination);
    if (!keys) this.#keys.set(destination, (keys = new Set()));
    if (!keys.has(key)) {
      keys.add(key);
      return true;
    }
    const followerKey = `${destination} ${key}`;
    const followers = this.#followers.get(followerKey);
    if (!followers) this.#followers.set(followerKey, [id]);
    else {
      followers.push(id);
      // What came back from `failed/` or was replayed is older than what followed meanwhile.
      if ((followers.at(-2) ?? '') > id) followers.sort();
    }
    return false;
  }

  /** Names of those that wait for the first of their instance. */
  *followers(): Generator<string> {
    for (const ids of this.#followers.values()) yield* ids;
  }

  /** The next to come after the first of this instance, which is in the queue. */
  nextAfter({ destination, instanceDigest }: SpoolEntry): string | undefined {
    if (this.#followers.size === 0) return undefined;
    return this.#followers.get(`${destination} ${keyOf(instanceDigest)}`)?.[0];
  }

  /** Forgets a follower; false when it is none. */
  leave({ id, destination, instanceDigest }: SpoolEntry): boolean {
    const followerKey = `${destination} ${keyOf(instanceDigest)}`;
    const followers = this.#followers.get(followerKey);
    const index = followers?.indexOf(id) ?? -1;
    if (followers === undefined || index < 0) return false;
    followers.splice(index, 1);
    if (followers.length === 0) this.#followers.delete(followerKey);
    return true;
  }

  /** The entry has left the queue; returns the name of the next of its instance, now its first. */
  dismiss({ destination, instanceDigest }: SpoolEntry): string | undefined {
    const key = keyOf(instanceDigest);
    const followerKey = `${destination} ${key}`;
    const followers = this.#followers.get(followerKey);
    const next = followers?.shift();
    if (next === undefined) this.#keys.get(destination)?.delete(key);
    if (followers?.length === 0) this.#followers.delete(followerKey);
    return next;
  }
}

function keyOf(instanceDigest: string): number {
  return Number.parseInt(instanceDigest.slice(0, keyDigits), 16);
}
