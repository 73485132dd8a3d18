import { createServer } from 'node:http';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { check } from '../../../src/cli/check/check.ts';
import type { ProbeResult } from '../../../src/cli/check/run-probes.ts';
import { startArchiveSide } from '../../journeys/support/deployment.ts';
import type { ArchiveSide } from '../../journeys/support/deployment.ts';
import { archiveSettings } from '../../journeys/support/deployment.ts';
import { startLoopbackServer } from '../../peers/loopback-server.ts';
import { PeerGroup, findFreePort, peersSkipped, temporaryFolder } from '../../peers/peer.ts';
import { createAuthority } from '../../support/certificates.ts';
import type { CertificateAuthority } from '../../support/certificates.ts';
import { recordingIo } from '../../support/recording-io.ts';

describe('drawbridge check without an archive', () => {
  it('finds nothing wrong with a new folder and free ports, and leaves nothing behind', async () => {
    const { exitCode, results, dataDir } = await run({});

    expect(exitCode).toBe(0);
    expect(results.filter(({ outcome }) => outcome === 'failed')).toEqual([]);
    expect(of(results, 'data.folder').outcome).toBe('ok');
    expect(of(results, 'dimse.port').found).toContain('is free');
    expect(of(results, 'archive.store')).toMatchObject({ outcome: 'skipped' });
    expect(of(results, 'archive.store').found).toContain('embedded archive');
    await expect(import('node:fs/promises').then((fs) => fs.readdir(dataDir))).resolves.toEqual([]);
  });

  it('names each problem of a configuration, shows what was not tried, and ends with 78', async () => {
    const { exitCode, results } = await run({ DIMSE_PORT: 'many', UPSTREAM_AUTH: 'magic' });

    expect(exitCode).toBe(78);
    expect(results[0]).toMatchObject({ id: 'configuration', outcome: 'failed' });
    expect(results[0]?.found).toContain('DRAWBRIDGE_DIMSE_PORT got "many"');
    expect(results[0]?.found).toContain('DRAWBRIDGE_UPSTREAM_AUTH');
    expect(new Set(results.slice(1).map(({ outcome }) => outcome))).toEqual(new Set(['skipped']));
  });

  it('names a certificate file that cannot be read among the problems', async () => {
    const { exitCode, results } = await run({
      UPSTREAM_URL: 'https://127.0.0.1:1/dicom-web',
      UPSTREAM_TLS_CA: '/nowhere/ca.pem',
    });

    expect(exitCode).toBe(78);
    expect(results[0]?.found).toContain('DRAWBRIDGE_UPSTREAM_TLS_CA');
  });

  it('tells a port that something else has taken', async () => {
    const server = createServer((_request, response) => response.end('hello'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const port = String((server.address() as { readonly port: number }).port);

    const { exitCode, results } = await run({ OPS_PORT: port });

    expect(exitCode).toBe(1);
    expect(of(results, 'operations.port')).toMatchObject({
      outcome: 'failed',
      found: `Port ${port} on 127.0.0.1 is taken by something else.`,
    });
    expect(of(results, 'operations.port').advice).toContain('DRAWBRIDGE_OPS_PORT');
  });

  it('tells a folder nothing can be written in, and does not measure it', async () => {
    const { exitCode, results } = await run({ DATA_DIR: '/proc/drawbridge' });

    expect(exitCode).toBe(1);
    expect(of(results, 'data.folder').outcome).toBe('failed');
    expect(of(results, 'data.folder').advice).toContain('DRAWBRIDGE_DATA_DIR');
    expect(of(results, 'data.sync').found).toBe('Not tried, because “Data folder” failed.');
  });

  it('tells a disk with less free space than shall stay free', async () => {
    const { results } = await run({ SPOOL_MIN_FREE: '1000TB' });

    expect(of(results, 'data.space')).toMatchObject({ outcome: 'failed' });
    expect(of(results, 'data.space').advice).toContain('DRAWBRIDGE_SPOOL_MIN_FREE');
  });

  it('warns of a data folder others can look into', async () => {
    const folder = await temporaryFolder('open');
    onTestFinished(() => folder.remove());
    await mkdir(join(folder.path, 'data'), { mode: 0o755 });

    const { results } = await run({ DATA_DIR: join(folder.path, 'data') });

    expect(of(results, 'data.folder')).toMatchObject({ outcome: 'warning' });
    expect(of(results, 'data.folder').advice).toContain('chmod 700');
  });
});

describe('drawbridge check on the way to an archive', () => {
  let authority: CertificateAuthority;
  beforeAll(async () => {
    authority = await createAuthority('Hospital CA');
  });
  afterAll(() => authority.remove());

  it('tells a name without an address from a port without a listener', async () => {
    const unknown = await run({ UPSTREAM_URL: 'https://no-such-host.invalid/dicom-web' });
    const silent = await run({
      UPSTREAM_URL: `http://127.0.0.1:${await findFreePort()}/dicom-web`,
    });

    expect(of(unknown.results, 'archive.dns').outcome).toBe('failed');
    expect(of(unknown.results, 'archive.dns').advice).toContain('DRAWBRIDGE_UPSTREAM_URL');
    expect(of(unknown.results, 'archive.tcp').outcome).toBe('skipped');
    expect(of(silent.results, 'archive.tcp').found).toContain('nothing listens');
    expect(of(silent.results, 'archive.search').found).toContain('Connection (TCP)');
  });

  it.each([
    ['unknown-authority', {}, false, 'DRAWBRIDGE_UPSTREAM_TLS_CA'],
    ['expired', { days: -1 }, true, 'renew'],
    ['other-host', { altNames: 'DNS:other.example' }, true, 'DRAWBRIDGE_UPSTREAM_URL'],
  ] as const)('tells a certificate apart that is: %s', async (problem, request, trusted, word) => {
    const { cert, key } = await authority.issue(request);
    const server = await startLoopbackServer(() => (_q, answer) => answer.end('[]'), { cert, key });
    onTestFinished(() => server.stop());

    const { exitCode, results } = await run({
      UPSTREAM_URL: `${server.url}/dicom-web`,
      ...(trusted && { UPSTREAM_TLS_CA: authority.certFile }),
    });

    expect(exitCode).toBe(1);
    expect(of(results, 'archive.tls')).toMatchObject({ outcome: 'failed', facts: { problem } });
    expect(of(results, 'archive.tls').found).toContain('Hospital CA');
    expect(of(results, 'archive.tls').advice).toContain(word);
    expect(of(results, 'archive.search').outcome).toBe('skipped');
  });

  it('shows a good chain, warns of its near end and of a clock that is off', async () => {
    const { cert, key } = await authority.issue();
    const inTenMinutes = new Date(Date.now() + 600_000).toUTCString();
    const server = await startLoopbackServer(
      () => (_question, answer) => {
        answer.writeHead(200, { date: inTenMinutes, 'content-type': 'application/dicom+json' });
        answer.end('[]');
      },
      { cert, key },
    );
    onTestFinished(() => server.stop());

    const { exitCode, results } = await run({
      UPSTREAM_URL: `${server.url}/dicom-web`,
      UPSTREAM_TLS_CA: authority.certFile,
    });

    expect(exitCode).toBe(0);
    expect(of(results, 'archive.tls')).toMatchObject({ outcome: 'warning' });
    expect(of(results, 'archive.tls').facts?.['chain']).toEqual(['localhost', 'Hospital CA']);
    expect(of(results, 'archive.clock').found).toContain('10 min ahead of ours');
    expect(of(results, 'archive.search').outcome).toBe('ok');
  });

  it.each([
    [401, 'does not accept our credentials', 'failed'],
    [403, 'we may not search', 'warning'],
    [404, 'no search service', 'failed'],
    [302, 'sends us elsewhere', 'failed'],
    [503, 'cannot answer at the moment', 'failed'],
  ] as const)('tells HTTP %d to a search: %s', async (status, words, outcome) => {
    const server = await startLoopbackServer(() => (_question, answer) => {
      answer.writeHead(status, { location: 'https://login.example/secret?code=1' }).end('patient');
    });
    onTestFinished(() => server.stop());

    const { results, text } = await run({ UPSTREAM_URL: server.url });

    expect(of(results, 'archive.search').outcome).toBe(outcome);
    expect(of(results, 'archive.search').found).toContain(words);
    expect(text).not.toMatch(/code=1|"patient"/);
  });
});

describe.skipIf(peersSkipped)('drawbridge check with Orthanc behind OAuth', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  beforeAll(async () => {
    archive = await startArchiveSide(peers);
  }, 60_000);
  afterAll(() => peers.stop());

  it('shows what the token says, never the token, and stores nothing', async () => {
    const settings = archiveSettings(archive);
    const { exitCode, results, text } = await run(settings);

    expect(exitCode).toBe(0);
    expect(of(results, 'token')).toMatchObject({
      outcome: 'ok',
      facts: { iss: archive.identityProvider.issuer, aud: archive.identityProvider.audience },
    });
    expect(of(results, 'archive.search').outcome).toBe('ok');
    expect(of(results, 'archive.store').found).toContain('We may store');
    expect(await archive.orthanc.instances()).toEqual([]);
    expect(text).not.toMatch(/eyJ/);
    expect(text).not.toContain(settings['UPSTREAM_CLIENT_SECRET']);
  });

  it('tells a wrong client secret, and does not ask the archive', async () => {
    const { exitCode, results, text } = await run({
      ...archiveSettings(archive),
      UPSTREAM_CLIENT_SECRET: 'wrong-as-can-be',
    });

    expect(exitCode).toBe(1);
    expect(of(results, 'token')).toMatchObject({ outcome: 'failed' });
    expect(of(results, 'token').advice).toContain('DRAWBRIDGE_UPSTREAM_CLIENT_SECRET');
    expect(of(results, 'archive.store').found).toContain('“Token” failed');
    expect(text).not.toContain('wrong-as-can-be');
  });

  it('tells a client that may search, but not store', async () => {
    const { exitCode, results } = await run({
      ...archiveSettings(archive),
      UPSTREAM_SCOPE: 'dicomweb.read',
    });

    expect(exitCode).toBe(1);
    expect(of(results, 'archive.search').outcome).toBe('ok');
    expect(of(results, 'archive.store')).toMatchObject({
      outcome: 'failed',
      facts: { status: 403 },
    });
    expect(of(results, 'archive.store').found).toContain('insufficient_scope');
  });

  it('stores one recognisable object with --write and finds it again', async () => {
    const { exitCode, results } = await run(archiveSettings(archive), { write: true });

    expect(exitCode).toBe(0);
    expect(of(results, 'archive.store').found).toContain('DRAWBRIDGE^CHECK');
    expect(await archive.orthanc.instances()).toHaveLength(1);
  });
});

function of(results: readonly ProbeResult[], id: string): ProbeResult {
  const result = results.find((each) => each.id === id);
  if (result === undefined) throw new Error(`no probe ${id}`);
  return result;
}

async function run(
  settings: Readonly<Record<string, string | undefined>>,
  { write = false }: { readonly write?: boolean } = {},
) {
  const folder = await temporaryFolder('check');
  onTestFinished(() => folder.remove());
  const all = {
    DATA_DIR: folder.path,
    DIMSE_PORT: String(await findFreePort()),
    HTTP_PORT: String(await findFreePort()),
    OPS_PORT: String(await findFreePort()),
    SPOOL_MIN_FREE: '1MiB',
    ...settings,
  };
  const environment = Object.fromEntries(
    Object.entries(all).map(([name, value]) => [`DRAWBRIDGE_${name}`, value]),
  );
  const io = recordingIo();
  const exitCode = await check({ json: true, write }, { io, environment, readFile: () => '' });
  const text = io.out() + io.err();
  const results = JSON.parse(io.out()) as readonly ProbeResult[];
  return { exitCode, results, text, dataDir: folder.path };
}
