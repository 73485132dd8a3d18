import { createAdaptorServer } from '@hono/node-server';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface HttpListenerOptions {
  readonly app: { readonly fetch: (request: Request, env: object) => Response | Promise<Response> };
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
  /** How long a client may take to send its header (D28). Default 10 s. */
  readonly headersTimeoutMs?: number;
  /** How long it may take to send the whole request, body included; 0 is for ever. Default 30 s. */
  readonly requestTimeoutMs?: number;
  readonly maxConnections?: number;
}

/** A listener that is open. */
export interface HttpListener {
  readonly port: number;
  /** Takes no new connection, lets requests finish for `graceMs` and then cuts what is left. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Opens a listener for an app.
 *
 * @throws the error of `listen`, with its `code` (`EADDRINUSE`, `EACCES`).
 */
export async function startHttpListener(options: HttpListenerOptions): Promise<HttpListener> {
  const server = createAdaptorServer({
    fetch: options.app.fetch,
    overrideGlobalObjects: false,
    serverOptions: {
      headersTimeout: options.headersTimeoutMs ?? 10_000,
      requestTimeout: options.requestTimeoutMs ?? 30_000,
      keepAliveTimeout: 5_000,
      // Both timeouts are looked at this often; Node's own 30 s would be the real limit otherwise.
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: 16_384,
      noDelay: true,
    },
  }) as Server;
  server.maxConnections = options.maxConnections ?? 1_024;
  let closing = false;
  server.on('request', (_, response) => {
    // A connection that was busy when we closed is idle from here on, and nobody else ends it.
    response.once('close', () => setImmediate(() => closing && server.closeIdleConnections()));
  });
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;

  return {
    port,
    close: async ({ graceMs = 2_000 } = {}) => {
      if (!server.listening) return;
      closing = true;
      const closed = once(server, 'close');
      server.close(); // ends idle keep-alive connections too (Node 19 and later)
      const cut = setTimeout(() => server.closeAllConnections(), graceMs);
      await closed;
      clearTimeout(cut);
    },
  };
}
