import fc from 'fast-check';
import { expect, it } from 'vitest';
import { editDistance, nearestName } from '../../src/config/nearest-name.ts';

it('finds the name that was meant', () => {
  expect(nearestName('DIMSE_PROT', ['HTTP_PORT', 'DIMSE_PORT'])).toBe('DIMSE_PORT');
});

it('guesses nothing that is far away', () => {
  expect(nearestName('COLOUR', ['HTTP_PORT', 'DIMSE_PORT'])).toBeUndefined();
});

it('measures a distance: symmetric, zero only for equals, never beyond the longer length', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (left, right) => {
      const distance = editDistance(left, right);
      expect(distance).toBe(editDistance(right, left));
      expect(distance === 0).toBe(left === right);
      expect(distance).toBeLessThanOrEqual(Math.max(left.length, right.length));
    }),
  );
});
