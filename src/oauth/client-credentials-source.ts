import { Agent } from 'undici';
import type { Dispatcher, buildConnector } from 'undici';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import { backoffBoundMs } from '../translate/backoff.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { AuthorizationSource } from './authorization-source.ts';
import { discoverTokenEndpoint } from './issuer-metadata.ts';
import type { TokenEndpoint } from './issuer-metadata.ts';
import { requestToken } from './token-request.ts';
import type { ClientCredentials } from './token-request.ts';

/** Where tokens are asked for, or who says where. */
type TokenServer =
  | { readonly tokenUrl: string }
  | {
      readonly issuer: string;
      /** Whether it may name an `http:` end point that is not on this machine. */
      readonly allowPlaintext?: boolean;
    };

export type ClientCredentialsOptions = ClientCredentials & TokenServer & SourceOptions;

interface SourceOptions {
  /** For one whole exchange with the token server; 10 s unless said otherwise. */
  readonly timeoutMs?: number;
  /** After a failure the token server is left alone for so long, doubling up to the second. */
  readonly retryMinMs?: number;
  readonly retryMaxMs?: number;
  readonly tls?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Makes the connections, `tls` included, where they do not go straight. */
  readonly connect?: buildConnector.connector;
  readonly now: () => number;
  readonly log: Logger;
  /** In place of a connection pool of our own. */
  readonly dispatcher?: Dispatcher;
}

/** Of a token's lifetime, the share after which the next one is fetched in the background. */
const refreshAfterShare = 0.75;
/** Clocks so far apart are worth a word: the archive may find new tokens not valid yet. */
const notableSkewMs = 60_000;
/** How long what an issuer says of itself is believed; after a failure it is asked again anyway. */
const metadataLifetimeMs = 24 * 60 * 60 * 1000;
/** A token that ends so soon may end on its way to the archive. */
const lastUseShare = 0.95;

interface HeldToken {
  readonly authorization: string;
  readonly obtainedAt: number;
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
  #endpoint: { readonly found: TokenEndpoint; readonly askAgainAt: number } | undefined;

  constructor(options: ClientCredentialsOptions) {
    this.#options = options;
    this.#dispatcher = options.dispatcher;
  }

  get expiresAt(): number | undefined {
    return this.#token?.useUntil;
  }

  get obtainedAt(): number | undefined {
    return this.#token?.obtainedAt;
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
    const { now, log, connect, tls, timeoutMs = 10_000 } = this.#options;
    this.#dispatcher ??= new Agent({ connect: connect ?? { ...tls, timeout: timeoutMs } });
    const dispatcher = this.#dispatcher;
    const askedAt = now();
    try {
      const exchange = { dispatcher, timeoutMs, signal: this.#closing.signal };
      const tokenUrl = await this.#tokenUrl(exchange);
      const { authorization, lifetimeMs, issuedAt } = await requestToken(this.#options, {
        ...exchange,
        tokenUrl,
        nowMs: now(),
      });
      // Counted from the asking: the answer was under way for a while.
      this.#token = {
        authorization,
        obtainedAt: askedAt,
        refreshAt: askedAt + lifetimeMs * refreshAfterShare,
        useUntil: askedAt + lifetimeMs * lastUseShare,
      };
      this.#failure = undefined;
      this.#failures = 0;
      log.debug({ lifetimeMs }, 'fetched an access token for the archive');
      if (issuedAt !== undefined && Math.abs(issuedAt - askedAt) > notableSkewMs) {
        const aheadSeconds = Math.round((issuedAt - askedAt) / 1000);
        log.warn({ aheadSeconds }, "the token server's clock and ours are far apart");
      }
      return authorization;
    } catch (error) {
      if (error instanceof TokenUnavailableError) this.#remember(error);
      throw error;
    }
  }

  /** Where the issuer says, remembered; an issuer that is away does no harm once it was asked. */
  async #tokenUrl(exchange: {
    readonly dispatcher: Dispatcher;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  }): Promise<string> {
    const options = this.#options;
    if ('tokenUrl' in options) return options.tokenUrl;
    const { issuer, allowPlaintext = false, clientAuth, now, log } = options;
    if (this.#endpoint === undefined || now() >= this.#endpoint.askAgainAt) {
      try {
        const found = await discoverTokenEndpoint(issuer, { ...exchange, allowPlaintext });
        this.#endpoint = { found, askAgainAt: now() + metadataLifetimeMs };
      } catch (error) {
        if (this.#endpoint === undefined || !(error instanceof TokenUnavailableError)) throw error;
        log.warn(
          { ...error.facts, code: error.code },
          `${error.message} (what it said last holds)`,
        );
      }
    }
    const { tokenUrl, mtlsTokenUrl } = this.#endpoint.found;
    return clientAuth === 'tls_client_auth' ? (mtlsTokenUrl ?? tokenUrl) : tokenUrl;
  }

  #remember(error: TokenUnavailableError): void {
    const { now, log, retryMinMs = 1_000, retryMaxMs = 10_000 } = this.#options;
    this.#failures += 1;
    // The end point may have moved.
    if (this.#endpoint) this.#endpoint = { ...this.#endpoint, askAgainAt: now() };
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
