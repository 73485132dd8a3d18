import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStored, storeStatusOf } from '../../src/translate/c-store-status.ts';
import type { InstanceOutcome } from '../../src/translate/stow-verdict.ts';

const any = fc.integer({ min: 0, max: 0xffff });

describe('the C-STORE status an outcome of the archive becomes', () => {
  it.each([
    ['stored', { kind: 'delivered' }, 0x0000],
    ['C19 stored with coercion', { kind: 'delivered', warningReason: 0xb000 }, 0xb000],
    ['C19 stored, elements discarded', { kind: 'delivered', warningReason: 0xb006 }, 0xb006],
    ['C19 stored, class not matched', { kind: 'delivered', warningReason: 0xb007 }, 0xb007],
    ['stored, with a warning that is none', { kind: 'delivered', warningReason: 0xa700 }, 0x0000],
    ['out of resources', { kind: 'retry', message: 'full', failureReason: 0xa701 }, 0xa700],
    ['C18 refused', { kind: 'set-aside', message: 'no', failureReason: 0xa900 }, 0xa900],
    ['C18 refused', { kind: 'set-aside', message: 'no', failureReason: 0xc122 }, 0xc122],
    [
      'refused as not supported',
      { kind: 'set-aside', message: 'no', failureReason: 0x0122 },
      0x0122,
    ],
    ['refused without a reason', { kind: 'set-aside', message: 'no', httpStatus: 400 }, 0xc000],
    ['C13 too large', { kind: 'set-aside', message: 'too large', httpStatus: 413 }, 0xa700],
  ] as const)('%s', (_what, outcome, status) => {
    expect(storeStatusOf(outcome).status).toBe(status);
  });

  it('never calls an object stored that the archive did not keep, whatever it gives for a reason', () => {
    fc.assert(
      fc.property(any, fc.constantFrom('retry', 'set-aside'), (failureReason, kind) => {
        const { status } = storeStatusOf({ kind, message: 'no', failureReason });
        expect(isStored(status)).toBe(false);
        // Neither pending nor cancelled: both would leave the device waiting.
        expect(status >> 12).not.toBe(0xf);
      }),
    );
  });

  it('always calls an object stored that the archive kept', () => {
    fc.assert(
      fc.property(any, (warningReason) => {
        expect(isStored(storeStatusOf({ kind: 'delivered', warningReason }).status)).toBe(true);
      }),
    );
  });

  it('says why in at most 64 characters', () => {
    const long: InstanceOutcome = { kind: 'retry', message: 'x'.repeat(200) };

    expect(storeStatusOf(long).errorComment).toHaveLength(64);
  });
});
