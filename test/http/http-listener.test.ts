import { once } from 'node:events';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { startHttpListener } from '../../src/http/http-listener.ts';
import type { HttpListener } from '../../src/http/http-listener.ts';
import { createPublicApp } from '../../src/http/public-app.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';

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
