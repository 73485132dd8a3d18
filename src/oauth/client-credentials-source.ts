import { Agent } from 'undici';
import type { Dispatcher } from 'undici';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import { backoffBoundMs } from '../translate/backoff.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AuthorizationSource } from './authorization-source.ts';
import { requestToken } from './token-request.ts';
import type { ClientCredentials } from './token-request.ts';

export interface ClientCredentialsOptions extends ClientCredentials {
  /** For one whole exchange with the token server; 10 s unless said otherwise. */
  readonly timeoutMs?: number;
  /** After a failure the token server is left alone for so long, doubling up to the second. */
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  readonly now: () => number;
  readonly log: Logger;
  /** In place of a connection pool of our own. */
  readonly dispatcher?: Dispatcher;
}

/** Of a token's lifetime, the share after which the next one is fetched in the background. */
const refreshAfterShare = 0.75;
/** A token that ends so soon may end on its way to the archive. */
const lastUseShare = 0.95;

interface HeldToken {
  readonly authorization: string;
  readonly refreshAt: number;
  readonly useUntil: number;
}

/**
 * Access tokens by client credentials: kept while they last, fetched anew before they end, and by
 * one request however many wait for it.
 *
 * While an old token is still good a failing token server goes unnoticed by callers; they hear of it
 * only when there is no token left.
 */
export class ClientCredentialsSource implements AuthorizationSource {
  readonly #options: ClientCredentialsOptions;
  readonly #closing = new AbortController();
  #dispatcher: Dispatcher | undefined;
  #token: HeldToken | undefined;
  /** The one request under way, shared by all who wait. */
  #refresh: Promise<string> | undefined;
  #failure: { readonly error: TokenUnavailableError; readonly notBefore: number } | undefined;
  #failures = 0;

  constructor(options: ClientCredentialsOptions) {
    this.#options = options;
    this.#dispatcher = options.dispatcher;
  }

  get expiresAt(): number | undefined {
    return this.#token?.useUntil;
  }

  async authorization({ signal }: { readonly signal: AbortSignal }): Promise<string> {
    signal.throwIfAborted();
    const now = this.#options.now();
    const token = this.#token;
    if (token && now < token.useUntil) {
      if (now >= token.refreshAt && !this.#isHeldOff(now)) {
        // The callers still have a good token; what went wrong was logged.
        this.#fetch().catch(() => undefined);
      }
      return token.authorization;
    }
    if (!this.#refresh && this.#failure && this.#isHeldOff(now)) throw this.#failure.error;
    return withSignal(this.#fetch(), signal);
  }

  refused(authorization: string): void {
    if (this.#token?.authorization !== authorization) return;
    this.#token = undefined;
    this.#options.log.info(
      {},
      'the archive refused an access token before its end; fetching another',
    );
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('closing'));
    await this.#refresh?.catch(() => undefined);
    // A dispatcher that was handed in is its owner's to close.
    if (this.#options.dispatcher === undefined) await this.#dispatcher?.destroy();
  }

  #isHeldOff(now: number): boolean {
    return this.#failure !== undefined && now < this.#failure.notBefore;
  }

  #fetch(): Promise<string> {
    this.#refresh ??= this.#request().finally(() => {
      this.#refresh = undefined;
    });
    return this.#refresh;
  }

  async #request(): Promise<string> {
    const { now, log, tls, timeoutMs = 10_000 } = this.#options;
    this.#dispatcher ??= new Agent({ connect: { ...tls, timeout: timeoutMs } });
    const askedAt = now();
    try {
      const { authorization, lifetimeMs } = await requestToken(this.#options, {
        dispatcher: this.#dispatcher,
        timeoutMs,
        signal: this.#closing.signal,
      });
      // Counted from the asking: the answer was under way for a while.
      this.#token = {
        authorization,
        refreshAt: askedAt + lifetimeMs * refreshAfterShare,
        useUntil: askedAt + lifetimeMs * lastUseShare,
      };
      this.#failure = undefined;
      this.#failures = 0;
      log.debug({ lifetimeMs }, 'fetched an access token for the archive');
      return authorization;
    } catch (error) {
      if (error instanceof TokenUnavailableError) this.#remember(error);
      throw error;
    }
  }

  #remember(error: TokenUnavailableError): void {
    const { now, log, retryMinMs = 1_000, retryMaxMs = 10_000 } = this.#options;
    this.#failures += 1;
    const waitMs = backoffBoundMs({
      attempt: this.#failures,
      minMs: retryMinMs,
      maxMs: retryMaxMs,
    });
    this.#failure = { error, notBefore: now() + waitMs };
    log.warn({ ...error.facts, code: error.code, failures: this.#failures, waitMs }, error.message);
  }
}

/** Lets one waiter go without ending what the others wait for. */
function withSignal<T>(shared: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- the caller's own reason
      reject(signal.reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    shared.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
