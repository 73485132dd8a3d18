/** What is wrong with the headers of a request before anybody looks at what they ask. */
export interface HeaderFault {
  readonly status: 400 | 431;
  readonly detail: string;
}

/** Browsers and proxies send about thirty. */
const mostHeaders = 128;

/** Headers that decide something and of which Node would quietly take the first (HOSTILE D20). */
const single: ReadonlySet<string> = new Set(['host', 'authorization', 'content-type', 'origin']);

/** `reg-name` as host names are in practice, an IPv4 address, or one of IPv6; with a port or without. */
const hostValue = /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,255})(?::[0-9]{1,5})?$/;

/** @param rawHeaders - names and values in turn, as Node has them. */
export function findHeaderFault(rawHeaders: readonly string[]): HeaderFault | undefined {
  if (rawHeaders.length > 2 * mostHeaders) {
    return { status: 431, detail: 'the request has too many header fields' };
  }
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = (rawHeaders[index] ?? '').toLowerCase();
    if (!single.has(name)) continue;
    if (seen.has(name)) return fault(`the header ${name} is given twice`);
    seen.add(name);
    if (name === 'host' && !hostValue.test(rawHeaders[index + 1] ?? '')) {
      return fault('the header host names no host');
    }
  }
  return seen.has('host') ? undefined : fault('the header host is missing');
}

/** The host of a Host header that has passed, without its port. */
export function hostNameOf(host: string): string {
  return host.replace(/:[0-9]+$/, '');
}

function fault(detail: string): HeaderFault {
  return { status: 400, detail };
}
