import type { Socket } from 'node:net';
import type { TlsMaterial } from '../../compose/tls-material.ts';
import type { ProxyConfig } from '../../config/proxy.ts';
import type { Destination } from '../../egress/no-proxy.ts';
import { openTcp, startTls } from '../../egress/open-socket.ts';
import { openTunnel } from '../../egress/open-tunnel.ts';
import { proxyChoice } from '../../egress/proxy-connector.ts';

/** How one gets somewhere. */
export interface WayThere {
  readonly tls: TlsMaterial;
  readonly proxies: ProxyConfig | undefined;
}

/** Where a URL leads. */
export function destinationOf({ protocol, hostname, port }: URL): Destination {
  return {
    hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port) || (protocol === 'https:' ? 443 : 80),
  };
}

/** The proxy on the way, without its credentials; `undefined` when the way is straight. */
export function proxyOnTheWay(url: URL, { proxies }: WayThere): URL | undefined {
  return proxies === undefined ? undefined : proxyChoice(proxies)(url.protocol, destinationOf(url));
}

/** A TCP connection, through the proxy where there is one. */
export function openSocket(url: URL, way: WayThere, signal: AbortSignal): Promise<Socket> {
  const destination = destinationOf(url);
  const proxy = proxyOnTheWay(url, way);
  return proxy === undefined
    ? openTcp(destination, signal)
    : openTunnel(proxy, destination, { tls: way.tls, signal });
}

/** The same with TLS on it, the certificate checked. */
export async function openSecureSocket(
  url: URL,
  way: WayThere,
  signal: AbortSignal,
): Promise<Socket> {
  return startTls(await openSocket(url, way, signal), destinationOf(url), way.tls, signal);
}
