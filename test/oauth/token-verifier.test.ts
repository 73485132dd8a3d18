import { Buffer } from 'node:buffer';
import { createHmac, createPublicKey } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Agent } from 'undici';
import { KeySet } from '../../src/oauth/key-set.ts';
import type { ClaimRules } from '../../src/oauth/token-claims.ts';
import type { TokenVerdict } from '../../src/oauth/token-verdict.ts';
import { JwtVerifier } from '../../src/oauth/token-verifier.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';
import { startIdentityProvider } from '../peers/identity-provider.ts';
import { startLoopbackServer } from '../peers/loopback-server.ts';
import { makeKey, signToken, startIssuer } from './issuer-fixture.ts';
import type { TestIssuer, TestKey } from './issuer-fixture.ts';

const audience = 'https://bridge.test/dicom-web';
const nowSeconds = 1_800_000_000;

let issuer: TestIssuer;
let key: TestKey;
let foreignKey: TestKey;
let dispatcher: Agent;
let keySet: KeySet;
let verifier: JwtVerifier;
let rules: ClaimRules;

beforeAll(async () => {
  issuer = await startIssuer();
  key = await makeKey('one');
  foreignKey = await makeKey('one');
  dispatcher = new Agent();
  rules = {
    issuer: issuer.url,
    audiences: [audience],
    clockToleranceMs: 30_000,
    scopeNames: { read: 'dicomweb.read', write: 'dicomweb.write', admin: 'drawbridge.admin' },
    scopeClaims: ['scope', 'scp', 'roles'],
    tenantClaim: 'tenant',
  };
});
beforeEach(() => {
  issuer.publish(key.publicJwk);
  verifier = create();
});
afterEach(async () => {
  await keySet.close();
  issuer.asked.length = 0;
});
afterAll(async () => {
  await dispatcher.close();
  await issuer.stop();
});

function create(changes: Partial<ClaimRules> = {}): JwtVerifier {
  const now = () => nowSeconds * 1000;
  const allowPlaintext = false;
  const common = { dispatcher, now, log: silentLogger, allowPlaintext };
  keySet = new KeySet({ issuer: issuer.url, ...common });
  return new JwtVerifier({
    rules: { ...rules, ...changes },
    algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
    keys: keySet,
    now,
  });
}

const good = () => ({
  iss: issuer.url,
  aud: audience,
  sub: 'viewer',
  jti: 'token-1',
  exp: nowSeconds + 300,
  scope: 'openid dicomweb.read',
});

async function judge(changes: object = {}, header: Record<string, unknown> = {}) {
  return verifier.verify(await signToken(key, { ...good(), ...changes }, header));
}

function reasonOf(verdict: TokenVerdict): string {
  return verdict.ok ? 'accepted' : verdict.reason;
}

/** A token from its parts as text, signed by whatever makes a signature of `header.payload`. */
function compact(header: string, claims: object, sign: (input: string) => Buffer | string): string {
  const encode = (text: string) => Buffer.from(text).toString('base64url');
  const input = `${encode(header)}.${encode(JSON.stringify(claims))}`;
  const signature = sign(input);
  return `${input}.${typeof signature === 'string' ? signature : signature.toString('base64url')}`;
}

describe('a good token', () => {
  it('makes a principal', async () => {
    expect(await judge({ studies: ['1.2.3', '1.2.4'], scope: 'dicomweb.write x' })).toEqual({
      ok: true,
      principal: {
        subject: 'viewer',
        issuer: issuer.url,
        displayName: 'viewer',
        scopes: new Set(['write']),
        tenant: undefined,
        studies: new Set(['1.2.3', '1.2.4']),
        tokenId: 'token-1',
        expiresAt: (nowSeconds + 300) * 1000,
      },
    });
  });

  it.each(['PS256', 'ES256', 'ES384', 'EdDSA'])('may be signed with %s', async (algorithm) => {
    const other = await makeKey('two', algorithm);
    issuer.publish(key.publicJwk, other.publicJwk);

    expect(reasonOf(await verifier.verify(await signToken(other, good())))).toBe('accepted');
  });

  it.each(['at+jwt', 'AT+JWT', 'application/at+jwt', 'JWT', 'jwt'])(
    'may have typ %s',
    async (typ) => {
      expect(reasonOf(await judge({}, { typ }))).toBe('accepted');
    },
  );

  it('of a real identity provider is accepted, and refused for another audience', async () => {
    const real = await startIdentityProvider({ audience });
    const token = await fetchToken(real);
    const now = Date.now;
    const common = { dispatcher, now, log: silentLogger, allowPlaintext: false };
    const keys = new KeySet({ issuer: real.issuer, ...common });
    const algorithms = ['RS256'] as const;
    const ours = { ...rules, issuer: real.issuer };
    const verify = (claimRules: ClaimRules) =>
      new JwtVerifier({ rules: claimRules, algorithms, keys, now }).verify(token);

    expect(await verify(ours)).toMatchObject({
      ok: true,
      principal: { subject: real.postClient.clientId, scopes: new Set(['read', 'write']) },
    });
    expect(reasonOf(await verify({ ...ours, audiences: [`${audience}/`] }))).toBe('audience');
    expect(real.requests).toMatchObject({ metadata: 1, jwks: 1 });
    await keys.close();
    await real.stop();
  });
});

async function fetchToken(idp: Awaited<ReturnType<typeof startIdentityProvider>>) {
  const { clientId, clientSecret } = idp.postClient;
  const answer = await fetch(idp.tokenUrl, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
      scope: idp.scope,
    }),
  });
  return ((await answer.json()) as { readonly access_token: string }).access_token;
}

describe('the signature', () => {
  it.each(['none', 'None', 'nOnE', 'NONE', '', 'HS256', 'rs256', 'RS1'])(
    'D02 by alg %j is refused',
    async (alg) => {
      const header = JSON.stringify({ alg, typ: 'at+jwt', kid: 'one' });
      const real = (await signToken(key, good())).split('.')[2] ?? '';

      for (const signature of ['', real]) {
        const token = compact(header, good(), () => signature);
        expect(reasonOf(await verifier.verify(token))).toBe('algorithm');
      }
    },
  );

  it('D02 that is empty, or another, is refused; so is a header without alg', async () => {
    const [header = '', claims = ''] = (await signToken(key, good())).split('.');
    const foreign = await signToken(foreignKey, good());

    expect(reasonOf(await verifier.verify(`${header}.${claims}.`))).toBe('signature');
    expect(reasonOf(await verifier.verify(foreign))).toBe('signature');
    const withoutAlg = compact('{"typ":"at+jwt","kid":"one"}', good(), () => 'AAAA');
    expect(reasonOf(await verifier.verify(withoutAlg))).toBe('malformed');
  });

  it('D02 covers what the token says', async () => {
    const [header = '', , signature = ''] = (await signToken(key, good())).split('.');
    const changed = Buffer.from(JSON.stringify({ ...good(), sub: 'admin' })).toString('base64url');

    expect(reasonOf(await verifier.verify(`${header}.${changed}.${signature}`))).toBe('signature');
  });

  it('D03 by HMAC with our published key as the secret is refused', async () => {
    const publicKey = createPublicKey({ key: key.publicJwk as never, format: 'jwk' });
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    const pem = publicKey.export({ format: 'pem', type: 'spki' });
    const jwk = JSON.stringify(key.publicJwk);
    const n = Buffer.from(key.publicJwk.n ?? '', 'base64url');

    for (const secret of [pem, String(pem).trim(), spki, jwk, n]) {
      for (const alg of ['HS256', 'RS256']) {
        const header = JSON.stringify({ alg, typ: 'at+jwt', kid: 'one' });
        const token = compact(header, good(), (input) =>
          createHmac('sha256', secret).update(input).digest(),
        );
        expect(reasonOf(await verifier.verify(token))).toBe(
          alg === 'HS256' ? 'algorithm' : 'signature',
        );
      }
    }
  });

  it('D03 is not verified by a symmetric key, even one the issuer publishes', async () => {
    const k = Buffer.from('a secret of thirty-two characters').toString('base64url');
    issuer.publish({ kty: 'oct', k, kid: 'one' });
    const header = JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: 'one' });
    const token = compact(header, good(), () => 'AAAA');

    expect(reasonOf(await verifier.verify(token))).toBe('unknown_key');
  });

  it('by a key for encryption, or for another algorithm, is refused', async () => {
    issuer.publish({ ...key.publicJwk, use: 'enc' });
    expect(reasonOf(await judge())).toBe('unknown_key');
    await keySet.close();
    verifier = create();
    issuer.publish({ ...key.publicJwk, alg: 'PS256' });
    expect(reasonOf(await judge())).toBe('unknown_key');
    await keySet.close();
    verifier = create();
    issuer.publish({ ...key.publicJwk, key_ops: ['encrypt'] });
    expect(reasonOf(await judge())).toBe('unknown_key');
  });

  it('by an RSA key that is too short is refused', async () => {
    const { generateKeyPairSync, createSign } = await import('node:crypto');
    const short = generateKeyPairSync('rsa', { modulusLength: 1024 });
    issuer.publish({
      ...(short.publicKey.export({ format: 'jwk' }) as object),
      kid: 'one',
    });
    const header = JSON.stringify({ alg: 'RS256', typ: 'at+jwt', kid: 'one' });
    const token = compact(header, good(), (input) =>
      createSign('sha256').update(input).sign(short.privateKey),
    );

    expect(reasonOf(await verifier.verify(token))).toBe('signature');
  });
});

describe('the key id', () => {
  it.each([
    '../../dev/null',
    "' OR 1=1--",
    '__proto__',
    'constructor',
    'http://127.0.0.1/',
    '',
    'ONE',
    'one ',
  ])('D05 %j leads to no key', async (kid) => {
    expect(reasonOf(await judge({}, { kid }))).toBe('unknown_key');
  });

  it.each([
    ['a number', '1'],
    ['an array', '["one"]'],
    ['null', 'null'],
    ['an object', '{"a":1}'],
    ['10 KB', JSON.stringify('x'.repeat(10_000))],
  ])('D05 that is %s is refused without a look at the keys', async (_what, kid) => {
    const token = compact(`{"alg":"RS256","typ":"at+jwt","kid":${kid}}`, good(), () => 'AAAA');

    expect(reasonOf(await verifier.verify(token))).toBe('malformed');
    expect(issuer.asked).toEqual([]);
  });

  it.each([
    '{"alg":"RS256","typ":"at+jwt","kid":"two","kid":"one"}',
    '{"alg":"none","alg":"RS256","typ":"at+jwt","kid":"one"}',
    '{"alg":"RS256","typ":"at+jwt","\\u006bid":"two","kid":"one"}',
  ])('D05 in the header %s, which says a thing twice, is refused', async (header) => {
    const { createSign, KeyObject } = await import('node:crypto');
    const privateKey = KeyObject.from(key.privateKey);
    const sign = (input: string) => createSign('sha256').update(input).sign(privateKey);
    const once = '{ "alg" : "RS256", "typ":"at+jwt", "kid":"one", "x":"a\\"b:c\\\\" }';

    expect(reasonOf(await verifier.verify(compact(header, good(), sign)))).toBe('malformed');
    expect(reasonOf(await verifier.verify(compact(once, good(), sign)))).toBe('accepted');
  });

  it('D05 hundreds of unknown ones make us ask the issuer no more than once', async () => {
    await judge();
    issuer.asked.length = 0;

    for (let i = 0; i < 100; i += 1) {
      expect(reasonOf(await judge({}, { kid: `unknown-${i}` }))).toBe('unknown_key');
    }

    expect(issuer.asked.length).toBeLessThanOrEqual(2);
  });

  it('may be missing when one of the keys fits', async () => {
    const second = await makeKey('two');
    issuer.publish(second.publicJwk, key.publicJwk);

    expect(reasonOf(await judge({}, { kid: undefined }))).toBe('accepted');
  });
});

describe('a key that a token brings along', () => {
  it('D06 is never looked at, and no address in a token is asked', async () => {
    const asked: string[] = [];
    const evil = await startLoopbackServer(() => (request, response) => {
      asked.push(request.url ?? '');
      response.end(JSON.stringify({ keys: [foreignKey.publicJwk] }));
    });
    const headers = [
      { jku: `${evil.url}/jwks` },
      { x5u: `${evil.url}/cert` },
      { jwk: foreignKey.publicJwk },
      { x5c: ['MIIB'] },
    ];

    for (const header of headers) {
      for (const kid of ['one', 'evil', undefined]) {
        const token = await signToken(foreignKey, good(), { ...header, kid });
        expect(await verifier.verify(token)).toMatchObject({ ok: false });
      }
    }

    expect(asked).toEqual([]);
    await evil.stop();
  });

  it('D06 does not harm a good token either', async () => {
    expect(reasonOf(await judge({}, { jku: 'http://127.0.0.1:1/', x5c: ['MIIB'] }))).toBe(
      'accepted',
    );
  });

  it('D06 what a token calls critical is not understood and therefore refused', async () => {
    const header = '{"alg":"RS256","typ":"at+jwt","kid":"one","crit":["x"],"x":1}';

    expect(reasonOf(await verifier.verify(compact(header, good(), () => 'AAAA')))).toBe(
      'malformed',
    );
  });
});

describe('the times', () => {
  it.each<[object, string]>([
    [{ exp: nowSeconds - 31 }, 'expired'],
    [{ exp: nowSeconds - 30 }, 'expired'],
    [{ exp: nowSeconds - 29 }, 'accepted'],
    [{ exp: undefined }, 'claims'],
    [{ exp: '9e9' }, 'claims'],
    [{ exp: String(nowSeconds + 300) }, 'claims'],
    [{ exp: 1e308 }, 'claims'],
    [{ exp: (nowSeconds + 300) * 1000 }, 'claims'],
    [{ exp: -1 }, 'claims'],
    [{ exp: null }, 'claims'],
    [{ exp: [nowSeconds + 300] }, 'claims'],
    [{ nbf: nowSeconds + 31 }, 'not_yet_valid'],
    [{ nbf: nowSeconds + 30 }, 'accepted'],
    [{ nbf: 'soon' }, 'claims'],
    [{ iat: nowSeconds + 31 }, 'not_yet_valid'],
    [{ iat: nowSeconds - 100, nbf: nowSeconds - 100 }, 'accepted'],
    [{ iat: {} }, 'claims'],
  ])('D07 %j: %s', async (claims, expected) => {
    expect(reasonOf(await judge(claims))).toBe(expected);
  });
});

describe('whom a token is from and for', () => {
  it.each<[object, string]>([
    [{ aud: 'https://other.test' }, 'audience'],
    [{ aud: ['https://other.test', `${audience}/`] }, 'audience'],
    [{ aud: ['https://other.test', audience] }, 'accepted'],
    [{ aud: [] }, 'audience'],
    [{ aud: undefined }, 'audience'],
    [{ aud: null }, 'audience'],
    [{ aud: { [audience]: true } }, 'audience'],
    [{ aud: [[audience]] }, 'audience'],
    [{ aud: audience.toUpperCase() }, 'audience'],
    [{ iss: 'https://evil.test' }, 'issuer'],
    [{ iss: undefined }, 'issuer'],
    [{ iss: null }, 'issuer'],
  ])('D08 %j: %s', async (claims, expected) => {
    expect(reasonOf(await judge(claims))).toBe(expected);
  });

  it('D08 an issuer with a slash more, or in a list, is another', async () => {
    expect(reasonOf(await judge({ iss: `${issuer.url}/` }))).toBe('issuer');
    expect(reasonOf(await judge({ iss: [issuer.url] }))).toBe('issuer');
    expect(issuer.asked).toEqual([]);
  });

  it("D08 our issuer's name under another issuer's signature is refused", async () => {
    const foreign = await signToken(foreignKey, good(), { kid: 'theirs' });

    expect(reasonOf(await verifier.verify(foreign))).toBe('unknown_key');
  });
});

describe('what is no access token for Bearer', () => {
  it.each<[object, Record<string, unknown>, string]>([
    [{ nonce: 'n' }, {}, 'id_token'],
    [{ at_hash: 'h' }, {}, 'id_token'],
    [{ c_hash: 'h' }, {}, 'id_token'],
    [{ typ: 'ID' }, { typ: 'JWT' }, 'id_token'],
    [{ typ: 'Refresh' }, { typ: 'JWT' }, 'id_token'],
    [{ typ: 'Bearer' }, { typ: 'JWT' }, 'accepted'],
    [{ cnf: { jkt: 'x' } }, {}, 'sender_constrained'],
    [{ cnf: { 'x5t#S256': 'x' } }, {}, 'sender_constrained'],
    [{ cnf: null }, {}, 'sender_constrained'],
    [{}, { typ: 'logout+jwt' }, 'type'],
    [{}, { typ: 'dpop+jwt' }, 'type'],
    [{}, { typ: undefined }, 'type'],
  ])('%j %j: %s', async (claims, header, expected) => {
    expect(reasonOf(await judge(claims, header))).toBe(expected);
  });
});

describe('scopes', () => {
  it.each<[object, readonly string[]]>([
    [{ scope: 'dicomweb.read dicomweb.write drawbridge.admin' }, ['read', 'write', 'admin']],
    [{ scope: ['dicomweb.read', 'dicomweb.write'] }, ['read', 'write']],
    [{ scope: undefined, scp: 'dicomweb.write' }, ['write']],
    [{ scope: undefined, scp: ['dicomweb.read'] }, ['read']],
    [{ scope: undefined, roles: ['drawbridge.admin'] }, ['admin']],
    [{ scope: undefined, roles: 'dicomweb.read' }, ['read']],
    [{ scope: 'openid', roles: ['dicomweb.read'] }, ['read']],
  ])('D15 are read from %j', async (claims, expected) => {
    expect(await judge(claims)).toMatchObject({ principal: { scopes: new Set(expected) } });
  });

  it.each<[object]>([
    [{ scope: 'dicomweb.readx' }],
    [{ scope: 'xdicomweb.read' }],
    [{ scope: 'DICOMWEB.READ' }],
    [{ scope: 'dicomweb.read,dicomweb.write' }],
    [{ scope: 'dicomweb.\u0433ead' }],
    [{ scope: 'dicomweb.read\u00a0' }],
    [{ scope: '' }],
    [{ scope: undefined }],
    [{ scope: ['dicomweb.read dicomweb.write'] }],
    [{ scope: [['dicomweb.read']] }],
    [{ scope: { 'dicomweb.read': true } }],
    [{ scope: undefined, roles: { 'dicomweb.read': true } }],
    [{ scope: undefined, permissions: ['dicomweb.read'] }],
  ])('D15 %j are none of ours', async (claims) => {
    expect(reasonOf(await judge(claims))).toBe('insufficient_scope');
  });

  it('are looked for only where the settings say', async () => {
    await keySet.close();
    verifier = create({ scopeClaims: ['permissions'] });

    expect(reasonOf(await judge())).toBe('insufficient_scope');
    expect(await judge({ permissions: ['dicomweb.read'] })).toMatchObject({ ok: true });
  });
});

describe('limits a token carries', () => {
  it.each<[object]>([
    [{ tenant: ['a'] }],
    [{ tenant: { name: 'a' } }],
    [{ tenant: '*' }],
    [{ tenant: '' }],
    [{ tenant: ' a' }],
    [{ tenant: null }],
    [{ tenant: 7 }],
    [{ tenant: '\uff41' }],
    [{ tenant: 'r\u0430diology' }],
    [{ tenant: 'a/b' }],
    [{ tenant: '..' }],
    [{ studies: '1.2.3' }],
    [{ studies: null }],
    [{ studies: {} }],
    [{ studies: ['1.2.3', 4] }],
    [{ studies: ['*'] }],
    [{ studies: ['1.2.3 '] }],
    [{ studies: ['1.2.\uff13'] }],
    [{ studies: Array.from({ length: 501 }, (_, i) => `1.2.${i + 1}`) }],
  ])('D15 %j give no access, and it is not called a matter of scope', async (claims) => {
    expect(reasonOf(await judge(claims))).toBe('claims');
  });

  it('are kept exactly', async () => {
    expect(await judge({ tenant: 'radiology.north-1', studies: [] })).toMatchObject({
      principal: { tenant: 'radiology.north-1', studies: new Set() },
    });
  });
});

describe('text that is hardly a token', () => {
  it.each([
    ['four segments', (token: string) => `${token}.AAAA`],
    ['two segments', (token: string) => token.split('.').slice(0, 2).join('.')],
    ['padding', (token: string) => token.replace('.', '=.')],
    ['white space', (token: string) => token.replace('.', ' .')],
    ['the other alphabet', (token: string) => `${token}+/`],
    ['a megabyte', (token: string) => token + 'A'.repeat(1_000_000)],
  ])('D12 with %s is refused at once', async (_what, change) => {
    const token = change(await signToken(key, good()));
    const begun = process.cpuUsage();

    expect(reasonOf(await verifier.verify(token))).toBe('malformed');
    expect(process.cpuUsage(begun).user).toBeLessThan(10_000);
  });

  it('D12 with claims a hundred levels deep is refused at once', async () => {
    const nested = (levels: number) => {
      const claims = `{"x":${'['.repeat(levels)}${']'.repeat(levels)}}`;
      const parts = ['{"alg":"RS256","typ":"at+jwt","kid":"one"}', claims];
      return [...parts.map((part) => Buffer.from(part).toString('base64url')), 'AAAA'].join('.');
    };

    for (const levels of [100, 5_000]) {
      const begun = process.cpuUsage();
      expect(reasonOf(await verifier.verify(nested(levels)))).toBe('malformed');
      expect(process.cpuUsage(begun).user).toBeLessThan(10_000);
    }
    expect(reasonOf(await judge({ x: [[[['a claim that is nested like some real ones']]]] }))).toBe(
      'accepted',
    );
  });

  it('takes a name for logs that breaks no line', async () => {
    const verdict = await judge({ sub: `a\n\u2028"b${'x'.repeat(100)}` });

    expect(verdict).toMatchObject({ principal: { displayName: `a??"b${'x'.repeat(59)}` } });
  });

  it.each([[{ sub: undefined }], [{ sub: '' }], [{ sub: 5 }]])(
    'says whose it is: %j',
    async (claims) => {
      expect(reasonOf(await judge(claims))).toBe('claims');
      expect(await judge({ ...claims, client_id: 'script' })).toMatchObject({
        principal: { subject: 'script' },
      });
    },
  );
});
