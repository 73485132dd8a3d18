import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { DicomWebArchive } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import type { DicomWebArchiveOptions } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import { proxyConnector } from '../../../src/egress/proxy-connector.ts';
import type { Connector } from '../../../src/egress/proxy-connector.ts';
import type { StowVerdict } from '../../../src/translate/stow-verdict.ts';
import { createAuthority } from '../../support/certificates.ts';
import type { CertificateAuthority } from '../../support/certificates.ts';
import { startConnectProxy } from '../../support/connect-proxy.ts';
import type { ConnectProxy } from '../../support/connect-proxy.ts';
import { ArchiveServer, fixedTokens, keepAll, watchedSource } from './archive-server.ts';

const { signal } = new AbortController();
const large = 8 * 1024 * 1024;
let authority: CertificateAuthority;
let server: ArchiveServer;
let proxy: ConnectProxy;

beforeAll(async () => {
  authority = await createAuthority();
  server = await ArchiveServer.start(await authority.issue());
  proxy = await startConnectProxy();
});
afterEach(async () => {
  await server.closeClients();
  proxy.reset();
});
afterAll(async () => {
  await server.stop();
  await proxy.stop();
  await authority.remove();
});

/** What a client is told to reach the archive through a proxy. */
function through(
  proxyUrl: string,
  { timeoutMs = 5_000, noProxy = '' } = {},
): Pick<DicomWebArchiveOptions, 'connect'> & { readonly connect: Connector } {
  const proxies = { https: proxyUrl, http: proxyUrl, noProxy, sparesLoopback: false };
  return { connect: proxyConnector({ proxies, tls: { ca: authority.cert }, timeoutMs }) };
}

async function storeOne(archive: DicomWebArchive, pixelBytes = 2): Promise<StowVerdict> {
  return archive.store([watchedSource(pixelBytes)], { signal });
}

const delivered = (verdict: StowVerdict): boolean =>
  verdict.kind === 'each' && [...verdict.outcomes.values()].every((o) => o.kind === 'delivered');

/** A verdict by which the entry is kept and tried again. */
async function retryOf(archive: DicomWebArchive): Promise<string> {
  const verdict = await storeOne(archive);
  if (verdict.kind !== 'retry') throw new Error(`the verdict is ${verdict.kind}`);
  return verdict.message;
}

describe('through a proxy', () => {
  it('carries large objects in one tunnel that is kept for the next request', async () => {
    const archive = server.play(keepAll, { ...through(proxy.url), connections: 1 });

    expect(delivered(await storeOne(archive, large))).toBe(true);
    expect(delivered(await storeOne(archive, large))).toBe(true);
    expect(proxy.asked).toEqual([new URL(server.url).host]);
  });

  it('reaches http: destinations by a tunnel too', async () => {
    const plain = await ArchiveServer.start();
    onTestFinished(() => plain.stop());
    const archive = plain.play(keepAll, through(proxy.url));

    expect(delivered(await storeOne(archive))).toBe(true);
    expect(proxy.asked).toEqual([new URL(plain.url).host]);
    await plain.closeClients();
  });

  it('goes straight where NO_PROXY says so', async () => {
    const archive = server.play(keepAll, through(proxy.url, { noProxy: '127.0.0.0/8' }));

    expect(delivered(await storeOne(archive))).toBe(true);
    expect(proxy.asked).toEqual([]);
  });

  it('proves itself to a proxy that asks for it, and sends no word of that to the archive', async () => {
    const careful = await startConnectProxy({ credentials: 'brid:ge:p%C3@ß' });
    onTestFinished(() => careful.stop());
    const url = careful.url.replace('//', `//brid%3Age:${encodeURIComponent('p%C3@ß')}@`);
    const archive = server.play(keepAll, through(url));

    expect(delivered(await storeOne(archive))).toBe(true);
    expect(server.requests[0]?.headers).not.toHaveProperty('proxy-authorization');
  });

  it('speaks TLS with a proxy that does', async () => {
    const secure = await startConnectProxy({ tls: await authority.issue() });
    onTestFinished(() => secure.stop());
    const archive = server.play(keepAll, through(secure.url));

    expect(delivered(await storeOne(archive, large))).toBe(true);
    expect(secure.tunnels).toBe(1);
  });

  it('C11 asks for a new token after 401, also while the upload still runs', async () => {
    const archive = server.play(
      (request, response) => {
        if (request.headers.authorization === 'Bearer new') void keepAll(request, response);
        else response.writeHead(401).end('no');
      },
      { ...through(proxy.url), authorization: fixedTokens('Bearer old', 'Bearer new') },
    );

    expect(delivered(await storeOne(archive, large))).toBe(true);
  });

  it('sends again at once what was put on a connection that had just been closed', async () => {
    let seen = 0;
    const archive = server.play(
      (request, response) => {
        seen += 1;
        if (seen === 2) request.socket.destroy();
        else void keepAll(request, response);
      },
      { ...through(proxy.url), connections: 1 },
    );
    await storeOne(archive);

    expect(delivered(await storeOne(archive))).toBe(true);
    expect(proxy.asked).toHaveLength(2);
  });

  it('opens another tunnel when the proxy has closed an idle one', async () => {
    const archive = server.play(keepAll, { ...through(proxy.url), connections: 1 });
    await storeOne(archive);
    proxy.cutTunnels();

    expect(delivered(await storeOne(archive))).toBe(true);
    expect(proxy.asked).toHaveLength(2);
  });

  it('keeps a tunnel in use past the time that opening it may take', async () => {
    const archive = server.play(
      (request, response) => {
        setTimeout(() => void keepAll(request, response), 600);
      },
      through(proxy.url, { timeoutMs: 300 }),
    );

    expect(delivered(await storeOne(archive, large))).toBe(true);
    expect(proxy.asked).toHaveLength(1);
  });

  it('heeds an answer that comes before the upload is through', async () => {
    const archive = server.play((_request, response) => {
      response.writeHead(503, { 'retry-after': '7' }).end();
    }, through(proxy.url));

    expect(await storeOne(archive, large)).toMatchObject({ kind: 'retry', httpStatus: 503 });
  });

  it('lets an upload go the moment it is aborted', async () => {
    const stop = new AbortController();
    const reason = new Error('stopping');
    let gone: Promise<unknown> = Promise.resolve();
    const archive = server.play((request) => {
      gone = new Promise((resolve) => request.once('close', resolve));
      request.once('data', () => stop.abort(reason));
    }, through(proxy.url));

    await expect(archive.store([watchedSource(large)], { signal: stop.signal })).rejects.toBe(
      reason,
    );
    await gone;
  });

  it('C15 says when the proxy is away', async () => {
    const away = await startConnectProxy();
    await away.stop();

    expect(await retryOf(server.play(keepAll, through(away.url)))).toBe(
      'no answer from the archive: the proxy on the way cannot be used: nothing listens on its address and port',
    );
  });

  it.each([
    [407, 'the proxy on the way wants other credentials (HTTP 407)'],
    [403, 'the proxy on the way does not let us through to it (HTTP 403)'],
    [503, 'the proxy on the way cannot reach it (HTTP 503)'],
  ])(
    'C15 says what it means when the proxy answers %i, and keeps the entry',
    async (status, said) => {
      proxy.behave({ kind: 'answer', status });
      const secretive = proxy.url.replace('//', '//user:hush@');

      expect(await retryOf(server.play(keepAll, through(secretive)))).toBe(
        `no answer from the archive: ${said}`,
      );
    },
  );

  it('C15 says when nobody listens where the proxy is sent', async () => {
    const away = await ArchiveServer.start();
    await away.stop();

    expect(await retryOf(away.play(keepAll, through(proxy.url)))).toContain(
      'the proxy on the way cannot reach it (HTTP 502)',
    );
    await away.closeClients();
  });

  it('C15 does not wait for ever on a proxy that says nothing', async () => {
    proxy.behave({ kind: 'stall' });

    expect(await retryOf(server.play(keepAll, through(proxy.url, { timeoutMs: 200 })))).toContain(
      'the proxy on the way cannot be used: its address does not answer',
    );
  });

  it('C15 takes a port where something else answers for no proxy', async () => {
    proxy.behave({ kind: 'babble' });

    expect(await retryOf(server.play(keepAll, through(proxy.url)))).toContain(
      'the proxy on the way cannot be used: what it sends is not HTTP/1.1',
    );
  });

  it('C15 keeps apart a fault of the archive behind the proxy', async () => {
    const stranger = await createAuthority('Somebody Else');
    const other = await ArchiveServer.start(await stranger.issue());
    onTestFinished(async () => {
      await other.stop();
      await stranger.remove();
    });

    expect(await retryOf(other.play(keepAll, through(proxy.url)))).toBe(
      'no answer from the archive: its certificate comes from an authority that is not trusted here',
    );
    await other.closeClients();
  });
});

describe('TLS to the archive', () => {
  it('trusts a private authority that was named', async () => {
    const archive = server.play(keepAll, { tls: { ca: authority.cert } });

    expect(delivered(await storeOne(archive, large))).toBe(true);
  });

  it('C15 refuses one that was not, and keeps the entry', async () => {
    expect(await retryOf(server.play(keepAll))).toBe(
      'no answer from the archive: its certificate comes from an authority that is not trusted here',
    );
    expect(server.requests).toHaveLength(0);
  });

  it.each([
    ['for another host', { altNames: 'DNS:pacs.example.org' }, 'is for another host name'],
    ['that has expired', { days: -1 }, 'has expired'],
  ])('C15 refuses a certificate %s, and keeps the entry', async (_what, request, said) => {
    const other = await ArchiveServer.start(await authority.issue(request));
    onTestFinished(() => other.stop());

    for (const way of [{ tls: { ca: authority.cert } }, through(proxy.url)]) {
      expect(await retryOf(other.play(keepAll, way))).toBe(
        `no answer from the archive: its certificate ${said}`,
      );
    }
    expect(other.requests).toHaveLength(0);
    await other.closeClients();
  });

  it('C15 says when the port is one without TLS', async () => {
    const plain = await ArchiveServer.start();
    onTestFinished(() => plain.stop());
    const baseUrl = plain.url.replace('http:', 'https:');

    expect(await retryOf(plain.play(keepAll, { baseUrl }))).toContain(
      'it does not speak TLS on this port',
    );
    await plain.closeClients();
  });

  it('shows our certificate to an archive that asks for one, which refuses us without', async () => {
    const strict = await ArchiveServer.start({
      ...(await authority.issue()),
      ca: authority.cert,
      requestCert: true,
      rejectUnauthorized: true,
      // With 1.3 the refusal comes after the handshake and may be lost to the reset that follows it.
      maxVersion: 'TLSv1.2',
    });
    onTestFinished(() => strict.stop());
    const { cert, key } = await authority.issue({ commonName: 'bridge' });
    const names: string[] = [];
    const note = (request: IncomingMessage): void => {
      if (!(request.socket instanceof TLSSocket)) throw new Error('not over TLS');
      names.push(String(request.socket.getPeerCertificate().subject.CN));
    };
    const archive = strict.play(
      (request, response) => {
        note(request);
        return keepAll(request, response);
      },
      { tls: { ca: authority.cert, cert, key } },
    );

    expect(delivered(await storeOne(archive))).toBe(true);
    expect(names).toEqual(['bridge']);
    expect(await retryOf(strict.play(buffer, { tls: { ca: authority.cert } }))).toBe(
      'no answer from the archive: it refuses our certificate, or misses one',
    );
    await strict.closeClients();
  });
});
