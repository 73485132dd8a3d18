import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startBridge } from '../../../src/bridge.ts';
import { check } from '../../../src/cli/check/check.ts';
import type { ProbeResult } from '../../../src/cli/check/run-probes.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';
import { findFreePort, temporaryFolder } from '../../peers/peer.ts';
import { createAuthority } from '../../support/certificates.ts';
import type { CertificateAuthority } from '../../support/certificates.ts';
import { recordingIo } from '../../support/recording-io.ts';

type Settings = Readonly<Record<string, string>>;

let authority: CertificateAuthority;
beforeAll(async () => {
  authority = await createAuthority();
});
afterAll(() => authority.remove());

describe('drawbridge check, the certificate of the HTTP front', () => {
  it('is passed over where there is none', async () => {
    expect(await findingOf(await settings())).toMatchObject({ outcome: 'skipped' });
  });

  it('is good when it is for the address clients use', async () => {
    const own = await settings({ certificate: { days: 100 } });
    const named = await settings({
      certificate: { days: 100, altNames: 'DNS:pacs.example.org' },
      publicUrl: 'https://pacs.example.org',
    });

    expect(await findingOf(own)).toMatchObject({ outcome: 'ok', facts: { daysLeft: 99 } });
    expect((await findingOf(named)).found).toContain('is for pacs.example.org, and good for 99');
  });

  it('is warned of when it ends soon', async () => {
    expect(await findingOf(await settings({ certificate: { days: 5 } }))).toMatchObject({
      outcome: 'warning',
    });
  });

  it('fails when it is for somebody else, over, or no certificate at all', async () => {
    const other = await settings({
      certificate: {},
      publicUrl: 'https://pacs.example.org',
    });
    const over = await settings({ certificate: { days: -1 } });

    const [forSomebodyElse, expired, missing] = await Promise.all([
      findingOf(other),
      findingOf(over),
      findingOf({ ...other, HTTP_TLS_CERT: '/nowhere.pem' }),
    ]);

    expect(forSomebodyElse.found).toContain('clients come to pacs.example.org');
    expect(forSomebodyElse.advice).toContain('DRAWBRIDGE_HTTP_PUBLIC_URL');
    expect(expired).toMatchObject({ outcome: 'failed', found: 'The certificate has expired.' });
    expect(missing).toMatchObject({
      outcome: 'failed',
      found: '/nowhere.pem is not a readable PEM file.',
      advice: 'Set DRAWBRIDGE_HTTP_TLS_CERT to what is.',
    });
  });

  it('does not stand in the way of finding the bridge that shows it', async () => {
    const given = await settings({ certificate: {} });
    const bridge = await startBridge(configOf(given), silentLogger);
    onTestFinished(() => bridge.stop());

    const results = await resultsOf(given);

    expect(results.find(({ id }) => id === 'http.port')).toMatchObject({
      outcome: 'ok',
      facts: { answers: true },
    });
  });
});

async function settings({
  certificate,
  publicUrl,
}: {
  readonly certificate?: Parameters<CertificateAuthority['issue']>[0];
  readonly publicUrl?: string;
} = {}): Promise<Settings> {
  const folder = await temporaryFolder('check');
  onTestFinished(() => folder.remove());
  const issued = certificate && (await authority.issue(certificate));
  return {
    ...{ DATA_DIR: folder.path, SPOOL_MIN_FREE: '1MiB', DIMSE_PORT: 'off', OPS_PORT: 'off' },
    HTTP_PORT: String(await findFreePort()),
    ...(issued && { HTTP_TLS_CERT: issued.certFile, HTTP_TLS_KEY: issued.keyFile }),
    ...(publicUrl !== undefined && { HTTP_PUBLIC_URL: publicUrl }),
  };
}

function environmentOf(given: Settings): Settings {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`DRAWBRIDGE_${name}`, value]),
  );
}

function configOf(given: Settings) {
  return loadConfig(environmentOf(given), { readFile: () => '' }).config;
}

async function resultsOf(given: Settings): Promise<readonly ProbeResult[]> {
  const io = recordingIo();
  const environment = environmentOf(given);
  await check({ json: true, write: false }, { io, environment, readFile: () => '' });
  return JSON.parse(io.out()) as readonly ProbeResult[];
}

async function findingOf(given: Settings): Promise<ProbeResult> {
  const found = (await resultsOf(given)).find(({ id }) => id === 'http.certificate');
  if (found === undefined) throw new Error('there is no such probe');
  return found;
}
