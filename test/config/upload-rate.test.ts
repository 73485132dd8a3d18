import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseUploadRate } from '../../src/config/upload-rate.ts';

/** The rates of a day as `from-to: rate`, equal hours together. */
function spansOf(text: string): readonly string[] | undefined {
  const day = parseUploadRate(text);
  const starts = [...(day?.keys() ?? [])].filter(
    (hour) => hour === 0 || day?.[hour] !== day?.[hour - 1],
  );
  return (
    day && starts.map((from, at) => `${from}-${starts[at + 1] ?? 24}: ${day[from] ?? 'unlimited'}`)
  );
}

describe('UPLOAD_RATE', () => {
  it.each([
    ['unlimited', ['0-24: unlimited']],
    ['20Mbit/s', ['0-24: 2500000']],
    ['500kbit/s', ['0-24: 62500']],
    ['1.5MB/s', ['0-24: 1500000']],
    ['1Gbit/s', ['0-24: 125000000']],
    ['20Mbit/s@07-19,unlimited', ['0-7: unlimited', '7-19: 2500000', '19-24: unlimited']],
    ['20Mbit/s@7-19, unlimited', ['0-7: unlimited', '7-19: 2500000', '19-24: unlimited']],
    ['unlimited@22-06,1MB/s', ['0-6: unlimited', '6-22: 1000000', '22-24: unlimited']],
    ['1MB/s@00-24', ['0-24: 1000000']],
    ['1MB/s@20-24,2MB/s@00-20', ['0-20: 2000000', '20-24: 1000000']],
    ['1MB/s@22-00,2MB/s', ['0-22: 2000000', '22-24: 1000000']],
  ])('reads %s', (text, spans) => {
    expect(spansOf(text)).toEqual(spans);
  });

  it.each([
    '',
    '20',
    '20Mbit',
    '20mbit/s',
    '0Mbit/s',
    '-1MB/s',
    '1kbit/s',
    '20 Mbit/s',
    'fast',
    '20Mbit/s@07-19',
    '20Mbit/s@07-07,unlimited',
    '20Mbit/s@07-25,unlimited',
    '20Mbit/s@24-07,unlimited',
    '20Mbit/s@07,unlimited',
    '20Mbit/s@07:30-19,unlimited',
    '20Mbit/s@07-19@1-2,unlimited',
    '20Mbit/s@07-19,1MB/s@18-20,unlimited',
    '20Mbit/s,unlimited@07-19',
    '20Mbit/s@00-24,unlimited',
    '20Mbit/s@07-19,',
  ])('refuses %j', (text) => {
    expect(parseUploadRate(text)).toBeUndefined();
  });

  it('gives each hour of a day one rate, or refuses; whatever it reads', () => {
    const part = fc.stringMatching(/^(unlimited|[0-9]{1,3}[kMG](bit|B)\/s)(@[0-9]{2}-[0-9]{2})?$/);
    const texts = fc.array(part, { maxLength: 4 }).map((parts) => parts.join(','));
    fc.assert(
      fc.property(fc.oneof(texts, fc.string()), (text) => {
        const day = parseUploadRate(text);
        if (day === undefined) return;
        expect(day).toHaveLength(24);
        for (const rate of day) expect(rate ?? Infinity).toBeGreaterThanOrEqual(1_000);
      }),
    );
  });
});
