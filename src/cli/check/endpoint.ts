import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { describeTransportError } from '../../translate/transport-fault.ts';
import { httpExchange } from './http-exchange.ts';
import { destinationOf, openSocket, proxyOnTheWay } from './open-way.ts';
import type { WayThere } from './open-way.ts';
import { failed, ok, skipped, warning } from './probe.ts';
import type { Finding, Probe } from './probe.ts';
import { lookAtTls } from './tls-chain.ts';
import { formatDuration } from './units.ts';
import type { World } from './world.ts';

/** A server the bridge depends on. */
interface Endpoint {
  readonly id: 'archive' | 'token-server' | 'issuer';
  readonly name: string;
  /** The setting that has its address. */
  readonly variable: string;
  /** @returns a finding when there is nothing to look at. */
  urlOf(world: World): URL | Finding;
}

const noArchive = skipped('Objects stay in the embedded archive (DRAWBRIDGE_UPSTREAM_URL).');

export const archiveEndpoint: Endpoint = {
  id: 'archive',
  name: 'archive',
  variable: 'DRAWBRIDGE_UPSTREAM_URL',
  urlOf: ({ upstream }) => (upstream === undefined ? noArchive : new URL(upstream.archive.url)),
};

export const tokenEndpoint: Endpoint = {
  id: 'token-server',
  name: 'token server',
  variable: 'DRAWBRIDGE_UPSTREAM_TOKEN_URL or DRAWBRIDGE_UPSTREAM_ISSUER',
  urlOf: ({ upstream }) => {
    if (upstream === undefined) return noArchive;
    const { auth } = upstream.archive;
    const address = 'clientId' in auth ? (auth.tokenUrl ?? auth.issuer) : undefined;
    return address === undefined
      ? skipped(`No token server is used (DRAWBRIDGE_UPSTREAM_AUTH is ${auth.kind}).`)
      : new URL(address);
  },
};

export const issuerEndpoint: Endpoint = {
  id: 'issuer',
  name: 'identity provider',
  variable: 'DRAWBRIDGE_OIDC_ISSUER',
  urlOf: ({ config }) =>
    config.access.oidc === undefined
      ? skipped('No tokens of an identity provider are taken (DRAWBRIDGE_HTTP_AUTH).')
      : new URL(config.access.oidc.issuer),
};

/** The way the bridge goes to everything outside; straight where the archive is its own. */
export function wayOf({ upstream }: World): WayThere {
  return upstream === undefined
    ? { tls: {}, proxies: undefined }
    : { tls: upstream.tls, proxies: upstream.archive.proxies };
}

/** From the name to the clock: the probes of one server, in the order in which they build on another. */
export function endpointProbes(endpoint: Endpoint): readonly Probe[] {
  const { id, name, variable } = endpoint;
  const step = (
    what: string,
    title: string,
    needs: readonly string[],
    look: (url: URL, way: WayThere, signal: AbortSignal) => Promise<Finding>,
  ): Probe => ({
    id: `${id}.${what}`,
    title,
    about: name,
    needs: needs.map((need) => `${id}.${need}`),
    run: async (world, signal) => {
      const url = endpoint.urlOf(world);
      return url instanceof URL ? look(url, wayOf(world), signal) : url;
    },
  });
  return [
    step('dns', 'Name (DNS)', [], (url, way) => lookUpName(url, way, variable)),
    step('tcp', 'Connection (TCP)', ['dns'], (url, way, signal) =>
      connect(url, way, { variable, signal }),
    ),
    step('tls', 'Certificate (TLS)', ['tcp'], (url, way, signal) =>
      lookAtTls(url, way, { variable, signal }),
    ),
    step('clock', 'Clock', ['tls'], (url, way, signal) => compareClocks(url, way, name, signal)),
  ];
}

async function lookUpName(url: URL, way: WayThere, variable: string): Promise<Finding> {
  const proxy = proxyOnTheWay(url, way);
  const { hostname } = destinationOf(proxy ?? url);
  const of = proxy === undefined ? hostname : `${hostname} (the proxy, which looks up the rest)`;
  if (isIP(hostname) > 0) return ok(`${of} is an address, no name to look up.`);
  try {
    const addresses = (await lookup(hostname, { all: true })).map(({ address }) => address);
    return ok(`${of} is ${addresses.join(', ')}.`, { hostname, addresses });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'error';
    const isUnknown = code === 'ENOTFOUND';
    return failed(
      isUnknown
        ? `There is no host ${hostname} by the DNS servers of this machine.`
        : `The DNS servers of this machine do not answer for ${hostname} (${code}).`,
      `Check the name in ${proxy === undefined ? variable : 'DRAWBRIDGE_UPSTREAM_PROXY or HTTPS_PROXY'}${isUnknown ? '' : ', and /etc/resolv.conf'}.`,
      { hostname, code },
    );
  }
}

async function connect(
  url: URL,
  way: WayThere,
  { variable, signal }: { readonly variable: string; readonly signal: AbortSignal },
): Promise<Finding> {
  const { hostname, port } = destinationOf(url);
  const proxy = proxyOnTheWay(url, way);
  const through = proxy === undefined ? '' : ` through the proxy ${proxy.host}`;
  const begun = performance.now();
  try {
    const socket = await openSocket(url, way, signal);
    const milliseconds = Math.round(performance.now() - begun);
    const address = socket.remoteAddress ?? hostname;
    socket.destroy();
    const facts = { hostname, port, proxy: proxy?.host ?? null, milliseconds };
    return ok(
      proxy === undefined
        ? `${address} port ${port} answers in ${milliseconds} ms.`
        : `${hostname} port ${port} answers${through} in ${milliseconds} ms.`,
      facts,
    );
  } catch (error) {
    return failed(
      `${hostname} port ${port} cannot be reached${through}: ${describeTransportError(error)}.`,
      proxy === undefined
        ? `Check host and port in ${variable}, and the firewall on the way; where a proxy is needed, set DRAWBRIDGE_UPSTREAM_PROXY.`
        : 'Check DRAWBRIDGE_UPSTREAM_PROXY (or HTTPS_PROXY and NO_PROXY), and what the proxy lets through.',
      { hostname, port, proxy: proxy?.host ?? null },
    );
  }
}

/** Tokens are signed for minutes; beyond it they are not valid yet, or not any more. */
const notableSkewMs = 30_000;

async function compareClocks(
  url: URL,
  way: WayThere,
  name: string,
  signal: AbortSignal,
): Promise<Finding> {
  const before = Date.now();
  const { headers } = await httpExchange(url, way, { method: 'HEAD', signal });
  const between = (before + Date.now()) / 2;
  const date = Date.parse(headers.date ?? '');
  if (Number.isNaN(date))
    return skipped(`The ${name} does not say what time it is (no Date header).`);
  // The header has whole seconds, cut off.
  const skewMs = date + 500 - between;
  const facts = { skewSeconds: Math.round(skewMs / 1000) };
  if (Math.abs(skewMs) < notableSkewMs)
    return ok(`The clock of the ${name} and ours agree.`, facts);
  const direction = skewMs > 0 ? 'ahead of' : 'behind';
  return warning(
    `The clock of the ${name} is ${formatDuration(Math.abs(skewMs))} ${direction} ours: tokens may count as expired or not valid yet.`,
    'Set both clocks by NTP; look at this one first (timedatectl).',
    facts,
  );
}
