import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { check } from '../../../src/cli/check/check.ts';
import type { ProbeResult } from '../../../src/cli/check/run-probes.ts';
import { findFreePort, temporaryFolder } from '../../peers/peer.ts';
import { startIdentityProvider } from '../../peers/identity-provider.ts';
import type { IdentityProvider } from '../../peers/identity-provider.ts';
import { startLoopbackServer } from '../../peers/loopback-server.ts';
import { recordingIo } from '../../support/recording-io.ts';

describe('drawbridge check, the issuer of access tokens', () => {
  let provider: IdentityProvider;
  beforeAll(async () => {
    provider = await startIdentityProvider({ audience: 'https://bridge.test/dicom-web' });
  });
  afterAll(() => provider.stop());

  it('is passed over where no issuer is believed', async () => {
    const results = await run({});

    expect(results.filter(({ id }) => id.startsWith('issuer.'))).toHaveLength(5);
    for (const { id, outcome } of results) {
      if (id.startsWith('issuer.')) expect(outcome).toBe('skipped');
    }
  });

  it('is well when it is reached and shows its keys', async () => {
    const results = await run({ OIDC_ISSUER: provider.issuer });

    expect(of(results, 'issuer.tcp').outcome).toBe('ok');
    expect(of(results, 'issuer.keys')).toMatchObject({ outcome: 'ok', facts: { keys: 1 } });
  });

  it('fails when it calls itself by another name than the one that was set', async () => {
    const results = await run({ OIDC_ISSUER: `${provider.issuer}/` });

    expect(of(results, 'issuer.keys')).toMatchObject({
      outcome: 'failed',
      found: `The issuer calls itself "${provider.issuer}", and its tokens do so too.`,
      advice: 'Set DRAWBRIDGE_OIDC_ISSUER to that, to the last slash.',
    });
  });

  it.each([
    ['OIDC_ISSUER', 'gives no metadata', 'DRAWBRIDGE_OIDC_ISSUER'],
    ['OIDC_JWKS_URL', 'There are no keys', 'DRAWBRIDGE_OIDC_JWKS_URL'],
  ])('fails where %s leads to something else', async (name, found, advice) => {
    const server = await startLoopbackServer(
      () => (_request, response) => response.end('<html>welcome</html>'),
    );
    onTestFinished(() => server.stop());

    const results = await run({ OIDC_ISSUER: provider.issuer, [name]: server.url });

    expect(of(results, 'issuer.keys').outcome).toBe('failed');
    expect(of(results, 'issuer.keys').found).toContain(found);
    expect(of(results, 'issuer.keys').advice).toContain(advice);
  });

  it('is not asked for keys when it cannot be reached', async () => {
    const results = await run({ OIDC_ISSUER: `http://127.0.0.1:${await findFreePort()}` });

    expect(of(results, 'issuer.tcp').outcome).toBe('failed');
    expect(of(results, 'issuer.keys').outcome).toBe('skipped');
  });
});

function of(results: readonly ProbeResult[], id: string): ProbeResult {
  const result = results.find((each) => each.id === id);
  if (result === undefined) throw new Error(`no probe ${id}`);
  return result;
}

async function run(settings: Readonly<Record<string, string>>): Promise<readonly ProbeResult[]> {
  const folder = await temporaryFolder('check');
  onTestFinished(() => folder.remove());
  const all = {
    ...{ DATA_DIR: folder.path, SPOOL_MIN_FREE: '1MiB', DIMSE_PORT: 'off' },
    ...{ HTTP_PORT: 'off', OPS_PORT: 'off', ...settings },
    ...(settings['OIDC_ISSUER'] !== undefined && { HTTP_AUTH: 'oidc' }),
  };
  const environment = Object.fromEntries(
    Object.entries(all).map(([name, value]) => [`DRAWBRIDGE_${name}`, value]),
  );
  const io = recordingIo();
  await check({ json: true, write: false }, { io, environment, readFile: () => '' });
  return JSON.parse(io.out()) as readonly ProbeResult[];
}
