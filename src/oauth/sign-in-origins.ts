import type { Dispatcher } from 'undici';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { discoverEndpointOrigins } from './issuer-metadata.ts';

interface SignInOriginsOptions {
  readonly issuer: string;
  readonly dispatcher: Dispatcher;
  /** While it cannot be asked, nobody waits for it more often; 30 s unless said otherwise. */
  readonly cooldownMs?: number;
  readonly now: () => number;
  readonly log: Logger;
}

/** For one whole exchange, because a page waits for it. */
const timeoutMs = 3_000;

/**
 * The origins a page has to reach so that its user can sign in: the issuer's own, and where its
 * metadata puts an end point elsewhere, that one's too. Asked for when first needed, and then known.
 */
export class SignInOrigins {
  readonly #options: SignInOriginsOptions;
  readonly #closing = new AbortController();
  #known: Promise<readonly string[]> | undefined;
  #failedAt = -Infinity;

  constructor(options: SignInOriginsOptions) {
    this.#options = options;
  }

  /** Never rejects: without an answer it is the issuer's own origin alone. */
  async list(): Promise<readonly string[]> {
    const { issuer, cooldownMs = 30_000, now } = this.#options;
    const own = new URL(issuer).origin;
    if (now() - this.#failedAt < cooldownMs) return [own];
    this.#known ??= this.#ask();
    return [...new Set([own, ...(await this.#known)])];
  }

  close(): void {
    this.#closing.abort();
  }

  async #ask(): Promise<readonly string[]> {
    const { issuer, dispatcher, now, log } = this.#options;
    try {
      const { signal } = this.#closing;
      return await discoverEndpointOrigins(issuer, { dispatcher, timeoutMs, signal });
    } catch (error) {
      if (error instanceof TokenUnavailableError) {
        log.warn({ err: error }, 'the viewer may sign in at the origin of the issuer alone');
      }
      this.#failedAt = now();
      this.#known = undefined;
      return [];
    }
  }
}
