import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readRequestTarget } from '../../../src/http/dicomweb/request-target.ts';
import { good, startFront, statusOf, wire } from './front.ts';
import type { Front } from './front.ts';

let front: Front;
beforeEach(async () => {
  front = await startFront();
});
afterEach(() => front.close());

describe('D17 a path that would have to be tidied up first', () => {
  it.each([
    '/dicom-web/../instances',
    '/dicom-web/%2e%2e/system',
    '/dicom-web/%2E./system',
    '/dicom-web/studies/%2e%2e%2f..',
    '/dicom-web/studies/..%252f..%252fsystem',
    '/dicom-web/%c0%ae%c0%ae/system',
    '/dicom-web/;/../system',
    '/dicom-web/..;/system',
    '/dicom-web\\..\\system',
    '/dicom-web/studies\\1.2.3',
    '/dicom-web//studies',
    '//dicom-web/studies',
    '/dicom-web/./studies',
    '/dicom-web/studies/.',
    '/dicom-web/studies%2f1.2.3',
    '/dicom-web/studies%5c1.2.3',
    '/dicom-web/studies/1.2.3%00',
    '/dicom-web/studies/1.2.3%0d%0aX:1',
    '/dicom-web/instances/../../tools/execute-script',
    '/dicom-web/system',
    '/dicom-web/tools/execute-script',
    '/dicom-web/%73tudies',
    '/dicom-web/studies#x',
  ])('is refused and reaches no archive: %s', async (target) => {
    const answer = await front.raw(wire(target));

    expect([400, 404]).toContain(statusOf(answer));
    expect(answer).toContain('application/problem+json');
    expect(front.relayed).toEqual([]);
  });

  it.each([
    '/instances',
    '/system',
    '/tools/execute-script',
    '/%64icom-web/studies',
    '/DICOM-WEB/studies',
  ])('is nobody’s outside the root: %s', async (target) => {
    expect(statusOf(await front.raw(wire(target)))).toBe(404);
    expect(front.relayed).toEqual([]);
  });
});

describe('D19 a target that is no path', () => {
  it.each([
    'http://169.254.169.254/latest',
    'http://evil/dicom-web/studies',
    '//evil/dicom-web/studies',
  ])('is refused: %s', async (target) => {
    expect(statusOf(await front.raw(wire(target)))).toBe(400);
    expect(front.relayed).toEqual([]);
  });

  it('is refused where it is an asterisk', async () => {
    const answer = await front.raw('OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');

    expect(statusOf(answer)).toBe(400);
  });

  it('opens no tunnel for CONNECT', async () => {
    const answer = await front.raw('CONNECT x:80 HTTP/1.1\r\nHost: x:80\r\n\r\n');

    expect(answer).not.toContain('200');
    expect(front.relayed).toEqual([]);
  });
});

describe('D20 the Host header', () => {
  it.each([
    ['is missing', ''],
    ['is missing in HTTP/1.0', '', '1.0'],
    ['comes twice', 'Host: pacs.example\r\nHost: evil\r\n'],
    ['has a space', 'Host: a b\r\n'],
    ['has a path', 'Host: a/b\r\n'],
    ['has a user', 'Host: user@a\r\n'],
    ['is empty', 'Host:\r\n'],
  ])('is refused where it %s', async (_, lines, version = '1.1') => {
    const answer = await front.raw(
      `GET /dicom-web/studies HTTP/${version}\r\n${lines}Authorization: ${good}\r\nConnection: close\r\n\r\n`,
    );

    expect(statusOf(answer)).toBe(400);
    expect(front.relayed).toEqual([]);
  });

  it('and those of proxies never become part of a link', async () => {
    await front.close();
    const roots: string[] = [];
    front = await startFront((_, sink, { publicRoot }) => {
      roots.push(publicRoot);
      sink.begin({ status: 200, headers: {} });
      sink.end();
    });

    await front.raw(
      wire(
        '/dicom-web/studies',
        'X-Forwarded-Host: evil',
        'Forwarded: host=evil;proto=http',
        'X-Original-URL: /system',
        'X-Rewrite-URL: /system',
      ),
    );

    expect(roots).toEqual(['https://pacs.example/dicom-web']);
    expect(front.relayed.map(({ kind }) => kind)).toEqual(['search']);
  });

  it('leaves a second Authorization no room', async () => {
    const answer = await front.raw(wire('/dicom-web/studies', 'Authorization: Bearer other'));

    expect(statusOf(answer)).toBe(400);
  });
});

describe('D21 a request whose end is not plain', () => {
  const smuggled = 'GET /dicom-web/studies HTTP/1.1\r\nHost: a\r\n\r\n';
  it.each([
    ['Content-Length and Transfer-Encoding', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
    ['an unknown coding', 'Transfer-Encoding: xchunked'],
    ['chunked that is not last', 'Transfer-Encoding: chunked, identity'],
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6'],
    ['a length with a sign', 'Content-Length: +5'],
    ['a length in hexadecimal', 'Content-Length: 0x5'],
    ['a list of lengths', 'Content-Length: 5,5'],
    ['a folded header', 'Transfer-Encoding:\r\n chunked'],
    ['a space before the colon', 'Transfer-Encoding : chunked'],
    ['a bare line feed', 'X: 1\nTransfer-Encoding: chunked'],
  ])('is refused, and what follows is no request: %s', async (_, lines) => {
    const answer = await front.raw(
      `POST /dicom-web/studies HTTP/1.1\r\nHost: a\r\nAuthorization: ${good}\r\n${lines}\r\n\r\n0\r\n\r\n${smuggled}`,
    );

    expect(statusOf(answer)).toBe(400);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(front.relayed).toEqual([]);
  });
});

describe('D27 a header that is too much', () => {
  it('is 414 for a target of 9 KiB', async () => {
    const answer = await front.raw(wire(`/dicom-web/studies?PatientName=${'x'.repeat(9_000)}`));

    expect(statusOf(answer)).toBe(414);
  });

  it.each([
    ['a target of 64 KiB', wire(`/dicom-web/studies?PatientName=${'x'.repeat(65_536)}`)],
    ['one header of 64 KiB', wire('/dicom-web/studies', `X: ${'x'.repeat(65_536)}`)],
    ['2,000 headers', wire('/dicom-web/studies', ...Array.from({ length: 2_000 }, () => 'x:1'))],
    ['200 headers', wire('/dicom-web/studies', ...Array.from({ length: 200 }, () => 'x:1'))],
  ])('is 431 for %s', async (_, text) => {
    expect(statusOf(await front.raw(text))).toBe(431);
    expect(front.relayed).toEqual([]);
  });
});

it('leaves what is not below its root to others', async () => {
  expect(await (await fetch(`${front.url}/health/live`)).text()).toBe('ok\n');
});

it.each([
  [
    '/dicom-web/studies?PatientName=*Doe*',
    { kind: 'dicomweb', path: 'studies', query: 'PatientName=*Doe*' },
  ],
  ['/dicom-web', { kind: 'dicomweb', path: '', query: '' }],
  ['/dicom-webs/studies', { kind: 'other' }],
  ['/wado?requestType=WADO', { kind: 'wado', query: 'requestType=WADO' }],
  ['/wado/x', { kind: 'other' }],
  ['/dicom-web/studies?a=/../b%2f', { kind: 'dicomweb', path: 'studies', query: 'a=/../b%2f' }],
])('reads %s', (target, expected) => {
  expect(readRequestTarget(target, '/dicom-web')).toEqual(expected);
});
