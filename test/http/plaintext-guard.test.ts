import type { IncomingMessage, ServerResponse } from 'node:http';
import { expect, it } from 'vitest';
import { localNetworks, parseNetwork } from '../../src/access/networks.ts';
import type { Network } from '../../src/access/networks.ts';
import { guardPlaintext } from '../../src/http/plaintext-guard.ts';

const proxy = parseNetwork('192.0.2.1') as Network;

/** The status a request without TLS is turned away with; `undefined` when it goes on. */
function statusFor(
  proxies: readonly Network[] | undefined,
  remoteAddress: string | undefined,
  { url = '/dicom-web/studies', encrypted = false } = {},
): number | undefined {
  let status: number | undefined;
  const socket = { remoteAddress, ...(encrypted && { encrypted: true }) };
  const isTaken = guardPlaintext(proxies)(
    { socket, url } as unknown as IncomingMessage,
    {
      writeHead: (code: number) => (status = code),
      end: () => undefined,
    } as unknown as ServerResponse,
  );
  expect(isTaken).toBe(status !== undefined);
  return status;
}

it.each([
  ['127.0.0.1', undefined],
  ['::1', undefined],
  ['::ffff:127.0.0.1', undefined],
  ['192.0.2.1', undefined],
  ['::ffff:192.0.2.1', undefined],
  ['192.0.2.2', 403],
  ['10.0.0.1', 403],
  ['fe80::1%eth0', 403],
  [undefined, 403],
])('takes requests without TLS from this machine and the proxies alone: %s', (address, status) => {
  expect(statusFor([proxy], address)).toBe(status);
});

it('knows no other proxies than those that were named', () => {
  expect(statusFor([], '192.0.2.1')).toBe(403);
  expect(statusFor(localNetworks, '10.0.0.1')).toBeUndefined();
});

it('lets pass what came over TLS, from wherever, and everything where that was asked for', () => {
  expect(statusFor([], '203.0.113.9', { encrypted: true })).toBeUndefined();
  expect(statusFor(undefined, '203.0.113.9')).toBeUndefined();
});

it('tells its health to everybody, which shows no token', () => {
  expect(statusFor([], '203.0.113.9', { url: '/health/ready' })).toBeUndefined();
  expect(statusFor([], '203.0.113.9', { url: '/healthy' })).toBe(403);
});
