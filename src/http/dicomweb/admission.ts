import type { IncomingMessage } from 'node:http';
import { isLoopbackHost } from '../../access/networks.ts';
import { everyScope } from '../../access/principal.ts';
import type { Principal, Scope } from '../../access/principal.ts';
import { titleOf } from '../../translate/http-status.ts';
import type { Problem } from '../problem.ts';
import { BadTokenLimit } from './bad-token-limit.ts';
import { hostNameOf } from './message-headers.ts';

/** What became of a token. */
export type CallerVerdict =
  | { readonly ok: true; readonly principal: Principal }
  | {
      readonly ok: false;
      readonly reason: string;
      /** Printable ASCII without quotes or backslashes. */
      readonly description: string;
      /** Nothing is known against the token: who could tell does not answer. */
      readonly temporary?: true;
    };

/** Who may call the front. */
export type Admission =
  /** Nobody is asked (`HTTP_AUTH=none`): only for callers and pages of this machine. */
  | { readonly kind: 'open' }
  | {
      readonly kind: 'bearer';
      /** @param authorization - the header's value; `undefined` when the request has none. */
      authenticate(authorization: string | undefined): Promise<CallerVerdict>;
      /** Where the protected resource metadata is (RFC 9728 §5.1): an absolute URL. */
      readonly resourceMetadataUrl: () => string;
    };

/** Who calls, or what to answer instead. */
export type Admitted =
  | { readonly principal: Principal }
  /** `limited`: whoever calls was not looked at. */
  | { readonly problem: Problem; readonly limited?: true };

interface GateOptions {
  readonly admission: Admission;
  readonly scopeNames: Readonly<Record<Scope, string>>;
  readonly badTokens: { readonly burst: number; readonly perSecond: number };
  readonly now: () => number;
}

/** The issuer is asked again soon; meanwhile the client may keep its token. */
const issuerWaitSeconds = 5;

/** Finds out who calls, and puts what is wrong in the words of RFC 6750 and RFC 9728. */
export class Gate {
  readonly #options: GateOptions;
  readonly #limit: BadTokenLimit;

  constructor(options: GateOptions) {
    this.#options = options;
    this.#limit = new BadTokenLimit({ ...options.badTokens, now: options.now });
  }

  /** @param client - the address the request comes from. */
  async admit({ headers }: IncomingMessage, client: string): Promise<Admitted> {
    const { admission } = this.#options;
    if (admission.kind === 'open') return admitLocal(headers);
    const wait = this.#limit.waitSeconds(client);
    if (wait !== undefined) return { problem: tooManyBadTokens(wait), limited: true };
    const verdict = await admission.authenticate(headers.authorization);
    if (verdict.ok) return { principal: verdict.principal };
    if (verdict.temporary === true) return { problem: cannotTell(verdict.description) };
    // Whoever sends no token at all costs nothing, and may be a viewer before its sign-in.
    if (verdict.reason !== 'missing') this.#limit.count(client);
    return { problem: this.#challenge(verdict) };
  }

  /** A token that is good, and not for this (RFC 6750 §3.1). */
  insufficientScope(scope: Scope): Problem {
    const name = this.#options.scopeNames[scope];
    return this.#refusal(403, `this needs the scope ${name}`, [
      ['error', 'insufficient_scope'],
      ['scope', name],
    ]);
  }

  #challenge({ reason, description }: Extract<CallerVerdict, { ok: false }>): Problem {
    // RFC 6750 §3.1: no error code for a request without credentials.
    if (reason === 'missing') return this.#refusal(401, description, []);
    const isScope = reason === 'insufficient_scope';
    return this.#refusal(isScope ? 403 : 401, description, [
      ['error', isScope ? 'insufficient_scope' : 'invalid_token'],
      ['error_description', description],
    ]);
  }

  #refusal(
    status: 401 | 403,
    detail: string,
    parameters: readonly (readonly [name: string, value: string])[],
  ): Problem {
    const { admission } = this.#options;
    const all: (readonly [name: string, value: string])[] = [['realm', 'dicomweb'], ...parameters];
    if (admission.kind === 'bearer') {
      all.push(['resource_metadata', admission.resourceMetadataUrl()]);
    }
    const challenge = all.map(([name, value]) => `${name}="${value}"`).join(', ');
    return {
      status,
      title: titleOf(status),
      detail,
      code: status === 401 ? 'not_authenticated' : 'insufficient_scope',
      headers: { 'www-authenticate': `Bearer ${challenge}` },
    };
  }
}

/**
 * A page anywhere on the web can have a browser on this machine ask us, and give its own name to our
 * address (DNS rebinding). Both show: in Origin, and in Host.
 */
function admitLocal({ host = '', origin }: IncomingMessage['headers']): Admitted {
  const isLocal =
    isLoopbackHost(hostNameOf(host)) && (origin === undefined || isLoopbackOrigin(origin));
  if (isLocal) return { principal: localPrincipal };
  return {
    problem: {
      status: 403,
      title: titleOf(403),
      detail: 'without authentication only requests and pages of this machine are answered',
      code: 'not_local',
    },
  };
}

function isLoopbackOrigin(origin: string): boolean {
  return URL.canParse(origin) && isLoopbackHost(new URL(origin).hostname);
}

const localPrincipal: Principal = {
  subject: 'anybody',
  issuer: 'this machine',
  displayName: 'anybody on this machine',
  scopes: new Set(everyScope),
  tenant: undefined,
  studies: undefined,
  tokenId: undefined,
  expiresAt: Infinity,
};

function cannotTell(detail: string): Problem {
  return {
    status: 503,
    title: titleOf(503),
    detail,
    code: 'issuer_unavailable',
    headers: { 'retry-after': String(issuerWaitSeconds) },
  };
}

function tooManyBadTokens(waitSeconds: number): Problem {
  return {
    status: 429,
    title: titleOf(429),
    detail: 'too many tokens that are not accepted came from this address',
    code: 'too_many_bad_tokens',
    headers: { 'retry-after': String(waitSeconds) },
  };
}
