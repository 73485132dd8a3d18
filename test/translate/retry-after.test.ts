import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readRetryAfter } from '../../src/translate/retry-after.ts';

const now = Date.parse('2026-03-01T12:00:00Z');

describe('Retry-After', () => {
  it.each([
    ['120', 120_000],
    ['0', 0],
    [' 5 ', 5_000],
    ['Sun, 01 Mar 2026 12:02:00 GMT', 120_000],
    ['Sunday, 01-Mar-26 12:02:00 GMT', 120_000],
    ['Sun Mar  1 12:02:00 2026', 120_000],
    ['Sun, 01 Mar 2026 11:00:00 GMT', 0],
  ])('C14 reads %s', (header, expected) => {
    expect(readRetryAfter(header, now)).toBe(expected);
  });

  it.each(['99999999', '9'.repeat(400), 'Fri, 01 Mar 2126 12:02:00 GMT'])(
    'C14 waits one hour at most, whatever %s says',
    (header) => {
      expect(readRetryAfter(header, now)).toBe(3_600_000);
    },
  );

  it.each([undefined, '', '-1', 'abc', '1.5', '0x10', '2026-03-01', 'Sun, 99 Foo 2026'])(
    'C14 leaves the wait to the usual backoff when it says %s',
    (header) => {
      expect(readRetryAfter(header, now)).toBeUndefined();
    },
  );

  it('is bounded for whatever a peer sends', () => {
    fc.assert(
      fc.property(fc.string(), (header) => {
        const wait = readRetryAfter(header, now) ?? 0;
        expect(wait >= 0 && wait <= 3_600_000).toBe(true);
      }),
    );
  });
});
