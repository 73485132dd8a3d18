import { Buffer } from 'node:buffer';
import { request } from 'undici';
import type { Dispatcher } from 'undici';
import { TokenUnavailableError } from '../errors/origin-errors.ts';
import { describeTransportFault, transportFaultOf } from '../translate/transport-fault.ts';
import { readTokenAnswer } from './token-answer.ts';
import type { AccessToken } from './token-answer.ts';

/** Who we are to the token server, and what we ask for. */
export interface ClientCredentials {
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** `basic`: in the Authorization header; `post`: as form fields (RFC 6749 §2.3.1). */
  readonly clientAuth: 'basic' | 'post';
  readonly scope?: string;
  /** What Auth0 and some others want to know. */
  readonly audience?: string;
  /** Resource indicator (RFC 8707). */
  readonly resource?: string;
}

/** No token answer comes near it. */
const maxAnswerBytes = 65_536;

/**
 * Asks once for an access token by client credentials (RFC 6749 §4.4).
 *
 * @param options - `timeoutMs` bounds the whole exchange, for a token is a small thing.
 * @throws {@link TokenUnavailableError}; the signal's reason when it was aborted.
 */
export async function requestToken(
  credentials: ClientCredentials,
  options: {
    readonly dispatcher: Dispatcher;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<AccessToken> {
  const { headers, body } = tokenRequest(credentials);
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)]);
  try {
    const answer = await request(credentials.tokenUrl, {
      dispatcher: options.dispatcher,
      method: 'POST',
      headers,
      body,
      signal,
    });
    return readTokenAnswer({ status: answer.statusCode, body: await readText(answer.body) });
  } catch (error) {
    options.signal.throwIfAborted();
    if (error instanceof TokenUnavailableError) throw error;
    const fault = describeTransportFault(transportFaultOf(error));
    throw new TokenUnavailableError(
      `the token server cannot be reached: ${fault}; check DRAWBRIDGE_UPSTREAM_TOKEN_URL`,
      { transient: true, cause: error },
    );
  }
}

function tokenRequest(credentials: ClientCredentials): {
  readonly headers: Record<string, string>;
  readonly body: string;
} {
  const { clientId, clientSecret, clientAuth, scope, audience, resource } = credentials;
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  if (audience !== undefined) form.set('audience', audience);
  if (resource !== undefined) form.set('resource', resource);
  const headers: Record<string, string> = {
    'content-type': 'application/x-www-form-urlencoded',
    accept: 'application/json',
  };
  if (clientAuth === 'basic') {
    const pair = `${formEncode(clientId)}:${formEncode(clientSecret)}`;
    headers['authorization'] = `Basic ${Buffer.from(pair).toString('base64')}`;
  } else {
    form.set('client_id', clientId);
    form.set('client_secret', clientSecret);
  }
  return { headers, body: form.toString() };
}

/** RFC 6749 §2.3.1 form-encodes both before they go into Basic: a colon or a plus matters there. */
function formEncode(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

/** The body as text; `undefined`, and the connection given up, when it exceeds what we read. */
async function readText(body: Dispatcher.ResponseData['body']): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxAnswerBytes) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
