import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** What the proxy does with who asks for a tunnel. */
type ProxyBehaviour =
  | { readonly kind: 'tunnel' }
  | { readonly kind: 'answer'; readonly status: number }
  /** Takes the question and never answers. */
  | { readonly kind: 'stall' }
  /** Answers what is not HTTP. */
  | { readonly kind: 'babble' };

/** A real proxy that knows CONNECT and nothing else, as hospitals have them. */
export interface ConnectProxy {
  readonly port: number;
  /** Without credentials. */
  readonly url: string;
  /** What was asked for, in order, whatever became of it: `host:port`. */
  readonly asked: readonly string[];
  /** Tunnels that were opened. */
  readonly tunnels: number;
  behave(behaviour: ProxyBehaviour): void;
  /** Breaks every tunnel there is, from the proxy's side. */
  cutTunnels(): void;
  reset(): void;
  stop(): Promise<void>;
}

interface ConnectProxyOptions {
  /** What it asks for, as `user:password`. */
  readonly credentials?: string;
  /** Speaks TLS itself. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

export async function startConnectProxy(options: ConnectProxyOptions = {}): Promise<ConnectProxy> {
  const { credentials, tls } = options;
  const asked: string[] = [];
  const open = new Set<Socket>();
  let tunnels = 0;
  let behaviour: ProxyBehaviour = { kind: 'tunnel' };
  const server: Server = tls === undefined ? createServer() : createTlsServer(tls);
  const expected =
    credentials === undefined
      ? undefined
      : `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}`;

  server.on('connection', (socket: Socket) => keep(socket));
  server.on('connect', (request, client: Socket) => {
    const authority = request.url ?? '';
    asked.push(authority);
    keep(client);
    if (behaviour.kind === 'stall') return;
    if (behaviour.kind === 'babble') client.end('220 mail.example.org ESMTP\r\n');
    else if (behaviour.kind === 'answer') refuse(client, behaviour.status);
    else if (expected !== undefined && request.headers['proxy-authorization'] !== expected) {
      refuse(client, 407);
    } else tunnel(authority, client);
  });

  function tunnel(authority: string, client: Socket): void {
    const { hostname, port } = new URL(`http://${authority}`);
    const target = keep(connect(Number(port), hostname.replace(/^\[(.*)\]$/, '$1')));
    target.once('error', () => refuse(client, 502));
    target.once('connect', () => {
      tunnels += 1;
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(target).pipe(client);
    });
    client.once('close', () => target.destroy());
    target.once('close', () => client.destroy());
  }

  function keep(socket: Socket): Socket {
    open.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => open.delete(socket));
    return socket;
  }
  function cutTunnels(): void {
    for (const socket of open) socket.destroy();
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    asked,
    get tunnels() {
      return tunnels;
    },
    behave: (next) => (behaviour = next),
    cutTunnels,
    reset: () => {
      asked.length = 0;
      tunnels = 0;
      behaviour = { kind: 'tunnel' };
    },
    async stop() {
      cutTunnels();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refuse(client: Socket, status: number): void {
  client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
}
