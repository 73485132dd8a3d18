import { isIP } from 'node:net';
import { isAllowed, parseNetwork } from '../access/networks.ts';
import type { Network } from '../access/networks.ts';

/** Where a connection shall end. */
export interface Destination {
  /** A name or an address, the latter without brackets. */
  readonly hostname: string;
  readonly port: number;
}

/** Says which destinations no proxy stands before. */
export type ProxyExemptions = (destination: Destination) => boolean;

/**
 * Reads a list as `NO_PROXY` holds it: names, addresses and networks, by comma or space.
 *
 * A name stands for itself and all below it, with or without `.` or `*.` before it (as in curl). A
 * port after it narrows it down. `*` stands for everything. What is none of that stands for nothing:
 * the list belongs to the whole machine, and others may understand more than we do.
 */
export function parseNoProxy(text: string): ProxyExemptions {
  const exemptions = text
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .map(exemptionOf);
  return (destination) => exemptions.some((isExempt) => isExempt(destination));
}

function exemptionOf(entry: string): ProxyExemptions {
  if (entry === '*') return () => true;
  const network = parseNetwork(entry);
  if (network !== undefined) return ({ hostname }) => isAllowed([network], hostname);

  const [, host = '', port] = /^(\[[^\]]*\]|[^:]*)(?::([0-9]{1,5}))?$/.exec(entry) ?? [];
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  const matches = isIP(bare) > 0 ? sameAddress(parseNetwork(bare)) : sameOrBelow(bare);
  return (destination) =>
    (port === undefined || Number(port) === destination.port) && matches(destination.hostname);
}

function sameAddress(network: Network | undefined): (hostname: string) => boolean {
  return (hostname) => network !== undefined && isAllowed([network], hostname);
}

function sameOrBelow(pattern: string): (hostname: string) => boolean {
  const name = plain(pattern.replace(/^\*?\./, ''));
  if (name === '') return () => false;
  return (hostname) =>
    plain(hostname) === name || (isIP(hostname) === 0 && plain(hostname).endsWith(`.${name}`));
}

/** Without the dot that ends a name in the DNS root; names know no case. */
function plain(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
