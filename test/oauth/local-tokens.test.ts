import { SignJWT, decodeJwt, generateKeyPair } from 'jose';
import {
  chmod,
  mkdtemp,
  readFile,
  readdir,
  rename,
  rm,
  stat,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { localIssuer } from '../../src/oauth/local-token-claims.ts';
import { openLocalKey } from '../../src/oauth/local-token-key.ts';
import type { LocalTokenWish, LocalTokens } from '../../src/oauth/local-tokens.ts';
import { openLocalTokens } from '../../src/oauth/open-authenticator.ts';
import type { TokenVerdict } from '../../src/oauth/token-verdict.ts';
import { uid } from '../support/uid.ts';

const hour = 60 * 60 * 1000;
const day = 24 * hour;

let folder: string;
let clock: number;
let tokens: LocalTokens;

beforeEach(async () => {
  clock = 1_800_000_000_000;
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-tokens-'));
  ({ tokens } = await open());
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** As a second process would see the folder. */
async function open() {
  const now = () => clock;
  return { tokens: await openLocalTokens(folder, now), key: await openLocalKey(folder) };
}

const wish = (changes: Partial<LocalTokenWish> = {}): LocalTokenWish => ({
  subject: 'research script',
  scopes: ['read', 'write'],
  expiresAt: clock + hour,
  ...changes,
});

function reasonOf(verdict: TokenVerdict): string {
  return verdict.ok ? 'accepted' : verdict.reason;
}

describe('a token of this bridge', () => {
  it('makes the principal that was asked for', async () => {
    const studies = [uid('1.2.3')];
    const { token, record } = await tokens.create(wish({ studies, tenant: 'north' }));

    expect(await tokens.verify(token)).toEqual({
      ok: true,
      principal: {
        subject: 'research script',
        issuer: localIssuer,
        displayName: 'research script',
        scopes: new Set(['read', 'write']),
        tenant: 'north',
        studies: new Set(studies),
        tokenId: record.id,
        expiresAt: clock + hour,
      },
    });
  });

  it('is good after a restart, until its end', async () => {
    const { token } = await tokens.create(wish());
    const { tokens: later } = await open();

    clock += hour - 1;
    expect(reasonOf(await later.verify(token))).toBe('accepted');
    clock += 1;
    expect(reasonOf(await later.verify(token))).toBe('expired');
  });

  it('of another bridge is refused, and so is one signed by whoever knows our names', async () => {
    const { token } = await tokens.create(wish());
    await rename(join(folder, 'signing-key.json'), join(folder, 'old.json'));
    const { tokens: other, key } = await open();
    expect(reasonOf(await other.verify(token))).toBe('unknown_key');

    const { privateKey } = await generateKeyPair('EdDSA');
    const forged = await new SignJWT(decodeJwt(token))
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: key.keyId })
      .sign(privateKey);
    expect(reasonOf(await other.verify(forged))).toBe('signature');
  });

  it('without an id could not be revoked and is refused', async () => {
    const { key } = await open();
    const token = await new SignJWT({ scope: 'read' })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: key.keyId })
      .setIssuer(localIssuer)
      .setAudience(localIssuer)
      .setSubject('x')
      .setExpirationTime(clock / 1000 + 60)
      .sign(key.privateKey);

    expect(reasonOf(await tokens.verify(token))).toBe('revoked');
  });

  it.each<[string, Partial<LocalTokenWish>]>([
    ['without a scope', { scopes: [] }],
    ['for nobody', { subject: '' }],
    ['that has ended', { expiresAt: 1_000 }],
    ['that never ends', { expiresAt: Number.MAX_SAFE_INTEGER }],
    ['of a tenant no name can be', { tenant: '*' }],
  ])('%s is not made', async (_what, changes) => {
    await expect(tokens.create(wish(changes))).rejects.toThrow(/no such token can be made/);
    expect(await tokens.list()).toEqual([]);
  });
});

describe('a revoked token', () => {
  it('is refused at once where it was revoked, and within a second elsewhere', async () => {
    const { token, record } = await tokens.create(wish());
    const { token: unharmed } = await tokens.create(wish());
    const running = await open();
    expect(reasonOf(await running.tokens.verify(token))).toBe('accepted');
    expect(reasonOf(await tokens.verify(token))).toBe('accepted');

    expect(await tokens.revoke(record.id)).toBe(true);

    expect(reasonOf(await tokens.verify(token))).toBe('revoked');
    clock += 1_000;
    expect(reasonOf(await running.tokens.verify(token))).toBe('revoked');
    expect(reasonOf(await running.tokens.verify(unharmed))).toBe('accepted');
    expect(reasonOf(await (await open()).tokens.verify(token))).toBe('revoked');
  });

  it('is seen though its folder shows no later time', async () => {
    const { token, record } = await tokens.create(wish());
    const running = await open();
    await running.tokens.verify(token);
    const { atime, mtime } = await stat(join(folder, 'revoked'));

    await tokens.revoke(record.id);
    await utimes(join(folder, 'revoked'), atime, mtime);

    clock += 1_000;
    expect(reasonOf(await running.tokens.verify(token))).toBe('revoked');
  });

  it('D11 nobody can be told from good ones while the list cannot be read', async () => {
    const { token } = await tokens.create(wish());
    await rename(join(folder, 'revoked'), join(folder, 'away'));

    expect(await tokens.verify(token)).toMatchObject({ reason: 'unavailable', temporary: true });
  });

  it.each(['', '..', '../signing-key', 'unknown', '00000000-0000-4000-8000-000000000000'])(
    'cannot be %j, which was never made',
    async (id) => {
      expect(await tokens.revoke(id)).toBe(false);
      expect(await readdir(join(folder, 'revoked'))).toEqual([]);
    },
  );
});

describe('the list of tokens', () => {
  it('tells everything but the tokens', async () => {
    const first = await tokens.create(wish({ subject: 'first', expiresAt: clock + 1_000 }));
    clock += 10_000;
    const second = await tokens.create(wish({ subject: 'second', studies: [uid('1.2')] }));
    clock += 10_000;
    const third = await tokens.create(wish({ subject: 'third', tenant: 'north' }));
    await tokens.revoke(second.record.id);

    const listed = await tokens.list();

    expect(listed.map(({ subject, state }) => `${subject} ${state}`)).toEqual([
      'third valid',
      'second revoked',
      'first expired',
    ]);
    expect(listed[1]).toMatchObject({ studies: ['1.2'], scopes: ['read', 'write'] });
    const files = (await readdir(folder, { recursive: true })).filter((name) =>
      /made\/|revoked\//.test(name),
    );
    expect(files).toHaveLength(4);
    for (const name of files) {
      const text = await readFile(join(folder, name), 'utf8');
      for (const { token } of [first, second, third]) {
        expect(text).not.toContain(token.split('.')[2]);
      }
      expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    }
  });

  it('forgets what ended long ago, revoked or not', async () => {
    const { record } = await tokens.create(wish());
    await tokens.revoke(record.id);
    clock += 31 * day;
    await tokens.create(wish({ subject: 'today' }));

    expect((await tokens.list()).map(({ subject }) => subject)).toEqual(['today']);
    expect(await readdir(join(folder, 'revoked'))).toEqual([]);
  });
});

describe('the key', () => {
  it('is its owner’s alone, and leaves no draft behind', async () => {
    expect((await stat(join(folder, 'signing-key.json'))).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).sort()).toEqual(['made', 'revoked', 'signing-key.json']);
  });

  it('is one, however many make it at the same moment', async () => {
    const fresh = await mkdtemp(join(tmpdir(), 'drawbridge-key-'));

    const keys = await Promise.all(Array.from({ length: 10 }, () => openLocalKey(fresh)));

    expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(1);
    expect(await readdir(fresh)).toEqual(['signing-key.json']);
    await rm(fresh, { recursive: true });
  });

  it('that anybody may read is not used', async () => {
    await chmod(join(folder, 'signing-key.json'), 0o644);

    await expect(openLocalKey(folder)).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('make it 0600') as string,
    });
  });

  it.each(['', '{', '{"kty":"oct","k":"AAAA"}', '{"kty":"OKP","crv":"Ed25519","x":"AAAA"}'])(
    'that is %j is said to be none, and is not replaced',
    async (text) => {
      await writeFile(join(folder, 'signing-key.json'), text);

      await expect(openLocalKey(folder)).rejects.toMatchObject({
        code: 'configuration_invalid',
        message: expect.stringContaining('is no key') as string,
      });
      expect(await readFile(join(folder, 'signing-key.json'), 'utf8')).toBe(text);
    },
  );
});
