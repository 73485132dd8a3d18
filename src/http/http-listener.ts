import { getRequestListener } from '@hono/node-server';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { SecureContextOptions } from 'node:tls';

interface ServerOptions {
  readonly app: { readonly fetch: (request: Request, env: object) => Response | Promise<Response> };
  /** Sees each request before the app does, and takes those it answers true for. */
  readonly front?: ((incoming: IncomingMessage, outgoing: ServerResponse) => boolean) | undefined;
  /** HTTPS with this certificate; plain HTTP without. */
  readonly tls?: ServerCertificate | undefined;
  /** How long a client may take to send its header (D28). Default 10 s. */
  readonly headersTimeoutMs?: number;
  /** How long it may take to send the whole request, body included; 0 is for ever. Default 30 s. */
  readonly requestTimeoutMs?: number;
  readonly maxConnections?: number;
  /** Bytes a connection holds each way before it makes the other side wait. Node's own without. */
  readonly highWaterMark?: number;
}

/** What a server shows of itself, as PEM texts. */
export interface ServerCertificate {
  /** The certificate, followed by those between it and the CA. */
  readonly cert: string;
  readonly key: string;
}

interface HttpListenerOptions extends ServerOptions {
  readonly host: string;
  /** 0 takes any free one. */
  readonly port: number;
}

/** A listener that is open. */
export interface HttpListener {
  readonly port: number;
  /**
   * New connections get this certificate; a listener without TLS does nothing.
   * @throws when the two do not belong together: the old one stays.
   */
  replaceCertificate(tls: ServerCertificate): void;
  /** Takes no new connection, lets requests finish for `graceMs` and then cuts what is left. */
  close(options?: { readonly graceMs?: number }): Promise<void>;
}

/**
 * Opens a listener for an app.
 *
 * @throws the error of `listen`, with its `code` (`EADDRINUSE`, `EACCES`).
 */
export async function startHttpListener(options: HttpListenerOptions): Promise<HttpListener> {
  const { server, ...control } = prepareServer(options);
  server.listen(options.port, options.host);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { port, ...control };
}

/**
 * The same on a Unix socket.
 *
 * @param options - `path` of at most 107 bytes that does not exist yet.
 */
export async function startSocketListener(
  options: ServerOptions & { readonly path: string },
): Promise<Pick<HttpListener, 'close'>> {
  const { server, close } = prepareServer(options);
  server.listen(options.path);
  await once(server, 'listening');
  return { close };
}

function prepareServer(options: ServerOptions): Omit<HttpListener, 'port'> & {
  readonly server: Server;
} {
  const { front = () => false, tls, highWaterMark } = options;
  const serverOptions = {
    headersTimeout: options.headersTimeoutMs ?? 10_000,
    requestTimeout: options.requestTimeoutMs ?? 30_000,
    keepAliveTimeout: 5_000,
    // Both timeouts are looked at this often; Node's own 30 s would be the real limit otherwise.
    connectionsCheckingInterval: 1_000,
    maxHeaderSize: 16_384,
    // Whatever a flag of the process says (HOSTILE D21).
    insecureHTTPParser: false,
    noDelay: true,
    ...(highWaterMark !== undefined && { highWaterMark }),
  };
  const secured =
    tls &&
    createTlsServer({
      ...serverOptions,
      ...secureContextOf(tls),
      handshakeTimeout: serverOptions.headersTimeout,
    });
  const server = secured ?? createServer(serverOptions);
  // Node drops what is beyond its 2,000 in silence; whoever looks at headers shall see all of them.
  server.maxHeadersCount = 0;
  server.maxConnections = options.maxConnections ?? 1_024;
  const answer = getRequestListener(options.app.fetch, { overrideGlobalObjects: false });
  let closing = false;
  const take = (incoming: IncomingMessage, outgoing: ServerResponse, isWaiting: boolean): void => {
    // A connection that was busy when we closed is idle from here on, and nobody else ends it.
    outgoing.once('close', () => setImmediate(() => closing && server.closeIdleConnections()));
    if (front(incoming, outgoing)) return;
    if (isWaiting) outgoing.writeContinue();
    void answer(incoming, outgoing);
  };
  server.on('request', (incoming, outgoing) => take(incoming, outgoing, false));
  // A client that asks before it sends gets its answer from whoever reads the body, or a refusal.
  server.on('checkContinue', (incoming, outgoing) => take(incoming, outgoing, true));
  return {
    server,
    replaceCertificate: (next) => secured?.setSecureContext(secureContextOf(next)),
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

/** RFC 9325 §3.1.1: nothing below TLS 1.2. */
function secureContextOf({ cert, key }: ServerCertificate): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2' };
}
