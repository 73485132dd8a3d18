import { once } from 'node:events';
import { copyFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import type { RequestOptions } from 'node:https';
import { request as requestPlain } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { startBridge } from '../../src/bridge.ts';
import type { Bridge } from '../../src/bridge.ts';
import { localTokensFolder } from '../../src/compose/authenticator.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { ConfigurationError } from '../../src/errors/configuration-error.ts';
import { openLocalTokens } from '../../src/oauth/open-authenticator.ts';
import { temporaryFolder } from '../peers/peer.ts';
import type { TemporaryFolder } from '../peers/peer.ts';
import { createAuthority } from '../support/certificates.ts';
import type { CertificateAuthority } from '../support/certificates.ts';
import { buildPart10 } from '../support/dicom-object.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import type { RecordingLogger } from '../support/recording-logger.ts';

let authority: CertificateAuthority;
let folder: TemporaryFolder;
let bridge: Bridge | undefined;
let log: RecordingLogger;

beforeAll(async () => {
  authority = await createAuthority();
});
beforeEach(async () => {
  folder = await temporaryFolder('front');
  log = recordingLogger();
});
afterEach(async () => {
  await bridge?.stop();
  bridge = undefined;
  vi.useRealTimers();
  await folder.remove();
});
afterAll(() => authority.remove());

describe('the front of a bridge', () => {
  it('lets in whoever has a token, and tells everybody else where to get one', async () => {
    const { publicRoot = '' } = await start();
    const token = await makeToken();

    const stranger = await fetch(`${publicRoot}/studies`);
    const known = await fetch(`${publicRoot}/studies`, bearer(token));
    const [, metadataUrl = ''] =
      /resource_metadata="([^"]+)"/.exec(stranger.headers.get('WWW-Authenticate') ?? '') ?? [];
    const metadata = await fetch(metadataUrl);

    expect([stranger.status, known.status]).toEqual([401, 200]);
    expect(await known.json()).toEqual([]);
    expect(metadataUrl).toBe(
      publicRoot.replace('/dicom-web', '/.well-known/oauth-protected-resource/dicom-web'),
    );
    expect(await metadata.json()).toEqual({
      resource: publicRoot,
      bearer_methods_supported: ['header'],
      resource_name: 'Drawbridge DICOMweb',
    });
  });

  it('names the issuer and the scopes where there is one, and its public address', async () => {
    const { ports } = await start({
      HTTP_PUBLIC_URL: 'https://pacs.example.org',
      DICOMWEB_ROOT: '/rs',
      HTTP_AUTH: 'oidc,local',
      OIDC_ISSUER: 'https://idp.example.org',
    });
    const at = `http://127.0.0.1:${ports.http ?? 0}`;

    const metadata = await fetch(`${at}/.well-known/oauth-protected-resource/rs`);

    expect(bridge?.publicRoot).toBe('https://pacs.example.org/rs');
    expect(metadata.headers.get('Access-Control-Allow-Origin')).toBe('*');
    expect(await metadata.json()).toMatchObject({
      resource: 'https://pacs.example.org/rs',
      authorization_servers: ['https://idp.example.org'],
      scopes_supported: ['dicomweb.read', 'dicomweb.write'],
    });
    expect((await fetch(`${at}/rs/studies`)).status).toBe(401);
    expect((await fetch(`${at}/dicom-web/studies`)).status).toBe(404);
  });

  it('refuses a token that somebody revokes while it runs', async () => {
    const { publicRoot = '' } = await start();
    const tokens = await openLocalTokens(localTokensFolder(folder.path), Date.now);
    const { token, record } = await tokens.create({
      ...{ subject: 'script', scopes: ['read'] },
      expiresAt: Date.now() + 60_000,
    });
    const status = async () => (await fetch(`${publicRoot}/studies`, bearer(token))).status;
    expect(await status()).toBe(200);

    await tokens.revoke(record.id);

    await vi.waitFor(async () => expect(await status()).toBe(401), { timeout: 30_000 });
  });

  it('asks nobody on loopback who was told not to', async () => {
    const { publicRoot = '' } = await start({ HTTP_AUTH: 'none' });
    const well = publicRoot.replace(
      '/dicom-web',
      '/.well-known/oauth-protected-resource/dicom-web',
    );

    expect((await fetch(`${publicRoot}/studies`)).status).toBe(200);
    expect((await fetch(well)).status).toBe(404);
  });

  it('D48 has nothing of those who run the bridge', async () => {
    const { publicRoot = '' } = await start();
    const headers = bearer(await makeToken());

    for (const path of ['/metrics', '/health/ingest', '/admin', '/debug', '/queue', '/status']) {
      expect((await fetch(new URL(path, publicRoot), headers)).status).toBe(404);
    }
  });
});

describe('the viewer of a front', () => {
  const oidc = { HTTP_AUTH: 'oidc', OIDC_ISSUER: 'http://127.0.0.1:1', VIEWER_CLIENT_ID: 'ohif' };
  const openViewer = async (settings: Readonly<Record<string, string>>) => {
    await writeFile(join(folder.path, 'index.html'), '<!doctype html>');
    const { ports } = await start({ VIEWER_DIR: folder.path, ...settings });
    const at = `http://127.0.0.1:${ports.http ?? 0}`;
    const [page, config] = await Promise.all([fetch(at), fetch(`${at}/app-config.js`)]);
    const policy = page.headers.get('Content-Security-Policy') ?? '';
    return { root: `${at}/dicom-web`, policy, config: await config.text() };
  };

  it('signs in at the issuer, for tokens meant for this front', async () => {
    const { root, policy, config } = await openViewer(oidc);

    expect(config).toContain('"client_id": "ohif"');
    expect(config).toContain('"scope": "openid profile email dicomweb.read dicomweb.write"');
    expect(config).toContain(`"resource": "${root}"`);
    expect(policy).toContain(' http://127.0.0.1:1;');
  });

  it('names no resource where the audience is one of the site', async () => {
    const { config } = await openViewer({ ...oidc, OIDC_AUDIENCE: 'api://pacs' });

    expect(config).toContain('"authority": "http://127.0.0.1:1"');
    expect(config).not.toContain('"resource"');
  });

  it('signs in nowhere without a client of its own', async () => {
    const { config, policy } = await openViewer({ DICOMWEB_ROOT: '/rs' });

    expect(config).toContain('"qidoRoot": "/rs"');
    expect(config).not.toContain('oidc');
    expect(policy).not.toContain('http');
  });
});

describe('the end of a bridge', () => {
  it('lets an answer finish that a client is still taking', async () => {
    const { publicRoot = '' } = await start({ HTTP_AUTH: 'none', SHUTDOWN_GRACE: '1h' });
    const file = buildPart10({ study: '1.2.3', pixelBytes: 16 * 2 ** 20 });
    await store(publicRoot, file);
    const answer = await open(`${publicRoot}/studies/1.2.3`);

    const stopped = bridge?.stop();
    await expect(fetch(`${publicRoot}/studies`)).rejects.toThrow();
    const taken = await buffer(answer);
    await stopped;

    expect(taken.length).toBeGreaterThan(file.length);
  });

  it('cuts it when the grace is over', async () => {
    const { publicRoot = '' } = await start({ HTTP_AUTH: 'none', SHUTDOWN_GRACE: '0s' });
    await store(publicRoot, buildPart10({ study: '1.2.3', pixelBytes: 16 * 2 ** 20 }));
    const answer = await open(`${publicRoot}/studies/1.2.3`);

    await bridge?.stop();

    await expect(buffer(answer)).rejects.toThrow('aborted');
  });
});

describe('a front with a certificate', () => {
  it('speaks TLS 1.2 and later, and nothing else', async () => {
    const { publicRoot = '', ports } = await start(await certificateSettings());

    const answer = await ask(`${publicRoot}/studies`);
    const plain = fetch(`http://127.0.0.1:${ports.http ?? 0}/health/live`);

    expect(publicRoot).toMatch(/^https:\/\/127\.0\.0\.1:\d+\/dicom-web$/);
    expect(answer.statusCode).toBe(401);
    await expect(plain).rejects.toThrow();
    // A client that would still speak it; the listener is who refuses.
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    await expect(ask(`${publicRoot}/studies`, old)).rejects.toThrow(/protocol version/);
    expect((await ask(`${publicRoot}/studies`, { maxVersion: 'TLSv1.2' })).statusCode).toBe(401);
  });

  it('shows the renewed certificate without a restart, and keeps it when the next is bad', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const { ports } = await start(await certificateSettings('first'));
    const look = async (): Promise<string> => {
      await vi.advanceTimersByTimeAsync(10_000);
      return commonNameAt(ports.http ?? 0);
    };
    expect(await look()).toBe('first');

    await putCertificate('second');
    await vi.waitFor(async () => expect(await look()).toBe('second'));
    const told = log.lines.filter((line) => line.includes('shows its renewed certificate'));
    expect(told).toEqual([expect.stringContaining('"validTo"')]);

    await writeFile(join(folder.path, 'key.pem'), 'no key at all');
    await vi.waitFor(async () => {
      expect(await look()).toBe('second');
      expect(log.lines.join('\n')).toContain('keeps its certificate: the new one will not do');
    });
    await look();
    await look();
    expect(log.lines.filter((line) => line.includes('will not do'))).toHaveLength(1);

    await putCertificate('third');
    await vi.waitFor(async () => expect(await look()).toBe('third'));
  });

  it.each([
    ['cert.pem', 'HTTP_TLS_CERT', 'a PEM file that holds a certificate'],
    ['key.pem', 'HTTP_TLS_KEY', 'a PEM file that holds a key without passphrase'],
  ])('does not start with a bad %s', async (name, variable, accepts) => {
    const settings = await certificateSettings();
    await writeFile(join(folder.path, name), 'nonsense');

    const failure: unknown = await start(settings).catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(ConfigurationError);
    expect((failure as ConfigurationError).problems).toMatchObject([
      { variable: `DRAWBRIDGE_${variable}`, accepts },
    ]);
  });

  it('does not start with the key of another certificate', async () => {
    const settings = await certificateSettings();
    const { keyFile } = await authority.issue();
    await copyFile(keyFile, join(folder.path, 'key.pem'));

    await expect(start(settings)).rejects.toMatchObject({
      problems: [{ variable: 'DRAWBRIDGE_HTTP_TLS_KEY' }],
    });
  });
});

async function start(settings: Readonly<Record<string, string>> = {}): Promise<Bridge> {
  const given = {
    ...{ DATA_DIR: folder.path, SPOOL_MIN_FREE: '1MiB', DIMSE_PORT: 'off' },
    ...{ HTTP_PORT: '0', OPS_PORT: 'off', ...settings },
  };
  const environment = Object.fromEntries(
    Object.entries(given).map(([name, value]) => [`DRAWBRIDGE_${name}`, value]),
  );
  const { config } = loadConfig(environment, { readFile: () => '' });
  bridge = await startBridge(config, log);
  return bridge;
}

async function store(publicRoot: string, file: Buffer): Promise<void> {
  const head = '--b\r\nContent-Type: application/dicom\r\n\r\n';
  const { status } = await fetch(`${publicRoot}/studies`, {
    method: 'POST',
    headers: { 'Content-Type': 'multipart/related; type="application/dicom"; boundary=b' },
    body: Buffer.concat([Buffer.from(head), file, Buffer.from('\r\n--b--\r\n')]),
  });
  expect(status).toBe(200);
}

/** An answer of which nothing but the head was taken. */
async function open(url: string): Promise<IncomingMessage> {
  const headers = { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' };
  const sent = requestPlain(url, { headers, agent: false }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return answer;
}

async function makeToken(): Promise<string> {
  const tokens = await openLocalTokens(localTokensFolder(folder.path), Date.now);
  const wish = { subject: 'script', scopes: ['read'], expiresAt: Date.now() + 60_000 } as const;
  return (await tokens.create(wish)).token;
}

function bearer(token: string): { readonly headers: Readonly<Record<string, string>> } {
  return { headers: { Authorization: `Bearer ${token}` } };
}

async function certificateSettings(name?: string): Promise<Readonly<Record<string, string>>> {
  await putCertificate(name);
  return {
    HTTP_TLS_CERT: join(folder.path, 'cert.pem'),
    HTTP_TLS_KEY: join(folder.path, 'key.pem'),
  };
}

async function putCertificate(commonName = 'localhost'): Promise<void> {
  const { certFile, keyFile } = await authority.issue({ commonName });
  await copyFile(certFile, join(folder.path, 'cert.pem'));
  await copyFile(keyFile, join(folder.path, 'key.pem'));
}

async function ask(url: string, options: RequestOptions = {}): Promise<IncomingMessage> {
  const sent = request(url, { ca: authority.cert, agent: false, ...options }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  await text(answer);
  return answer;
}

async function commonNameAt(port: number): Promise<string> {
  const socket: TLSSocket = connectTls({ host: '127.0.0.1', port, ca: authority.cert });
  await once(socket, 'secureConnect');
  const { subject } = socket.getPeerCertificate();
  socket.destroy();
  return String(subject.CN);
}
