import type { Socket } from 'node:net';
import { isLoopbackHost } from '../access/networks.ts';
import type { Destination } from './no-proxy.ts';
import { parseNoProxy } from './no-proxy.ts';
import { openTcp, startTls } from './open-socket.ts';
import type { TlsMaterial } from './open-socket.ts';
import { openTunnel } from './open-tunnel.ts';

/** Which proxy stands on the way to where. URLs may hold credentials: they are not for showing. */
export interface ProxySettings {
  /** For `https:` destinations; none: straight. */
  readonly https: string | undefined;
  /** For `http:` destinations. */
  readonly http: string | undefined;
  /** As `NO_PROXY` has it. */
  readonly noProxy: string;
  /** Whether this machine itself is reached straight, whatever the list says. */
  readonly sparesLoopback: boolean;
}

interface ConnectorOptions {
  readonly proxies: ProxySettings;
  /** For the destination; the authorities count for a proxy behind `https:` too. */
  readonly tls: TlsMaterial;
  /** To a connection that stands: proxy, tunnel and TLS together. */
  readonly timeoutMs: number;
}

/** What undici asks of whoever makes its connections. */
export type Connector = (
  target: {
    readonly hostname: string;
    readonly protocol: string;
    readonly port: string;
  },
  done: (...result: [null, Socket] | [Error, null]) => void,
) => void;

/**
 * Makes connections through the proxies of a site.
 *
 * Tunnels (CONNECT) to `http:` destinations too: the connection is then kept, broken and timed out
 * like any other, and the proxy's credentials never stand beside the archive's.
 */
export function proxyConnector({ proxies, tls, timeoutMs }: ConnectorOptions): Connector {
  const choose = proxyChoice(proxies);
  return ({ hostname, protocol, port }, done) => {
    const isSecure = protocol === 'https:';
    const destination = { hostname, port: Number(port) || (isSecure ? 443 : 80) };
    const signal = AbortSignal.timeout(timeoutMs);
    const open = async (): Promise<Socket> => {
      const proxy = choose(protocol, destination);
      const socket = await (proxy === undefined
        ? openTcp(destination, signal)
        : openTunnel(proxy, destination, { tls, signal }));
      return isSecure ? startTls(socket, destination, tls, signal) : socket;
    };
    open().then(
      (socket) => done(null, socket),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), null),
    );
  };
}

/** Says which proxy stands on the way to a destination; none: straight. */
export function proxyChoice(
  proxies: ProxySettings,
): (protocol: string, destination: Destination) => URL | undefined {
  const isExempt = parseNoProxy(proxies.noProxy);
  return (protocol, destination) => {
    const url = protocol === 'https:' ? proxies.https : proxies.http;
    if (url === undefined || isExempt(destination)) return undefined;
    if (proxies.sparesLoopback && isLoopbackHost(destination.hostname)) return undefined;
    return new URL(url);
  };
}
