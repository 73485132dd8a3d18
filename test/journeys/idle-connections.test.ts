import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { PeerGroup } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { createToken } from './support/access-token.ts';

const host = '127.0.0.1';
const peers = new PeerGroup();
const idle: Socket[] = [];
let port = 0;
let authorization = '';

beforeAll(async () => {
  const bridge = await peers.start(startBridgeProcess({}));
  port = bridge.httpPort;
  authorization = `Bearer ${await createToken(bridge, '--scope', 'read')}`;
}, 60_000);
afterAll(async () => {
  for (const socket of idle) socket.destroy();
  await peers.stop();
});

it('D28 serves a new client beside very many that only hold their connection', async () => {
  // More than a listener takes that is not made for it.
  for (let batch = 0; batch < 15; batch += 1) {
    const opened = Array.from({ length: 100 }, () =>
      connect(port, host).on('error', () => undefined),
    );
    idle.push(...opened);
    await Promise.all(opened.map((socket) => once(socket, 'connect')));
    for (const socket of opened) socket.write('GET /dicom-web/studies HTTP/1.1\r\nHost:');
  }

  const answer = await fetch(`http://${host}:${port}/dicom-web/studies`, {
    headers: { authorization },
  });

  expect(answer.status).toBe(200);
});
