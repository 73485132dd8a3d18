import type { IncomingMessage, ServerResponse } from 'node:http';
import { isAllowed, isLoopbackHost } from '../access/networks.ts';
import type { Network } from '../access/networks.ts';

/** Whether a request was taken, so that nobody else touches it. */
export type RequestTaker = (incoming: IncomingMessage, outgoing: ServerResponse) => boolean;

const body = JSON.stringify({
  status: 403,
  title: 'Forbidden',
  detail: 'HTTPS is needed here',
});

/**
 * Turns away what came unencrypted from another machine and not from a proxy that has decrypted it:
 * a client that shows its token in clear has to be stopped before it does so a thousand times.
 *
 * @param proxies - who may; `undefined` is anybody.
 */
export function guardPlaintext(proxies: readonly Network[] | undefined): RequestTaker {
  if (proxies === undefined) return () => false;
  return (incoming, outgoing) => {
    const { socket } = incoming;
    const { remoteAddress = '' } = socket;
    if (
      'encrypted' in socket ||
      isLoopbackHost(remoteAddress) ||
      isAllowed(proxies, remoteAddress)
    ) {
      return false;
    }
    if (incoming.url?.startsWith('/health/') === true) return false;
    outgoing.writeHead(403, {
      'Content-Type': 'application/problem+json',
      'Cache-Control': 'no-store',
      Connection: 'close',
    });
    outgoing.end(body);
    return true;
  };
}
