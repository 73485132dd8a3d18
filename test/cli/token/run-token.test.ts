import { chown, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runToken } from '../../../src/cli/token/run-token.ts';
import type { TokenOrder } from '../../../src/cli/token/token-order.ts';
import { localTokensFolder } from '../../../src/compose/authenticator.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { openLocalTokens } from '../../../src/oauth/open-authenticator.ts';
import { recordingIo } from '../../support/recording-io.ts';
import { uid } from '../../support/uid.ts';

const hour = 3_600_000;
const create: Extract<TokenOrder, { readonly kind: 'create' }> = {
  kind: 'create',
  scopes: ['read'],
  studies: [],
  tenant: undefined,
  subject: 'Dr Grey',
  lifetimeMs: hour,
  json: false,
};

let dataDir: string;
let clock: number;

beforeEach(async () => {
  clock = Date.UTC(2027, 0, 2, 3, 4, 5);
  dataDir = await mkdtemp(join(tmpdir(), 'drawbridge-token-'));
});
afterEach(() => rm(dataDir, { recursive: true }));

describe('drawbridge token create', () => {
  it('prints the token and nothing else, and the bridge accepts it as ordered', async () => {
    const running = await openLocalTokens(localTokensFolder(dataDir), () => clock);

    const { out, err } = await run({ ...create, studies: [uid('1.2.3')] });

    expect(out).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(err).toBe('');
    expect(await running.verify(out.trim())).toMatchObject({
      ok: true,
      principal: {
        subject: 'Dr Grey',
        scopes: new Set(['read']),
        studies: new Set(['1.2.3']),
        expiresAt: clock + hour,
      },
    });
  });

  it('says with --json all there is to know', async () => {
    const { out } = await run({ ...create, tenant: 'north', json: true });

    expect(JSON.parse(out)).toEqual({
      token: expect.stringMatching(/^eyJ/) as string,
      id: expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      subject: 'Dr Grey',
      scopes: ['read'],
      tenant: 'north',
      createdAt: '2027-01-02T03:04:05.000Z',
      expiresAt: '2027-01-02T04:04:05.000Z',
    });
  });

  it('makes no token that the bridge would refuse', async () => {
    const settings = { HTTP_AUTH: 'oidc', OIDC_ISSUER: 'https://idp.test' };

    await expect(run(create, settings)).rejects.toThrow('DRAWBRIDGE_HTTP_AUTH does not have local');
    expect((await run({ kind: 'list', json: true }, settings)).out).toBe('[]\n');
  });

  it('leaves key and records to their owner alone', async () => {
    await run(create);

    const folder = localTokensFolder(dataDir);
    for (const name of await readdir(folder, { recursive: true })) {
      expect((await stat(join(folder, name))).mode & 0o077).toBe(0);
    }
  });

  it.runIf(process.getuid?.() === 0)('does nothing as another user than the bridge', async () => {
    await chown(dataDir, 4242, 4242);

    await expect(run(create)).rejects.toThrow(/may only be used by user id 4242/);
    expect(await readdir(dataDir)).toEqual([]);
  });
});

describe('drawbridge token list', () => {
  it('says so when there are none', async () => {
    expect((await run({ kind: 'list', json: false })).out).toBe('No tokens were made here.\n');
  });

  it('tells the tokens apart by all but themselves', async () => {
    const token = (await run({ ...create, studies: [uid('1.2.3')] })).out.trim();
    clock += hour;
    await run({ ...create, subject: 'script', scopes: ['read', 'write'], lifetimeMs: 2 * hour });
    clock += 60_000;

    const { out } = await run({ kind: 'list', json: false });

    expect(out.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')).toBe(
      [
        'TOKEN                                 NAME     SCOPE       STUDIES  TENANT  STATE',
        'ID  script   read,write  all              valid, 1h 59m left',
        'ID  Dr Grey  read        1                expired',
        '',
      ].join('\n'),
    );
    expect(out).not.toContain(token);
    expect((await run({ kind: 'list', json: true })).out).not.toContain(token);
  });
});

describe('drawbridge token revoke', () => {
  it('ends a token for a bridge that runs', async () => {
    const running = await openLocalTokens(localTokensFolder(dataDir), () => clock);
    const token = (await run(create)).out.trim();
    expect((await running.verify(token)).ok).toBe(true);
    const [listed] = JSON.parse((await run({ kind: 'list', json: true })).out) as [{ id: string }];

    const { out } = await run({ kind: 'revoke', id: listed.id, json: false });
    clock += 1_000;

    expect(out).toBe(`${listed.id} is revoked.\n`);
    expect(await running.verify(token)).toMatchObject({ ok: false, reason: 'revoked' });
    expect((await run({ kind: 'list', json: true })).out).toContain('"state": "revoked"');
  });

  it.each(['5f0c4a52-7f0e-4d0a-9a57-0d1f6b1f3c7e', '../made', ''])(
    'knows only tokens that were made here, not %j',
    async (id) => {
      await expect(run({ kind: 'revoke', id, json: false })).rejects.toThrow(
        'no such token was made here',
      );
    },
  );
});

async function run(order: TokenOrder, settings: Readonly<Record<string, string>> = {}) {
  const io = recordingIo();
  const environment = Object.fromEntries(
    Object.entries({ DATA_DIR: dataDir, ...settings }).map(([name, value]) => [
      `DRAWBRIDGE_${name}`,
      value,
    ]),
  );
  const { config } = loadConfig(environment, { readFile: () => '' });
  const exitCode = await runToken(order, { config, io, now: () => clock });
  expect(exitCode).toBe(0);
  return { out: io.out(), err: io.err() };
}
