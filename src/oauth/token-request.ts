import { Buffer } from 'node:buffer';
import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import { readText } from './bounded-text.ts';
import { assertionType, createClientAssertion } from './client-assertion.ts';
import type { ClientProof } from './client-proof.ts';
import { readTokenAnswer } from './token-answer.ts';
import type { AccessToken } from './token-answer.ts';
import { unreachable } from './unreachable.ts';

/** Who we are to the token server, and what we ask for. */
export type ClientCredentials = ClientProof & {
  readonly clientId: string;
  readonly scope?: string;
  /** What Auth0 and some others want to know. */
  readonly audience?: string;
  /** Resource indicator (RFC 8707). */
  readonly resource?: string;
};

/**
 * Asks once for an access token by client credentials (RFC 6749 §4.4).
 *
 * @param options - `timeoutMs` bounds the whole exchange, for a token is a small thing.
 * @throws {@link TokenUnavailableError}; the signal's reason when it was aborted.
 */
export async function requestToken(
  credentials: ClientCredentials,
  options: {
    readonly tokenUrl: string;
    readonly dispatcher: Dispatcher;
    readonly timeoutMs: number;
    readonly nowMs: number;
    readonly signal: AbortSignal;
  },
): Promise<AccessToken> {
  const { tokenUrl, nowMs } = options;
  const { headers, body } = await tokenRequest(credentials, { tokenUrl, nowMs });
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    const answer = await request(tokenUrl, {
      dispatcher: options.dispatcher,
      method: 'POST',
      headers,
      body,
      signal,
    });
    return readTokenAnswer({
      status: answer.statusCode,
      body: await readText(answer.body),
      clientAuth: credentials.clientAuth,
    });
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof TokenUnavailableError) throw error;
    throw unreachable('the token server', 'DRAWBRIDGE_UPSTREAM_TOKEN_URL', error);
  }
}

async function tokenRequest(
  credentials: ClientCredentials,
  { tokenUrl, nowMs }: { readonly tokenUrl: string; readonly nowMs: number },
): Promise<{ readonly headers: Record<string, string>; readonly body: string }> {
  const { clientId, clientAuth, scope, audience, resource } = credentials;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  if (audience !== undefined) form.set('audience', audience);
  if (resource !== undefined) form.set('resource', resource);
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  };
  switch (clientAuth) {
    case 'basic':
      headers['authorization'] = basicClient(clientId, credentials.clientSecret);
      break;
    case 'post':
      form.set('client_id', clientId);
      form.set('client_secret', credentials.clientSecret);
      break;
    case 'private_key_jwt': {
      const { clientKey, assertionAudience = tokenUrl } = credentials;
      const assertion = { clientId, audience: assertionAudience, nowMs };
      form.set('client_id', clientId);
      form.set('client_assertion_type', assertionType);
      form.set('client_assertion', await createClientAssertion(clientKey, assertion));
      break;
    }
    case 'tls_client_auth':
      form.set('client_id', clientId);
      break;
  }
  return { headers, body: form.toString() };
}

/** The Authorization header of a client that has a secret. */
export function basicClient(clientId: string, clientSecret: string): string {
  const pair = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

/** RFC 6749 §2.3.1 form-encodes both before they go into Basic: a colon or a plus matters there. */
function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}
