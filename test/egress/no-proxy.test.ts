import { describe, expect, it } from 'vitest';
import { parseNoProxy } from '../../src/egress/no-proxy.ts';

describe('NO_PROXY', () => {
  it.each([
    ['pacs.example.org', 'pacs.example.org', 443],
    ['PACS.example.org', 'pacs.EXAMPLE.org', 443],
    ['pacs.example.org.', 'pacs.example.org', 443],
    ['pacs.example.org', 'pacs.example.org.', 443],
    ['example.org', 'pacs.example.org', 443],
    ['.example.org', 'pacs.example.org', 443],
    ['.example.org', 'example.org', 443],
    ['*.example.org', 'a.b.example.org', 443],
    ['other.test, example.org', 'example.org', 443],
    ['other.test example.org', 'example.org', 443],
    ['example.org:8443', 'example.org', 8443],
    ['*', 'anything.test', 1],
    ['a.test,*', '192.0.2.1', 1],
    ['192.0.2.1', '192.0.2.1', 443],
    ['192.0.2.1:443', '192.0.2.1', 443],
    ['10.0.0.0/8', '10.200.3.4', 443],
    ['2001:db8::1', '2001:db8:0:0::1', 443],
    ['[2001:db8::1]', '2001:db8::1', 443],
    ['[2001:db8::1]:443', '2001:db8::1', 443],
    ['2001:db8::/32', '2001:db8:7::9', 443],
  ])('%s exempts %s:%i', (text, hostname, port) => {
    expect(parseNoProxy(text)({ hostname, port })).toBe(true);
  });

  it.each([
    ['', 'example.org', 443],
    [' , ,', 'example.org', 443],
    ['.', 'example.org', 443],
    ['example.org', 'badexample.org', 443],
    ['example.org', 'example.org.evil.test', 443],
    ['pacs.example.org', 'example.org', 443],
    ['example.org:8443', 'example.org', 443],
    ['192.0.2.1', '192.0.2.10', 443],
    ['2.1', '192.0.2.1', 443],
    ['10.0.0.0/8', '11.0.0.1', 443],
    ['10.0.0.0/99', '10.0.0.1', 443],
    ['[2001:db8::1]:8443', '2001:db8::1', 443],
    ['2001:db8::1', '2001:db8::2', 443],
    ['exa*.org', 'example.org', 443],
  ])('%j does not exempt %s:%i', (text, hostname, port) => {
    expect(parseNoProxy(text)({ hostname, port })).toBe(false);
  });
});
