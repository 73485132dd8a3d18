import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matches } from '../../../src/archive/embedded/attribute-match.ts';

const of = (vr: string, ...Value: unknown[]) => ({ vr, Value });

describe('matching', () => {
  it.each([
    [of('LO', 'ABC'), 'ABC', true],
    [of('LO', 'ABC'), 'abc', false],
    [of('LO', 'ABC'), 'AB', false],
    [of('LO', 'ABC'), 'A*', true],
    [of('LO', 'ABC'), '?B?', true],
    [of('LO', 'ABC'), '?B', false],
    [of('LO', 'ABC', 'XYZ'), 'X*', true],
    [of('PN', { Alphabetic: 'Smith^John' }), 'SM?TH*^J*', true],
    [of('PN', { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎' }), '山田*', true],
    [of('PN', { Alphabetic: 'Smith^John' }), 'Smyth*', false],
    [of('IS', 7), '7', true],
    [of('UI', '1.2.3'), '1.2.3', true],
    [of('UI', '1.2.3'), '1.2.4,1.2.3', true],
    [of('UI', '1.2.3'), '1.2.4\\1.2.3', true],
    [of('UI', '1.2.3'), '1.2.*', false],
    [of('DA', '20240115'), '20240115', true],
    [of('DA', '20240115'), '20240101-20240131', true],
    [of('DA', '20240115'), '-20240114', false],
    [of('DA', '20240115'), '20240115-', true],
    [of('DA', '20240115'), '2024*', false],
    [of('TM', '125959'), '12-12', true],
    [of('LO', '100%'), '100%', true],
    [of('LO', '[x]_'), '[x]_', true],
    [of('LO', 'x'), '[x]', false],
    [undefined, 'A', false],
    [{ vr: 'LO' }, 'A*', false],
  ])('B31 %j against %j: %s', (attribute, key, expected) => {
    expect(matches(attribute, key)).toBe(expected);
  });

  it.each(['', '*', '**'])(
    'an empty key or stars alone (%j) match everything, even nothing',
    (key) => {
      expect(matches(undefined, key)).toBe(true);
      expect(matches(of('DA', '20240115'), key)).toBe(true);
    },
  );

  it('a text without wildcards matches itself alone', () => {
    const text = fc.string({ minLength: 1 }).filter((one) => !/[*?]/.test(one));
    fc.assert(
      fc.property(text, text, (value, key) => {
        expect(matches(of('LO', value), key)).toBe(value === key);
      }),
    );
  });

  it('many stars take no time', () => {
    expect(matches(of('LO', 'a'.repeat(64)), `${'*'.repeat(40)}b`)).toBe(false);
  });
});
