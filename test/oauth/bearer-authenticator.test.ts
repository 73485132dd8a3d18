import { beforeEach, describe, expect, it } from 'vitest';
import { BearerAuthenticator } from '../../src/oauth/bearer-authenticator.ts';
import { localIssuer } from '../../src/oauth/local-token-claims.ts';
import { refused, unavailable } from '../../src/oauth/token-verdict.ts';
import type { TokenVerdict, TokenVerifier } from '../../src/oauth/token-verdict.ts';

const counted: string[] = [];
const seen: string[] = [];
let verdict: TokenVerdict;

beforeEach(() => {
  counted.length = 0;
  seen.length = 0;
  verdict = {
    ok: true,
    principal: {
      ...{ subject: 's', issuer: 'i', displayName: 's', expiresAt: 0 },
      ...{ scopes: new Set(), tenant: undefined, studies: undefined, tokenId: undefined },
    },
  };
});

function verifier(name: string): TokenVerifier {
  return {
    verify: (token) => {
      seen.push(`${name} ${token}`);
      return Promise.resolve(verdict);
    },
  };
}

type Kind = 'oidc' | 'opaque' | 'local';

function create(...kinds: readonly Kind[]): BearerAuthenticator {
  return new BearerAuthenticator({
    ...Object.fromEntries(kinds.map((kind) => [kind, verifier(kind)])),
    events: { refused: (reason) => counted.push(reason) },
  });
}

function jwtOf(iss: unknown): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode({ alg: 'EdDSA' })}.${encode({ iss })}.AAAA`;
}

describe('the Authorization header', () => {
  it.each([
    ['Bearer good-token'],
    ['bearer good-token'],
    ['BEARER good-token'],
    ['Bearer   good-token'],
    ['Bearer good-token '],
  ])('D01 %j is taken', async (header) => {
    expect(await create('opaque').authenticate(header)).toMatchObject({ ok: true });
    expect(seen).toEqual(['opaque good-token']);
    expect(counted).toEqual([]);
  });

  it.each([
    [undefined, 'missing'],
    ['', 'missing'],
    ['Basic x', 'missing'],
    ['Basic dXNlcjpwYXNz', 'missing'],
    ['good-token', 'missing'],
    ['Bearerx good-token', 'missing'],
    ['DPoP good-token', 'missing'],
    ['Bearer', 'malformed'],
    ['Bearer ', 'malformed'],
    ['Bearer a b', 'malformed'],
    ['Bearer a, Bearer b', 'malformed'],
    ['Bearer tok\u00e9n', 'malformed'],
    ['Bearer "good-token"', 'malformed'],
    ['Bearer\tgood-token', 'malformed'],
    ['Bearer a=b', 'malformed'],
  ])('D01 %j is refused and counted: %s', async (header, reason) => {
    const answer = await create('opaque', 'oidc', 'local').authenticate(header);

    expect(answer).toMatchObject({ ok: false, reason });
    expect(counted).toEqual([reason]);
    expect(seen).toEqual([]);
  });

  it('D12 of a megabyte is refused before anything looks at it', async () => {
    const begun = process.cpuUsage();

    const answer = await create('opaque').authenticate(`Bearer ${'a'.repeat(1_000_000)}`);

    expect(process.cpuUsage(begun).user).toBeLessThan(10_000);
    expect(answer).toMatchObject({ reason: 'malformed' });
    expect(seen).toEqual([]);
  });

  it('D14 is the only place a token is taken from: without it nobody is asked', async () => {
    expect(await create('opaque').authenticate(undefined)).toMatchObject({ reason: 'missing' });
    expect(seen).toEqual([]);
  });
});

describe('a token', () => {
  it.each<[Kind[], string, string]>([
    [['oidc', 'opaque', 'local'], 'opaque-token', 'opaque'],
    [['oidc', 'opaque', 'local'], jwtOf('https://idp.test'), 'oidc'],
    [['oidc', 'opaque', 'local'], jwtOf(localIssuer), 'local'],
    [['oidc', 'opaque', 'local'], jwtOf([localIssuer]), 'oidc'],
    [['oidc', 'opaque', 'local'], 'eyJ.broken', 'oidc'],
    [['local'], jwtOf('https://idp.test'), 'local'],
    [['oidc'], jwtOf('https://idp.test'), 'oidc'],
  ])('with %j goes to who knows its kind (%s → %s)', async (kinds, token, kind) => {
    await create(...kinds).authenticate(`Bearer ${token}`);

    expect(seen).toEqual([`${kind} ${token}`]);
  });

  it.each<[Kind[], string]>([
    [['oidc', 'local'], 'opaque-token'],
    [['oidc'], jwtOf(localIssuer)],
    [[], jwtOf('https://idp.test')],
  ])('of a kind that is not set up is refused (%j, %s)', async (kinds, token) => {
    const answer = await create(...kinds).authenticate(`Bearer ${token}`);

    expect(answer).toMatchObject({ ok: false, reason: 'malformed' });
    expect(seen).toEqual([]);
  });

  it.each([refused('expired', 'the token has expired'), unavailable('not now')])(
    'that is not accepted is counted by its reason: %j',
    async (answer) => {
      verdict = answer;

      expect(await create('opaque').authenticate('Bearer x')).toEqual(answer);
      expect(counted).toEqual([answer.reason]);
    },
  );

  it('is in no description, whatever is the matter with it', async () => {
    for (const header of [
      'Bearer se cret',
      'Bearer secret"',
      `Bearer secret.${'x'.repeat(20_000)}`,
    ]) {
      expect(JSON.stringify(await create().authenticate(header))).not.toMatch(/se ?cret/);
    }
  });
});
