import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  anyNetwork,
  formatNetwork,
  isAllowed,
  isLoopbackHost,
  localNetworks,
  parseNetwork,
} from '../../src/access/networks.ts';

describe('networks', () => {
  it.each([
    ['10.0.0.0/8', { family: 'ipv4', address: '10.0.0.0', prefix: 8 }],
    ['192.0.2.7', { family: 'ipv4', address: '192.0.2.7', prefix: 32 }],
    ['fd00::/8', { family: 'ipv6', address: 'fd00::', prefix: 8 }],
    ['::1', { family: 'ipv6', address: '::1', prefix: 128 }],
    ['::ffff:10.0.0.0/104', { family: 'ipv4', address: '10.0.0.0', prefix: 8 }],
    ['::ffff:a00:1', { family: 'ipv4', address: '10.0.0.1', prefix: 32 }],
  ])('parses %s', (text, network) => {
    expect(parseNetwork(text)).toEqual(network);
  });

  it.each([
    '',
    '10.0.0.0/33',
    '::/129',
    '10.0.0/8',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0.0/08',
    'ct',
    'fe80::1%eth0',
    '10.0.0.0/-1',
  ])('refuses %j', (text) => {
    expect(parseNetwork(text)).toBeUndefined();
  });

  it.each([
    '127.0.0.1',
    '::1',
    '10.1.2.3',
    '172.31.255.255',
    '192.168.0.1',
    'fd12::1',
    '::ffff:10.0.0.1',
    '::ffff:7f00:1',
  ])('lets %s in by default', (address) => {
    expect(isAllowed(localNetworks, address)).toBe(true);
  });

  it.each([
    '8.8.8.8',
    '172.32.0.1',
    '169.254.1.1',
    'fe80::1',
    'fe80::1%eth0',
    '2001:db8::1',
    '::ffff:8.8.8.8',
    '',
    'localhost',
  ])('keeps %j out by default', (address) => {
    expect(isAllowed(localNetworks, address)).toBe(false);
  });

  it('A13 counts a v4-mapped peer as IPv4 and never as IPv6', () => {
    const onlyIpv6 = anyNetwork.filter(({ family }) => family === 'ipv6');
    const onlyIpv4 = anyNetwork.filter(({ family }) => family === 'ipv4');

    expect(isAllowed(onlyIpv6, '::ffff:192.0.2.1')).toBe(false);
    expect(isAllowed(onlyIpv4, '::ffff:192.0.2.1')).toBe(true);
  });

  it('holds every address of an IPv4 network and none beside it', () => {
    const toText = (n: number): string =>
      [24, 16, 8, 0].map((shift) => (n >>> shift) & 255).join('.');
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.integer({ min: 0, max: 2 ** 32 - 1 }),
        fc.integer({ min: 1, max: 32 }),
        (base, other, prefix) => {
          const network = parseNetwork(`${toText(base)}/${prefix}`);
          const same = base >>> (32 - prefix) === other >>> (32 - prefix);
          expect(network && isAllowed([network], toText(other))).toBe(same);
        },
      ),
    );
  });

  it('reads back what it writes', () => {
    for (const network of [...localNetworks, ...anyNetwork]) {
      expect(parseNetwork(formatNetwork(network))).toEqual(network);
    }
  });

  it.each([
    ['localhost', true],
    ['pacs.localhost', true],
    ['127.8.9.1', true],
    ['[::1]', true],
    ['::1', true],
    ['192.168.1.1', false],
    ['localhost.example.org', false],
  ])('says of %s whether it is loopback: %s', (host, expected) => {
    expect(isLoopbackHost(host)).toBe(expected);
  });
});
