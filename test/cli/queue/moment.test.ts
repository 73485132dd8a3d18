import { describe, expect, it } from 'vitest';
import { momentAt, parseAgo, parseMoment } from '../../../src/cli/queue/moment.ts';

const now = Date.parse('2026-11-21T12:00:00Z');

describe('a moment', () => {
  it.each([
    ['0s', 0],
    ['45s', 45_000],
    ['30m', 1_800_000],
    ['1.5h', 5_400_000],
    ['30d', 2_592_000_000],
    ['2w', 1_209_600_000],
  ])('%s is so long ago', (text, agoMs) => {
    expect(parseAgo(text)).toEqual({ agoMs });
    expect(momentAt({ agoMs }, now)).toBe(now - agoMs);
  });

  it.each([
    ['2026-11-20T18:00Z', '2026-11-20T18:00:00Z'],
    ['2026-11-20 18:00:30+02:00', '2026-11-20T16:00:30Z'],
  ])('%s is a date', (text, instant) => {
    expect(parseMoment(text)).toEqual({ at: Date.parse(instant) });
  });

  it('is local time unless it says otherwise, also as a day alone', () => {
    expect(parseMoment('2026-11-20')).toEqual({ at: new Date(2026, 10, 20).getTime() });
    expect(parseMoment('2026-11-20T18:00')).toEqual({ at: new Date(2026, 10, 20, 18).getTime() });
  });

  it.each(['', '2', 'h', '-2h', '2 hours', 'yesterday', '2026-13-45', '20.11.2026', '1e9h'])(
    '%j is none',
    (text) => {
      expect(parseMoment(text)).toBeUndefined();
    },
  );

  it('is never before all time', () => {
    expect(momentAt({ agoMs: 2 * now }, now)).toBe(0);
  });
});
