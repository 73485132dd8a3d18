import { BlockList, SocketAddress, isIP } from 'node:net';

/** A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address with its full prefix. */
export interface Network {
  readonly family: 'ipv4' | 'ipv6';
  readonly address: string;
  readonly prefix: number;
}

/**
 * Where devices may come from unless somebody says otherwise: this host (RFC 1122 §3.2.1.3,
 * RFC 4291 §2.5.3), private IPv4 (RFC 1918) and unique local IPv6 addresses (RFC 4193).
 * Link-local addresses are left out: whoever plugs a cable in has one.
 */
export const localNetworks: readonly Network[] = [
  { family: 'ipv4', address: '127.0.0.0', prefix: 8 },
  { family: 'ipv6', address: '::1', prefix: 128 },
  { family: 'ipv4', address: '10.0.0.0', prefix: 8 },
  { family: 'ipv4', address: '172.16.0.0', prefix: 12 },
  { family: 'ipv4', address: '192.168.0.0', prefix: 16 },
  { family: 'ipv6', address: 'fc00::', prefix: 7 },
];

/** Every address there is. */
export const anyNetwork: readonly Network[] = [
  { family: 'ipv4', address: '0.0.0.0', prefix: 0 },
  { family: 'ipv6', address: '::', prefix: 0 },
];

const loopback: readonly Network[] = localNetworks.slice(0, 2);

/**
 * Parses one network in CIDR notation (RFC 4632 §3.1, RFC 4291 §2.3); a bare address means itself alone.
 *
 * @param text - no surrounding spaces, no zone. An IPv4-mapped IPv6 network counts as IPv4.
 * @returns the network, or `undefined` when the text is none.
 */
export function parseNetwork(text: string): Network | undefined {
  const [addressText = '', prefixText, ...rest] = text.split('/');
  const width = { 0: 0, 4: 32, 6: 128 }[isIP(addressText)] ?? 0;
  if (width === 0 || rest.length > 0 || addressText.includes('%')) return undefined;
  if (prefixText !== undefined && !/^(?:0|[1-9][0-9]{0,2})$/.test(prefixText)) return undefined;
  const prefix = prefixText === undefined ? width : Number(prefixText);
  if (prefix > width) return undefined;

  const mapped = width === 128 ? mappedIpv4(addressText) : undefined;
  if (mapped !== undefined && prefix >= 96) {
    return { family: 'ipv4', address: mapped, prefix: prefix - 96 };
  }
  return { family: width === 32 ? 'ipv4' : 'ipv6', address: addressText, prefix };
}

/** The notation {@link parseNetwork} reads. */
export function formatNetwork({ address, prefix }: Network): string {
  return `${address}/${prefix}`;
}

/**
 * Says whether an address lies in one of the networks.
 *
 * @param address - as `socket.remoteAddress` gives it: a dual-stack socket shows an IPv4 peer as
 *   `::ffff:192.0.2.1`, which counts as IPv4 (RFC 4291 §2.5.5.2). Anything that is no address is
 *   outside every network.
 */
export function isAllowed(networks: readonly Network[], address: string): boolean {
  const bare = address.replace(/%.*$/, '');
  const family = isIP(bare);
  if (family === 0) return false;
  const ipv4 = family === 4 ? bare : mappedIpv4(bare);
  const list = listOf(networks);
  return ipv4 === undefined ? list.ipv6.check(bare, 'ipv6') : list.ipv4.check(ipv4, 'ipv4');
}

interface NetworkLists {
  readonly ipv4: BlockList;
  readonly ipv6: BlockList;
}

/** Made once for each list of networks: every request and association is held against one. */
const madeLists = new WeakMap<readonly Network[], NetworkLists>();

function listOf(networks: readonly Network[]): NetworkLists {
  const made = madeLists.get(networks);
  if (made !== undefined) return made;
  // Families are kept apart: Node would let an IPv6 rule such as ::/0 catch mapped addresses.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const { family, address, prefix } of networks) {
    lists[family].addSubnet(address, prefix, family);
  }
  madeLists.set(networks, lists);
  return lists;
}

/** Says whether a host name or address of a URL or a setting never leaves this machine. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase();
  return bare === 'localhost' || bare.endsWith('.localhost') || isAllowed(loopback, bare);
}

/** `::ffff:c000:201` and every other spelling of it → `192.0.2.1`. */
function mappedIpv4(address: string): string | undefined {
  const canonical = new SocketAddress({ address, family: 'ipv6' }).address;
  return /^::ffff:([0-9.]+)$/.exec(canonical)?.[1];
}
