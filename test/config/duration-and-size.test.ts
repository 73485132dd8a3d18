import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, maxDurationMs, parseDuration } from '../../src/config/duration.ts';
import { formatSize, parseSize } from '../../src/config/size.ts';

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['5m', 300_000],
    ['1h', 3_600_000],
    ['1.5m', 90_000],
    ['0s', 0],
    ['0', 0],
  ])('reads %s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds);
  });

  it.each([
    '',
    '30',
    's',
    '-1s',
    '1 s',
    '1d',
    '1e3s',
    '30S',
    '1.s',
    '600h',
    '9999999999999999999h',
  ])('refuses %j', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: maxDurationMs }), (milliseconds) => {
        expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
      }),
    );
  });

  it('never takes what a timer cannot hold, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9]{1,30}(ms|s|m|h)$/)), (text) => {
        const milliseconds = parseDuration(text) ?? 0;
        expect(Number.isInteger(milliseconds)).toBe(true);
        expect(milliseconds).toBeLessThanOrEqual(maxDurationMs);
      }),
    );
  });
});

describe('sizes', () => {
  it.each([
    ['64KiB', 65_536],
    ['10MB', 10_000_000],
    ['2GiB', 2 ** 31],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['131072', 131_072],
    ['0', 0],
    ['12B', 12],
  ])('reads %s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  it.each([
    '',
    'KiB',
    '-1',
    '1 KiB',
    '1K',
    '1iB',
    '1kiB',
    '64kib',
    '0x10',
    '99999999999999999999',
    '9000000TiB',
  ])('refuses %j', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  it('reads back what it writes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        expect(parseSize(formatSize(bytes))).toBe(bytes);
      }),
    );
  });
});
