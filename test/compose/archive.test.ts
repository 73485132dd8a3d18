import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { composeArchive } from '../../src/compose/archive.ts';
import type { ComposedArchive } from '../../src/compose/archive.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { ConfigurationError } from '../../src/errors/configuration-error.ts';
import {
  ArchiveServer,
  answerJson,
  keepAll,
  watchedSource,
} from '../archive/dicomweb/archive-server.ts';
import type { Handler } from '../archive/dicomweb/archive-server.ts';
import { startLoopbackServer } from '../peers/loopback-server.ts';
import type { LoopbackServer } from '../peers/loopback-server.ts';
import { temporaryFolder } from '../peers/peer.ts';
import type { TemporaryFolder } from '../peers/peer.ts';
import { createAuthority } from '../support/certificates.ts';
import { buildPart10 } from '../support/dicom-object.ts';
import type { CertificateAuthority } from '../support/certificates.ts';
import { startConnectProxy } from '../support/connect-proxy.ts';
import type { ConnectProxy } from '../support/connect-proxy.ts';
import { recordingLogger } from '../support/recording-logger.ts';

const { signal } = new AbortController();
let authority: CertificateAuthority;
let archiveServer: ArchiveServer;
let tokenServer: LoopbackServer;
let proxy: ConnectProxy;
let folder: TemporaryFolder;
let composed: ComposedArchive | undefined;

beforeAll(async () => {
  authority = await createAuthority();
  folder = await temporaryFolder('compose');
  const tls = await authority.issue();
  archiveServer = await ArchiveServer.start(tls);
  archiveServer.play(keepAll);
  tokenServer = await startLoopbackServer(
    () => (_request, response) =>
      response.end('{"access_token":"t","token_type":"Bearer","expires_in":60}'),
    tls,
  );
  proxy = await startConnectProxy({ credentials: 'bridge:hush' });
});
afterEach(async () => {
  await composed?.close();
  composed = undefined;
  proxy.reset();
});
afterAll(async () => {
  await archiveServer.closeClients();
  await archiveServer.stop();
  await tokenServer.stop();
  await proxy.stop();
  await authority.remove();
  await folder.remove();
});

async function compose(
  settings: Readonly<Record<string, string>>,
  log = recordingLogger(),
): Promise<ComposedArchive> {
  const all: Readonly<Record<string, string>> = {
    UPSTREAM_URL: archiveServer.url,
    UPSTREAM_AUTH: 'client_credentials',
    UPSTREAM_TOKEN_URL: `${tokenServer.url}/token`,
    UPSTREAM_CLIENT_ID: 'bridge',
    UPSTREAM_CLIENT_SECRET: 's3cret',
    UPSTREAM_TLS_CA: authority.certFile,
    ...settings,
  };
  const environment = Object.fromEntries(
    Object.entries(all).map(([name, value]) => [`DRAWBRIDGE_${name}`, value]),
  );
  const { config } = loadConfig(environment, { readFile: () => '' });
  composed = await composeArchive(config, log);
  return composed;
}

const storeOne = ({ archive }: ComposedArchive) => archive.store([watchedSource()], { signal });

/** Says that it has every object, and has another under the UID. */
const hasAnother: Handler = (request, response) => {
  const sop = /[0-9.]{8,}$/.exec(decodeURIComponent(request.url ?? '').split('&')[0] ?? '')?.[0];
  if (request.method === 'POST') {
    void buffer(request).then(() => response.writeHead(409).end());
  } else if (request.url?.includes('?') === true) {
    const uids = { '0020000D': { Value: ['1.2.3'] }, '0020000E': { Value: ['1.2.3.4'] } };
    answerJson(response, 200, [{ '00080018': { Value: [sop] }, ...uids }]);
  } else {
    const head = 'multipart/related; type="application/dicom"; boundary=b';
    const file = buildPart10({ ...(sop !== undefined && { sop }), pixelBytes: 4 });
    response.writeHead(200, { 'content-type': head });
    response.end(Buffer.concat([Buffer.from('--b\r\n\r\n'), file, Buffer.from('\r\n--b--')]));
  }
};

describe('an object the archive has already', () => {
  it.each([
    ['', { kind: 'delivered' }],
    ['accept', { kind: 'delivered' }],
    ['verify', { kind: 'set-aside', code: 'differs-from-archived' }],
    [
      'fail',
      { kind: 'set-aside', message: expect.stringContaining('count as a failure') as string },
    ],
  ])('is what DUPLICATES says: %j', async (duplicates, outcome) => {
    archiveServer.play(hasAnother);
    const archive = await compose({ DUPLICATES: duplicates });

    const verdict = await storeOne(archive);
    archiveServer.play(keepAll);

    expect(verdict.kind === 'each' && [...verdict.outcomes.values()]).toMatchObject([outcome]);
  });
});

const withCredentials = (credentials: string): string =>
  proxy.url.replace('//', `//${credentials}@`);

describe('the way to an archive', () => {
  it('leads through the proxy for tokens and objects, and trusts the private authority for both', async () => {
    const archive = await compose({ UPSTREAM_PROXY: withCredentials('bridge:hush') });

    expect(await storeOne(archive)).toMatchObject({ kind: 'each' });
    expect(proxy.asked).toEqual(
      [tokenServer.url, archiveServer.url].map((url) => new URL(url).host),
    );
  });

  it('ends with a sentence and without a secret when the proxy wants other credentials', async () => {
    const log = recordingLogger();
    const archive = await compose({ UPSTREAM_PROXY: withCredentials('bridge:wrong-hush') }, log);

    const verdict = await storeOne(archive);

    expect(verdict).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining(
        'wants other credentials (HTTP 407); check DRAWBRIDGE_UPSTREAM_PROXY',
      ) as string,
    });
    expect(JSON.stringify([verdict, log.lines])).not.toContain('hush');
  });

  it('is not trusted without the authority, which keeps the entry', async () => {
    expect(await storeOne(await compose({ UPSTREAM_TLS_CA: '' }))).toMatchObject({
      kind: 'retry',
      message: expect.stringContaining(
        'its certificate comes from an authority that is not trusted here',
      ) as string,
    });
  });

  it.each([
    ['UPSTREAM_TLS_CA', 'missing.pem', 'a readable PEM file'],
    ['UPSTREAM_TLS_CA', 'nonsense.pem', 'holds a certificate'],
    ['UPSTREAM_TLS_CERT', 'nonsense.pem', 'holds a certificate'],
    ['UPSTREAM_TLS_KEY', 'nonsense.pem', 'holds a key without passphrase'],
    ['UPSTREAM_TLS_KEY', 'other.pem', 'the key of DRAWBRIDGE_UPSTREAM_TLS_CERT'],
  ])('is not taken when %s is %s', async (name, file, accepts) => {
    const { certFile, keyFile } = await authority.issue();
    await writeFile(path.join(folder.path, 'nonsense.pem'), 'hush');
    await writeFile(path.join(folder.path, 'other.pem'), (await authority.issue()).key);
    const pair = { UPSTREAM_TLS_CERT: certFile, UPSTREAM_TLS_KEY: keyFile };

    const error: unknown = await compose({ ...pair, [name]: path.join(folder.path, file) }).catch(
      (e: unknown) => e,
    );

    if (!(error instanceof ConfigurationError)) throw new Error('it was taken');
    expect(error.problems).toMatchObject([{ variable: `DRAWBRIDGE_${name}` }]);
    expect(error.problems[0]?.accepts).toContain(accepts);
  });

  it('is not taken with a key that cannot sign, of which nothing is shown', async () => {
    const error: unknown = await compose({
      UPSTREAM_AUTH: 'private_key_jwt',
      UPSTREAM_CLIENT_SECRET: '',
      UPSTREAM_CLIENT_KEY: '{"kty":"OKP","d":"hush"}',
    }).catch((e: unknown) => e);

    if (!(error instanceof ConfigurationError)) throw new Error('it was taken');
    expect(error.problems).toMatchObject([{ variable: 'DRAWBRIDGE_UPSTREAM_CLIENT_KEY' }]);
    expect(JSON.stringify(error.problems)).not.toContain('"d"');
  });
});
