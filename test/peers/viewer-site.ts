import { readFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import path from 'node:path';
import { startLoopbackServer } from './loopback-server.ts';
import type { Peer } from './peer.ts';

/** A web server with nothing but the files of a built viewer, as a hospital may run one. */
export interface ViewerSite extends Peer {
  readonly origin: string;
  /** Text of the `app-config.js` it serves from now on. */
  setConfiguration(script: string): void;
}

export async function startViewerSite(folder: string): Promise<ViewerSite> {
  let configuration = '';
  const server = await startLoopbackServer(() => (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://site.test');
    response.setHeader('cache-control', 'max-age=3600');
    if (pathname === '/app-config.js') send(response, '.js', configuration);
    else void sendFile(response, folder, pathname);
  });
  return {
    ...server,
    origin: server.url,
    setConfiguration: (script) => (configuration = script),
  };
}

async function sendFile(response: ServerResponse, folder: string, pathname: string): Promise<void> {
  const extension = path.extname(pathname);
  // Whatever is no file is a page of the application, which is one page.
  const name = extension === '' ? '/index.html' : path.posix.normalize(pathname);
  const content = await readFile(path.join(folder, name)).catch(() => undefined);
  if (content === undefined) response.writeHead(404).end();
  else send(response, path.extname(name), content);
}

function send(response: ServerResponse, extension: string, content: string | Buffer): void {
  response.setHeader('content-type', mediaTypes.get(extension) ?? 'application/octet-stream');
  response.end(content);
}

const mediaTypes: ReadonlyMap<string, string> = new Map([
  ['.css', 'text/css'],
  ['.html', 'text/html; charset=utf-8'],
  ['.js', 'text/javascript'],
  ['.json', 'application/json'],
  ['.svg', 'image/svg+xml'],
  ['.wasm', 'application/wasm'],
]);
