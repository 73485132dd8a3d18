import { Buffer } from 'node:buffer';
import { request } from 'node:http';
import type { ClientRequest } from 'node:http';
import { isIPv6 } from 'node:net';
import type { Socket } from 'node:net';
import type { Destination } from './no-proxy.ts';
import { openTcp, startTls } from './open-socket.ts';
import type { TlsMaterial } from './open-socket.ts';
import { ProxyError } from './proxy-error.ts';

interface TunnelOptions {
  /** For proxies that are spoken to by https:. */
  readonly tls: TlsMaterial;
  readonly signal: AbortSignal;
}

/**
 * Opens a connection that a proxy carries on to its destination (CONNECT, RFC 9110 §9.3.6).
 *
 * @param proxy - `http:` or `https:`, with user information where the proxy asks for it (Basic).
 * @throws {@link ProxyError}, which says whether the proxy is away, refuses us, or cannot go on.
 */
export async function openTunnel(
  proxy: URL,
  destination: Destination,
  options: TunnelOptions,
): Promise<Socket> {
  const socket = await reach(proxy, options);
  const authority = formatAuthority(destination);
  const asking = request({
    method: 'CONNECT',
    path: authority,
    headers: { host: authority, ...credentials(proxy) },
    createConnection: () => socket,
  });
  const { status, head } = await answerTo(asking, socket, options.signal);
  if (status >= 200 && status <= 299) {
    if (head.length > 0) socket.unshift(head);
    return socket;
  }
  socket.destroy();
  throw new ProxyError(refusalCode(status), { status });
}

async function reach(proxy: URL, { tls, signal }: TunnelOptions): Promise<Socket> {
  const isSecure = proxy.protocol === 'https:';
  const address = {
    hostname: proxy.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(proxy.port) || (isSecure ? 443 : 80),
  };
  try {
    const socket = await openTcp(address, signal);
    // The proxy has no business with our certificate, which is for the archive.
    const trust = tls.ca === undefined ? {} : { ca: tls.ca };
    return isSecure ? await startTls(socket, address, trust, signal) : socket;
  } catch (cause) {
    throw new ProxyError('PROXY_UNREACHABLE', { cause });
  }
}

async function answerTo(
  asking: ClientRequest,
  socket: Socket,
  signal: AbortSignal,
): Promise<{ readonly status: number; readonly head: Buffer }> {
  // Not by the request's own `signal`: that would outlive the answer and end a tunnel in use.
  const giveUp = (): void => void socket.destroy();
  signal.addEventListener('abort', giveUp, { once: true });
  try {
    return await new Promise((resolve, reject) => {
      asking.once('connect', (answer, _socket, head: Buffer) => {
        resolve({ status: answer.statusCode ?? 0, head });
      });
      asking.on('error', reject);
      asking.end();
    });
  } catch (error) {
    socket.destroy();
    const tooLate = signal.aborted && Object.assign(new Error('too late'), { code: 'ETIMEDOUT' });
    throw new ProxyError('PROXY_UNREACHABLE', { cause: tooLate || error });
  } finally {
    signal.removeEventListener('abort', giveUp);
  }
}

function refusalCode(status: number): ProxyError['code'] {
  if (status === 407) return 'PROXY_CREDENTIALS_REFUSED';
  // Proxies answer so when the name has no address or nobody listens there.
  return status >= 500 ? 'PROXY_WITHOUT_ROUTE' : 'PROXY_REFUSED';
}

/** RFC 7617 over RFC 9110 §11.7.2. */
function credentials({ username, password }: URL): Readonly<Record<string, string>> {
  if (username === '' && password === '') return {};
  const pair = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { 'proxy-authorization': `Basic ${Buffer.from(pair, 'utf8').toString('base64')}` };
}

function formatAuthority({ hostname, port }: Destination): string {
  return `${isIPv6(hostname) ? `[${hostname}]` : hostname}:${port}`;
}
