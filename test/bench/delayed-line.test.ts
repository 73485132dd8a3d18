import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startDelayedLine } from '../../bench/delayed-line.ts';
import type { DelayedLine, LineOptions } from '../../bench/delayed-line.ts';

let echo: Server;
const lines: DelayedLine[] = [];

beforeAll(async () => {
  echo = createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  await new Promise<void>((resolve) => echo.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const line of lines.splice(0)) await line.stop();
});
afterAll(() => {
  echo.close();
});

async function through(options: LineOptions): Promise<Socket> {
  const line = await startDelayedLine((echo.address() as AddressInfo).port, options);
  lines.push(line);
  return connect({ port: line.port, host: '127.0.0.1', allowHalfOpen: true });
}

describe('the delayed line of the benchmark', () => {
  it('takes a round trip to open a connection, and another for question and answer', async () => {
    const socket = await through({ delayMs: 40, windowBytes: 2 ** 20 });
    const begun = performance.now();
    socket.write('first');
    await once(socket, 'data');
    const opened = performance.now();
    socket.write('second');
    await once(socket, 'data');

    // Node's timers count whole milliseconds.
    expect(opened - begun).toBeGreaterThan(158);
    expect(performance.now() - opened).toBeGreaterThan(78);
    socket.destroy();
  });

  it('carries every byte in order, to the end of each direction', async () => {
    const sent = Buffer.from(Array.from({ length: 3_000_000 }, (_, index) => (index * 31) >> 4));
    const socket = await through({ delayMs: 2, windowBytes: 256 * 1024 });
    socket.end(sent);

    expect((await buffer(socket)).equals(sent)).toBe(true);
  });

  it('has no more under way on a connection than its window', async () => {
    const socket = await through({ delayMs: 20, windowBytes: 128 * 1024 });
    const begun = performance.now();
    socket.end(Buffer.alloc(2 ** 20));
    await buffer(socket);

    // 8 windows, each of which comes free a round trip of 40 ms after it was filled.
    expect(performance.now() - begun).toBeGreaterThan(8 * 40);
  });
});
