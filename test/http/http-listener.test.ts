import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startHttpListener } from '../../src/http/http-listener.ts';
import type { HttpListener } from '../../src/http/http-listener.ts';
import { createPublicApp } from '../../src/http/public-app.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';
import { createAuthority } from '../support/certificates.ts';
import type { CertificateAuthority } from '../support/certificates.ts';

const host = '127.0.0.1';
const yes = () => true;
const app = createPublicApp({ live: yes, ready: yes, log: silentLogger });
const open: HttpListener[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((listener) => listener.close({ graceMs: 0 })));
});

it('answers on a free port of its own', async () => {
  const listener = await start({ app });

  const answer = await fetch(`http://${host}:${listener.port}/health/live`);

  expect(answer.status).toBe(200);
});

it('D38 answers TRACE with 405', async () => {
  const listener = await start({ app });

  const answer = await exchange(listener.port, 'TRACE /health/live HTTP/1.1\r\nHost: a\r\n\r\n');

  expect(answer).toMatch(/^HTTP\/1\.1 405 /);
});

it('D27 answers a header beyond 16 KiB with 431', async () => {
  const listener = await start({ app });

  const answer = await exchange(
    listener.port,
    `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(65_536)}\r\n\r\n`,
  );

  expect(answer).toMatch(/^HTTP\/1\.1 431 /);
});

it('D28 ends a client that takes too long over its header', async () => {
  const listener = await start({ app, headersTimeoutMs: 50 });

  const answer = await exchange(listener.port, 'GET / HTTP/1.1\r\nHost:');

  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
});

it('ends idle keep-alive connections when it closes', async () => {
  const listener = await start({ app });
  const agent = new Agent({ keepAlive: true });
  const sent = request({ host, port: listener.port, path: '/health/live', agent }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  await answer.resume().toArray();
  const socket = sent.socket as Socket;
  const closed = once(socket, 'close');

  await listener.close({ graceMs: 60_000 });
  await closed;

  expect(socket.destroyed).toBe(true);
  agent.destroy();
});

it('lets a request finish within the grace', async () => {
  const gate = deferred();
  const entered = deferred();
  const listener = await start({
    app: {
      fetch: async () => {
        entered.resolve();
        await gate.promise;
        return new Response('late');
      },
    },
  });
  const answer = fetch(`http://${host}:${listener.port}/`);
  await entered.promise;

  const closing = listener.close({ graceMs: 60_000 });
  gate.resolve();

  expect(await (await answer).text()).toBe('late');
  const answeredAt = performance.now();
  await closing;

  // Not only when the client's kept connection times out.
  expect(performance.now() - answeredAt).toBeLessThan(2_000);
});

it('cuts a request that outlives the grace', async () => {
  const entered = deferred();
  const listener = await start({
    app: {
      fetch: () => {
        entered.resolve();
        return new Promise<Response>(() => undefined);
      },
    },
  });
  const failed = expect(fetch(`http://${host}:${listener.port}/`)).rejects.toThrow();
  await entered.promise;

  await listener.close({ graceMs: 0 });

  await failed;
});

it('says why a port cannot be had', async () => {
  const { port } = await start({ app });

  await expect(startHttpListener({ app, host, port })).rejects.toMatchObject({
    code: 'EADDRINUSE',
  });
});

it('shows each request to the front first', async () => {
  const listener = await start({
    app,
    front: (incoming, outgoing) => {
      if (incoming.url !== '/mine') return false;
      outgoing.end('front');
      return true;
    },
  });
  const ask = async (path: string): Promise<string> =>
    (await fetch(`http://${host}:${listener.port}${path}`)).text();

  expect(await ask('/mine')).toBe('front');
  expect(await ask('/health/live')).toBe('ok\n');
});

it('tells a client that asks before it sends to go on', async () => {
  const listener = await start({
    app: { fetch: async (asked) => new Response(await asked.text()) },
  });

  const sent = request({
    host,
    port: listener.port,
    method: 'POST',
    headers: { expect: '100-continue' },
  });
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.end('body');
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];

  expect(Buffer.concat((await answer.toArray()) as Buffer[]).toString()).toBe('body');
});

describe('with TLS', () => {
  let authority: CertificateAuthority;
  beforeAll(async () => {
    authority = await createAuthority();
  });
  afterAll(() => authority.remove());

  it('serves HTTPS and nothing below TLS 1.2', async () => {
    const listener = await start({ app, tls: await authority.issue() });

    const socket = connectTls({ host, port: listener.port, ca: authority.cert });
    await once(socket, 'secureConnect');
    socket.write('GET /health/live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    const answer = Buffer.concat((await socket.toArray()) as Buffer[]).toString();
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);

    // Security level 0, or OpenSSL would not even offer it.
    const old = connectTls({
      ...{ host, port: listener.port, ca: authority.cert, ciphers: 'DEFAULT@SECLEVEL=0' },
      ...({ minVersion: 'TLSv1', maxVersion: 'TLSv1.1' } as const),
    });
    const [refusal] = (await once(old, 'error')) as [NodeJS.ErrnoException];
    expect(refusal.code).toMatch(/PROTOCOL_VERSION/);
  });

  it('shows new connections another certificate once it is told to', async () => {
    const listener = await start({ app, tls: await authority.issue({ commonName: 'first' }) });
    const nameShown = async (): Promise<string> => {
      const socket = connectTls({ host, port: listener.port, ca: authority.cert });
      await once(socket, 'secureConnect');
      const { CN } = socket.getPeerCertificate().subject;
      socket.destroy();
      return String(CN);
    };
    expect(await nameShown()).toBe('first');

    const second = await authority.issue({ commonName: 'second' });
    listener.replaceCertificate(second);

    expect(await nameShown()).toBe('second');
    const { key } = await authority.issue();
    expect(() => {
      listener.replaceCertificate({ cert: second.cert, key });
    }).toThrow();
    expect(await nameShown()).toBe('second');
  });
});

async function start(
  options: Omit<Parameters<typeof startHttpListener>[0], 'host' | 'port'>,
): Promise<HttpListener> {
  const listener = await startHttpListener({ ...options, host, port: 0 });
  open.push(listener);
  return listener;
}

async function exchange(port: number, text: string): Promise<string> {
  const socket = connect(port, host);
  socket.write(text);
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes('\r\n\r\n')) break;
  }
  return answer;
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
