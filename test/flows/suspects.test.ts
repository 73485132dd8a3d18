import { describe, expect, it } from 'vitest';
import { Suspects } from '../../src/flows/suspects.ts';
import type { Suspect } from '../../src/flows/suspects.ts';
import type { SpoolEntry } from '../../src/spool/spool.ts';

function entry(id: string): SpoolEntry {
  const facts = { arrivedAt: 0, urgent: false, destination: 'main', bytes: 1 };
  return { id, ...facts, studyDigest: '', instanceDigest: id };
}

const [a, b, c] = [entry('a'), entry('b'), entry('c')];
const first = { suspicion: 'broke', before: undefined, strikes: 0 } as const;

function noted(suspects: Suspects, entries: readonly SpoolEntry[]): Suspect {
  suspects.note(entries, first);
  const suspect = suspects.of(entries);
  if (suspect === undefined) throw new Error('not noted');
  return suspect;
}

describe('suspects', () => {
  it('knows a lease by any entry of it, until the entry is cleared', () => {
    const suspects = new Suspects();
    const suspect = noted(suspects, [a, b]);

    expect(suspects.of([c, b])).toBe(suspect);
    expect(suspects.of([c])).toBeUndefined();
    suspects.clear(b);
    expect(suspects.of([b])).toBeUndefined();
    expect(suspects.of([a])).toBe(suspect);
    suspects.clear(a);
    expect(suspects.of([a, b])).toBeUndefined();
  });

  it('tells what was under way together with a suspect, at any time of it', () => {
    const suspects = new Suspects();
    const before = suspects.mark;
    expect(suspects.wasBeside(before)).toBe(false);

    suspects.begin();
    const during = suspects.mark;
    expect(suspects.isOneUnderWay).toBe(true);
    suspects.end();

    expect(suspects.wasBeside(before)).toBe(true);
    expect(suspects.wasBeside(during)).toBe(true);
    expect(suspects.wasBeside(suspects.mark)).toBe(false);
  });

  it('counts as proof what passed since the last failure, and since the first of the batch', () => {
    const suspects = new Suspects();
    const whole = noted(suspects, [a, b]);
    expect(suspects.prior(whole, true)).toMatchObject({
      passedSince: false,
      passedSinceFirst: false,
      answered: true,
    });
    suspects.passed();
    expect(suspects.prior(whole, undefined).passedSince).toBe(true);

    suspects.note([a], { suspicion: 'broke', before: whole, strikes: 1 });
    const part = suspects.of([a]);

    expect(part && suspects.prior(part, undefined)).toMatchObject({
      passedSince: false,
      passedSinceFirst: true,
      strikes: 1,
    });
  });

  it('lets one batch at a time be taken apart while nothing passes', () => {
    const suspects = new Suspects();
    const one = noted(suspects, [a]);
    const other = noted(suspects, [b]);
    const mayTakeApart = (suspect: Suspect): boolean =>
      suspects.prior(suspect, undefined).mayTakeApart;
    expect([mayTakeApart(one), mayTakeApart(other)]).toEqual([true, true]);
    expect(suspects.isTakingApart).toBe(false);

    suspects.takeApart(one);
    expect(suspects.isTakingApart).toBe(true);
    expect([mayTakeApart(one), mayTakeApart(other)]).toEqual([true, false]);
    suspects.passed();
    expect([mayTakeApart(one), mayTakeApart(other)]).toEqual([true, true]);
  });
});
