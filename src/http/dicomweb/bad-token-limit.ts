import { isIPv6 } from 'node:net';

interface BadTokenLimitOptions {
  /** So many tokens in a row may be wrong … */
  readonly burst: number;
  /** … and so many more each second. */
  readonly perSecond: number;
  /** Milliseconds. */
  readonly now: () => number;
}

interface Account {
  /** What is left. */
  balance: number;
  countedAt: number;
}

/** Addresses that are remembered; an attacker with more of them gets the oldest forgotten. */
const mostAccounts = 10_000;

/**
 * Counts tokens that are not accepted, by where they come from: looking at a token costs a signature
 * check, or a question to the issuer (HOSTILE D49). Who has used up its share waits; nobody else does.
 */
export class BadTokenLimit {
  readonly #options: BadTokenLimitOptions;
  readonly #accounts = new Map<string, Account>();

  constructor(options: BadTokenLimitOptions) {
    this.#options = options;
  }

  /** Seconds until a token from there is looked at again; `undefined` when it may come now. */
  waitSeconds(address: string): number | undefined {
    const account = this.#accounts.get(placeOf(address));
    if (account === undefined) return undefined;
    const balance = this.#balanceOf(account);
    if (balance >= 1) return undefined;
    return Math.max(1, Math.ceil((1 - balance) / this.#options.perSecond));
  }

  /** A token from there was not accepted. */
  count(address: string): void {
    const { burst, now } = this.#options;
    const place = placeOf(address);
    const account = this.#accounts.get(place);
    const balance = account === undefined ? burst : this.#balanceOf(account);
    // Put in anew, so that the first of the map is the one not heard of for longest.
    this.#accounts.delete(place);
    this.#accounts.set(place, { balance: balance - 1, countedAt: now() });
    if (this.#accounts.size <= mostAccounts) return;
    const [oldest] = this.#accounts.keys();
    if (oldest !== undefined) this.#accounts.delete(oldest);
  }

  #balanceOf({ balance, countedAt }: Account): number {
    const { burst, perSecond, now } = this.#options;
    const seconds = Math.max(0, now() - countedAt) / 1000;
    return Math.min(burst, balance + seconds * perSecond);
  }
}

/** Whoever has one IPv6 address has the 2^64 beside it (RFC 4291 §2.5.4). */
function placeOf(address: string): string {
  if (!isIPv6(address) || address.includes('.')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head === '' ? [] : head.split(':');
  if (tail !== undefined) {
    const end = tail === '' ? [] : tail.split(':');
    groups.push(...Array.from({ length: 8 - groups.length - end.length }, () => '0'), ...end);
  }
  return groups.slice(0, 4).join(':');
}
