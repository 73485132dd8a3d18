import { createHash } from 'node:crypto';
import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { BridgeError } from '../errors/bridge-error.ts';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { parseObject, readText } from './bounded-text.ts';
import { maxTokenLength } from './compact-token.ts';
import { judgeClaims } from './token-claims.ts';
import type { ClaimRules, Claims } from './token-claims.ts';
import { basicClient } from './token-request.ts';
import { refused, unavailable } from './token-verdict.ts';
import type { TokenVerdict, TokenVerifier } from './token-verdict.ts';
import { unreachable } from './unreachable.ts';

export interface TokenIntrospectionOptions {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly rules: ClaimRules;
  readonly dispatcher: Dispatcher;
  /** For one exchange; 5 s unless said otherwise, because a request waits for it. */
  readonly timeoutMs?: number;
  /** How many answers are remembered; 10,000 unless said otherwise. */
  readonly maxAnswers?: number;
  readonly now: () => number;
  readonly log: Logger;
}

/** A revoked token works no longer than this after it was last asked about. */
const acceptedForMs = 60_000;
/** Short, because a token may be asked about before the server's replicas all know it. */
const refusedForMs = 10_000;
/** After a failure the server is left alone for so long. */
const failedForMs = 2_000;
/** Made-up tokens cost their sender nothing; they must not cost the server everything. */
const maxUnderWay = 32;

const notNow = (): TokenVerdict => unavailable('the token cannot be verified at the moment');

interface KnownAnswer {
  readonly verdict: TokenVerdict;
  readonly until: number;
}

/**
 * Opaque tokens, by asking the authorization server about each (RFC 7662) as a client of our own.
 *
 * Answers are remembered by the token's SHA-256, so that memory holds no token; a token is asked
 * about by one request however many present it.
 */
export class TokenIntrospection implements TokenVerifier {
  readonly #options: TokenIntrospectionOptions;
  readonly #closing = new AbortController();
  /** In the order of their asking, so that the first is the oldest. */
  readonly #known = new Map<string, KnownAnswer>();
  readonly #underWay = new Map<string, Promise<TokenVerdict>>();
  #failedUntil = -Infinity;

  constructor(options: TokenIntrospectionOptions) {
    this.#options = options;
  }

  async verify(token: string): Promise<TokenVerdict> {
    if (token.length > maxTokenLength) return refused('malformed', 'this is not an access token');
    const key = createHash('sha256').update(token).digest('base64url');
    const known = this.#known.get(key);
    const now = this.#options.now();
    if (known && now < known.until) return known.verdict;
    const underWay = this.#underWay.get(key);
    if (underWay) return underWay;
    if (now < this.#failedUntil || this.#underWay.size >= maxUnderWay) return notNow();
    const asked = this.#ask(token, key).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asked);
    return asked;
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closing.abort(new Error('closing'));
    await Promise.all(this.#underWay.values());
  }

  async #ask(token: string, key: string): Promise<TokenVerdict> {
    const { now, log, rules } = this.#options;
    const askedAt = now();
    try {
      const answer = await this.#introspect(token);
      const verdict = judgeAnswer(answer, rules, now());
      const heldUntil = verdict.ok
        ? Math.min(askedAt + acceptedForMs, verdict.principal.expiresAt)
        : askedAt + refusedForMs;
      this.#remember(key, { verdict, until: heldUntil });
      return verdict;
    } catch (error) {
      this.#failedUntil = now() + failedForMs;
      if (this.#closing.signal.aborted) return notNow();
      if (!(error instanceof BridgeError)) throw error;
      log.warn({ ...error.facts, code: error.code }, error.message);
      return notNow();
    }
  }

  #remember(key: string, answer: KnownAnswer): void {
    const { maxAnswers = 10_000 } = this.#options;
    this.#known.delete(key);
    this.#known.set(key, answer);
    if (this.#known.size <= maxAnswers) return;
    const [oldest] = this.#known.keys();
    if (oldest !== undefined) this.#known.delete(oldest);
  }

  async #introspect(token: string): Promise<Claims> {
    const { url, clientId, clientSecret, dispatcher, timeoutMs = 5_000 } = this.#options;
    const signal = AbortSignal.any([this.#closing.signal, AbortSignal.timeout(timeoutMs)]);
    let status: number;
    let text: string | undefined;
    try {
      const answer = await request(url, {
        dispatcher,
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          accept: 'application/json',
          authorization: basicClient(clientId, clientSecret),
        },
        body: new URLSearchParams({ token, token_type_hint: 'access_token' }).toString(),
        signal,
      });
      status = answer.statusCode;
      text = await readText(answer.body);
    } catch (cause) {
      throw unreachable('the introspection end point', setting, cause);
    }
    if (status === 401 || status === 403) {
      const check = 'check DRAWBRIDGE_OIDC_INTROSPECTION_CLIENT_ID and its secret';
      throw unusable(`refuses us (HTTP ${status}); ${check}`, status);
    }
    if (status !== 200) throw unusable(`answers HTTP ${status}; check ${setting}`, status);
    const answer = text === undefined ? undefined : parseObject(text);
    if (answer === undefined) throw unusable(`sent something else; check ${setting}`, status);
    return answer;
  }
}

const setting = 'DRAWBRIDGE_OIDC_INTROSPECTION_URL';

/** `active` says nothing about whom the token is for: that is for us to see (RFC 7662 §4). */
function judgeAnswer(answer: Claims, rules: ClaimRules, nowMs: number): TokenVerdict {
  if (answer['active'] !== true) return refused('inactive', 'the token is not valid');
  const type = answer['token_type'];
  if (typeof type === 'string' && type.toLowerCase() !== 'bearer') {
    return refused('sender_constrained', 'the token cannot be used as Bearer');
  }
  return judgeClaims(answer, { ...rules, issuerOptional: true }, nowMs);
}

function unusable(what: string, status: number): TokenUnavailableError {
  return new TokenUnavailableError(`the introspection end point ${what}`, {
    transient: true,
    status,
  });
}
