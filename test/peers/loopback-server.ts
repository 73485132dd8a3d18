import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import type { Peer } from './peer.ts';

/** An HTTP server of ours on a port it keeps, that can go away and come back. */
export interface LoopbackServer extends Peer {
  readonly url: string;
  /** Closes the port and every connection: connections are refused until `up`. */
  down(): Promise<void>;
  up(): Promise<void>;
}

/**
 * @param handler - made once the address is known.
 * @param tls - makes it an `https:` server.
 */
export async function startLoopbackServer(
  handler: (url: string) => RequestListener,
  tls?: ServerOptions,
): Promise<LoopbackServer> {
  const server: Server = tls === undefined ? createServer() : createTlsServer(tls);
  await listen(server, 0);
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const { port } = address;
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`;
  server.on('request', handler(url));

  const down = async (): Promise<void> => {
    if (!server.listening) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return { url, down, up: () => listen(server, port), stop: down, [Symbol.asyncDispose]: down };
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}
