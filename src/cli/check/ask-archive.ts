import { httpExchange } from './http-exchange.ts';
import type { PlainAnswer } from './http-exchange.ts';
import type { WayThere } from './open-way.ts';
import type { Upstream } from './world.ts';

/** A search for studies (QIDO-RS) with our credentials. */
export async function searchStudies(
  upstream: Upstream,
  query: string,
  signal: AbortSignal,
): Promise<PlainAnswer> {
  return httpExchange(serviceUrl(upstream, upstream.archive.qidoPath, query), wayTo(upstream), {
    headers: { accept: 'application/dicom+json', ...(await credentials(upstream, signal)) },
    signal,
  });
}

/** The Authorization header, where there is one. */
export async function credentials(
  { authorization }: Upstream,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>>> {
  const value = await authorization.authorization({ signal });
  return value === undefined ? {} : { authorization: value };
}

/** The studies resource of one of the archive's services. */
export function serviceUrl({ archive }: Upstream, path: string | undefined, query: string): URL {
  return new URL(`${archive.url}${path === undefined ? '' : `/${path}`}/studies${query}`);
}

export function wayTo({ tls, archive }: Upstream): WayThere {
  return { tls, proxies: archive.proxies };
}
