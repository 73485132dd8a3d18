import fc from 'fast-check';
import { expect, it } from 'vitest';
import { formatDestination, parseDestination } from '../../src/cli/destination.ts';
import { parseAeTitle } from '../../src/dicom/ae-title.ts';

it.each([
  ['PACS@192.0.2.7:104', { calledAeTitle: 'PACS', host: '192.0.2.7', port: 104 }],
  ['PACS@pacs.example.org:11112', { calledAeTitle: 'PACS', host: 'pacs.example.org', port: 11112 }],
  ['PACS@[2001:db8::1]:104', { calledAeTitle: 'PACS', host: '2001:db8::1', port: 104 }],
  ['A@B@host:104', { calledAeTitle: 'A@B', host: 'host', port: 104 }],
  ['MY PACS@host:104', { calledAeTitle: 'MY PACS', host: 'host', port: 104 }],
])('reads %s', (text, destination) => {
  expect(parseDestination(text)).toEqual(destination);
});

it.each([
  '',
  'PACS',
  '@host:104',
  'PACS@host',
  'PACS@:104',
  'PACS@host:0',
  'PACS@host:65536',
  'PACS@host:1x',
  'PACS@2001:db8::1:104',
  'A\\B@host:104',
  'A TITLE TOO LONG!@host:104',
  'PACS@ho st:104',
])('refuses %j', (text) => {
  expect(parseDestination(text)).toBeUndefined();
});

it('reads back what it writes', () => {
  const title = fc.stringMatching(/^[!-[\]-~]{1,16}$/).map((text) => parseAeTitle(text));
  const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
  fc.assert(
    fc.property(title, host, fc.integer({ min: 1, max: 65535 }), (calledAeTitle, name, port) => {
      if (calledAeTitle === undefined) throw new Error('not a title');
      const destination = { calledAeTitle, host: name, port };
      expect(parseDestination(formatDestination(destination))).toEqual(destination);
    }),
  );
});
