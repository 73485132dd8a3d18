import { once } from 'node:events';
import { connect as connectTcp, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import type { Destination } from './no-proxy.ts';

/** PEM texts. */
export interface TlsMaterial {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** @throws the socket's own error; one with the code ETIMEDOUT once the signal is aborted. */
export async function openTcp(destination: Destination, signal: AbortSignal): Promise<Socket> {
  const options = {
    host: destination.hostname,
    port: destination.port,
    // As undici has its own sockets; whoever sends counts on the buffer being no larger.
    highWaterMark: 64 * 1024,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    noDelay: true,
  };
  return established(connectTcp(options), 'connect', signal);
}

/** TLS over a connection that stands; the name of the destination is what the certificate is for. */
export async function startTls(
  socket: Socket,
  { hostname }: Destination,
  tls: TlsMaterial,
  signal: AbortSignal,
): Promise<TLSSocket> {
  const options = {
    ...tls,
    socket,
    host: hostname,
    // An address is no server name (RFC 6066 §3).
    ...(isIP(hostname) === 0 && { servername: hostname }),
    ALPNProtocols: ['http/1.1'],
    highWaterMark: 16 * 1024,
  };
  return established(connectTls(options), 'secureConnect', signal);
}

async function established<S extends Socket>(
  socket: S,
  event: 'connect' | 'secureConnect',
  signal: AbortSignal,
): Promise<S> {
  // Between two owners nobody listens, and an error without listener ends the process.
  socket.on('error', () => undefined);
  try {
    await once(socket, event, { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    if (!signal.aborted) throw error;
    throw Object.assign(new Error('too late', { cause: error }), { code: 'ETIMEDOUT' });
  }
}
