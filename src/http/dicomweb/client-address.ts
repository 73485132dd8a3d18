import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isAllowed } from '../../access/networks.ts';
import type { Network } from '../../access/networks.ts';

/**
 * The address a request comes from: that of the connection, unless a proxy of ours stands there. Then
 * the last one in `X-Forwarded-For` that is no proxy of ours, since everything before it was written by
 * whoever stands there.
 */
export function clientAddressOf(
  { socket, headers }: IncomingMessage,
  trustedProxies: readonly Network[],
): string {
  let address = socket.remoteAddress ?? '';
  const hops = [headers['x-forwarded-for'] ?? []].flat().join(',').split(',').reverse();
  for (const hop of hops) {
    if (trustedProxies.length === 0 || !isAllowed(trustedProxies, address)) return address;
    const next = bareAddress(hop.trim());
    if (isIP(next) === 0) return address;
    address = next;
  }
  return address;
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711`, as some proxies write them. */
function bareAddress(text: string): string {
  const bracketed = /^\[([^\]]*)\](?::[0-9]+)?$/.exec(text)?.[1];
  return bracketed ?? text.replace(/^([0-9.]+):[0-9]+$/, '$1');
}
