import { TokenUnavailableError } from '../../errors/origin-errors.ts';
import { failed, ok, skipped, warning } from './probe.ts';
import type { FactValue, Finding, Probe } from './probe.ts';
import { sentence } from './run-probes.ts';
import { formatDuration } from './units.ts';
import type { World } from './world.ts';

/** Whether a token can be had, and what it says; never the token itself. */
export const token: Probe = {
  id: 'token',
  title: 'Token',
  needs: ['token-server.dns', 'token-server.tcp', 'token-server.tls'],
  run: async ({ upstream, now }, signal) => {
    if (upstream === undefined)
      return skipped('Objects stay in the embedded archive (DRAWBRIDGE_UPSTREAM_URL).');
    const { auth } = upstream.archive;
    if (auth.kind === 'none') {
      return ok('Requests carry no credentials (DRAWBRIDGE_UPSTREAM_AUTH is none).');
    }
    if (auth.kind === 'basic') {
      return ok(`Requests carry user ${auth.username} and a password.`, { kind: 'basic' });
    }
    let authorization: string | undefined;
    try {
      authorization = await upstream.authorization.authorization({ signal });
    } catch (error) {
      if (!(error instanceof TokenUnavailableError)) throw error;
      return noToken(error);
    }
    const { expiresAt } = upstream.authorization;
    return describeToken(authorization ?? '', { upstream, now: now(), expiresAt });
  },
};

/** The message has what to look at behind a semicolon. */
function noToken({ message, facts }: TokenUnavailableError): Finding {
  const at = message.indexOf('; ');
  const [found, advice] = at < 0 ? [message, ''] : [message.slice(0, at), message.slice(at + 2)];
  return failed(sentence(found), sentence(advice || 'look at the log of the token server'), {
    status: facts['status'] ?? null,
  });
}

function describeToken(
  authorization: string,
  about: {
    readonly upstream: NonNullable<World['upstream']>;
    readonly now: number;
    readonly expiresAt: number | undefined;
  },
): Finding {
  const { upstream, now, expiresAt } = about;
  const { auth } = upstream.archive;
  const claims = claimsOf(authorization.replace(/^Bearer /, ''));
  const ends = typeof claims?.['exp'] === 'number' ? claims['exp'] * 1000 : expiresAt;
  const lasts = ends === undefined ? '' : `, good for ${formatDuration(Math.max(0, ends - now))}`;
  if (claims === undefined) {
    return ok(`A Bearer token was given, not readable for us${lasts}.`, { kind: auth.kind });
  }
  const facts = {
    kind: auth.kind,
    type: 'Bearer',
    ...Object.fromEntries(telling.map((name) => [name, textOf(claims[name])])),
    expiresAt: ends === undefined ? null : new Date(ends).toISOString(),
  };
  const [scope, audience] = [rightsOf(claims), textOf(claims['aud'])];
  const client = textOf(claims['client_id'] ?? claims['azp'] ?? claims['appid'] ?? claims['sub']);
  const found = `Bearer token from ${textOf(claims['iss']) ?? 'an issuer it does not name'}, for ${audience ?? 'no audience'}, ${scope === undefined ? 'without scope' : `scope “${scope}”`}${client === null ? '' : `, client ${client}`}${lasts}.`;
  if (ends !== undefined && ends <= now) {
    return failed(
      `The token has ended: ${found}`,
      auth.kind === 'bearer'
        ? 'Put a new one into DRAWBRIDGE_UPSTREAM_BEARER_TOKEN.'
        : 'Compare the clocks of this machine and of the token server.',
      facts,
    );
  }
  const asked = 'scope' in auth ? auth.scope : undefined;
  const missing = asked
    ?.split(' ')
    .filter((each) => each !== '' && scope?.split(' ').includes(each) !== true);
  if (missing !== undefined && missing.length > 0 && scope !== undefined) {
    return warning(
      `${found} It lacks ${missing.join(' ')}.`,
      'Allow the scope for our client at the token server, or correct DRAWBRIDGE_UPSTREAM_SCOPE.',
      facts,
    );
  }
  return ok(found, facts);
}

/** Claims that decide whether an archive accepts a token; none of them is a secret. */
const telling = ['iss', 'aud', 'scope', 'scp', 'roles', 'client_id', 'azp', 'appid', 'sub'];

function rightsOf(claims: Readonly<Record<string, unknown>>): string | undefined {
  const value = claims['scope'] ?? claims['scp'] ?? claims['roles'];
  return textOf(value)?.replaceAll(', ', ' ') ?? undefined;
}

function textOf(claim: unknown): FactValue & (string | null) {
  if (typeof claim === 'string') return claim.slice(0, 200);
  if (Array.isArray(claim)) return claim.map(String).join(', ').slice(0, 200);
  return null;
}

/** The middle of a JWT (RFC 7519 §3), unverified: it is shown, nothing is decided by it. */
function claimsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  const parts = text.split('.');
  if (parts.length !== 3) return undefined;
  try {
    const value = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString('utf8')) as unknown;
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Readonly<Record<string, unknown>>)
      : undefined;
  } catch {
    return undefined;
  }
}
