import { matchRoute } from '../../translate/dicomweb-routes.ts';

interface PublicUrlOptions {
  /** Root of the archive's services, as we reach it. */
  readonly baseUrl: string;
  /** What stands between root and resource, where the archive keeps its services apart. */
  readonly servicePaths: readonly string[];
  readonly publicRoot: string;
  /** Of the question whose answer the URLs are in: relative ones are seen from there. */
  readonly path: string;
}

/**
 * Makes what finds the public URL for one of the archive's, and `undefined` for any other: a
 * stranger's, or a resource the front does not have. Nothing is ever fetched to find out (HOSTILE D34).
 *
 * The archive counts by its host name. Behind a proxy it often believes to be reached by another
 * scheme and port than it is; and where it was told our public address, it writes that.
 */
export function publicUrls({
  baseUrl,
  servicePaths,
  publicRoot,
  path,
}: PublicUrlOptions): (url: string) => string | undefined {
  const root = baseUrl.replace(/\/+$/, '');
  const asked = new URL(`${root}${path}`);
  const hosts = new Set([asked.hostname, new URL(publicRoot).hostname]);
  const rootPath = new URL(root).pathname.replace(/\/+$/, '');
  const prefixes = [...new Set(['', ...servicePaths])].map((service) => `${rootPath}${service}/`);

  return (text) => {
    const url = parse(text, asked);
    if (url === undefined || !isPlain(url) || !hosts.has(url.hostname)) return undefined;
    for (const prefix of prefixes) {
      if (!url.pathname.startsWith(prefix)) continue;
      const resource = url.pathname.slice(prefix.length);
      if (matchRoute('GET', resource).kind === 'found') return `${publicRoot}/${resource}`;
    }
    return undefined;
  };
}

function parse(text: string, base: URL): URL | undefined {
  try {
    return new URL(text, base);
  } catch {
    return undefined;
  }
}

/** Credentials, a query or a fragment have no place in the name of a resource. */
function isPlain({ protocol, username, password, search, hash }: URL): boolean {
  return /^https?:$/.test(protocol) && `${username}${password}${search}${hash}` === '';
}
