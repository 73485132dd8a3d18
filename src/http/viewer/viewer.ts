import { readFile } from 'node:fs/promises';
import { problemResponse } from '../problem.ts';
import { appConfigScript } from './app-config.ts';
import type { AppConfigOptions } from './app-config.ts';
import { CompressedFiles } from './compressed-files.ts';
import { chooseForm, fileAnswer, mediaTypeOf } from './file-answer.ts';
import { ViewerFiles } from './viewer-files.ts';
import type { ViewerFile } from './viewer-files.ts';
import { viewerPolicy } from './viewer-policy.ts';

interface ViewerOptions extends AppConfigOptions {
  /** A built viewer, with an `index.html`. */
  readonly folder: string;
  /** Where its users sign in; asked for at each page. */
  readonly signInOrigins: () => Promise<readonly string[]>;
}

/** Answers what no resource of ours is asked for. */
export type Viewer = (request: Request) => Promise<Response>;

/** Somewhat more than all of OHIF. */
const heldBytes = 32 * 1024 * 1024;

const indexPath = '/index.html';
const configPath = '/app-config.js';

/** Never a page of the viewer, even where this listener does not have it (HOSTILE D48). */
const reserved = /^\/(?:health|metrics|admin|debug|docs|openapi\.json|wado|\.[^/]*)(?:\/|$)/;

/** A web viewer from one folder, at the root of the front: no other origin, so no CORS. */
export function createViewer(options: ViewerOptions): Viewer {
  const files = new ViewerFiles(options.folder);
  const compressed = new CompressedFiles({ maxBytes: heldBytes });
  const { signInOrigins } = options;
  const config = appConfigScript(options);
  return async (request) => {
    const { pathname } = new URL(request.url);
    if (reserved.test(pathname)) return problemResponse({ status: 404, title: 'Not Found' });
    if (!['GET', 'HEAD'].includes(request.method)) return methodNotAllowed();
    if (pathname === configPath) return scriptAnswer(config);
    const path = pathname.endsWith('/') ? indexPath : pathname;
    const name = (await files.find(path)) || !isNavigation(request, path) ? path : indexPath;
    const file = await files.find(name);
    if (file === undefined) return problemResponse({ status: 404, title: 'Not Found' });
    if (mediaTypeOf(name).startsWith('text/html')) return pageAnswer(file, await signInOrigins());
    const accepted = request.headers.get('Accept-Encoding') ?? '';
    return fileAnswer(
      request,
      name,
      await chooseForm({ name, file }, accepted, {
        find: (other) => files.find(other),
        gzip: (given) => compressed.gzip(given),
      }),
    );
  };
}

/** The viewer knows what to show there: a study, the way back from signing in. */
function isNavigation({ headers }: Request, path: string): boolean {
  if (path.slice(path.lastIndexOf('/')).includes('.')) return false;
  const mode = headers.get('Sec-Fetch-Mode');
  return mode === null
    ? headers.get('Accept')?.includes('text/html') === true
    : mode === 'navigate';
}

async function pageAnswer(
  { path }: ViewerFile,
  signInOrigins: readonly string[],
): Promise<Response> {
  const html = await readFile(path, 'utf8');
  return new Response(html, {
    headers: {
      'Content-Type': 'text/html; charset=utf-8',
      'Cache-Control': 'no-cache',
      'Content-Security-Policy': viewerPolicy(html, signInOrigins),
      // Addresses of the viewer name studies.
      'Referrer-Policy': 'same-origin',
      'Cross-Origin-Opener-Policy': 'same-origin',
    },
  });
}

function scriptAnswer(script: string): Response {
  return new Response(script, {
    headers: { 'Content-Type': mediaTypeOf(configPath), 'Cache-Control': 'no-cache' },
  });
}

function methodNotAllowed(): Response {
  return problemResponse({
    status: 405,
    title: 'Method Not Allowed',
    headers: { Allow: 'GET, HEAD' },
  });
}
