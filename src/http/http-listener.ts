import { createAdaptorServer } from '@hono/node-server';
import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

interface ServerOptions {
  readonly app: { readonly fetch: (request: Request, env: object) => Response | Promise<Response> };
  /** How long a client may take to send its header (D28). Default 10 s. */
  readonly headersTimeoutMs?: number;
  /** How long it may take to send the whole request, body included; 0 is for ever. Default 30 s. */
  readonly requestTimeoutMs?: number;
  readonly maxConnections?: number;
}

interface HttpListenerOptions extends ServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
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
  const { server, close } = prepareServer(options);
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, close };
}

/**
 * The same on a Unix socket.
 *
 * @param options - `path` of at most 107 bytes that does not exist yet.
 */
export async function startSocketListener(
  options: ServerOptions & { readonly path: string },
): Promise<Omit<HttpListener, 'port'>> {
  const { server, close } = prepareServer(options);
  server.listen(options.path);
  await once(server, 'listening');
  return { close };
}

function prepareServer(options: ServerOptions): Pick<HttpListener, 'close'> & {
  readonly server: Server;
} {
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
  return {
    server,
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
