import { createServer } from 'node:net';

/** @returns the code of the error that stands in the way of listening, `undefined` when nothing does. */
export function tryToBind(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/** What is wrong with an address one cannot listen on, apart from it being taken. */
export function bindObstacle(
  code: string,
  { host, port }: { readonly host: string; readonly port: number },
): string {
  if (code === 'EACCES') {
    return `Port ${port} may not be used by this user: ports below 1024 belong to root.`;
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    return `${host} is not an address of this machine.`;
  }
  return `Nobody can listen on ${host} port ${port} (${code}).`;
}

/** Where a listener that is bound to `host` is reached from this machine. */
export function reachableHost(host: string): string {
  if (host === '::') return '127.0.0.1';
  return host === '0.0.0.0' ? '127.0.0.1' : host;
}
