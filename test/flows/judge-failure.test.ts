import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeFailure } from '../../src/flows/judge-failure.ts';
import type { FailureFacts, FailureStep, PriorFailure } from '../../src/flows/judge-failure.ts';

const fresh: FailureFacts = {
  suspicion: 'broke',
  objects: 50,
  leftInHealth: true,
  besideSuspect: false,
  isOtherTakenApart: false,
  before: undefined,
};
const before: PriorFailure = {
  passedSince: true,
  passedSinceFirst: true,
  answered: undefined,
  mayTakeApart: false,
  strikes: 0,
};

function step(facts: Partial<FailureFacts>, prior?: Partial<PriorFailure>): FailureStep {
  return judgeFailure({ ...fresh, ...facts, before: prior && { ...before, ...prior } });
}

describe('judging the failure of a batch', () => {
  it.each<[string, Partial<FailureFacts>, FailureStep]>([
    ['while the archive was well', {}, 'suspect'],
    ['the same, of one object', { objects: 1 }, 'suspect'],
    ['next to a suspect', { besideSuspect: true, isOtherTakenApart: true }, 'retry'],
    ['in an outage, with none taken apart', { leftInHealth: false }, 'suspect'],
    [
      'in an outage, with another taken apart',
      { leftInHealth: false, isOtherTakenApart: true },
      'retry',
    ],
    ['while well, with another taken apart', { isOtherTakenApart: true }, 'suspect'],
  ])('the first time, %s → its step', (_when, facts, expected) => {
    expect(step(facts)).toBe(expected);
  });

  it.each<[string, Partial<PriorFailure>, FailureStep]>([
    ['others passed', {}, 'halve'],
    ['nothing passed, another is being taken apart', { passedSince: false }, 'retry'],
    [
      'nothing passed, no other is taken apart',
      { passedSince: false, mayTakeApart: true },
      'halve',
    ],
  ])('a suspected batch again, %s → its step', (_when, prior, expected) => {
    expect(step({}, prior)).toBe(expected);
  });

  it.each<[string, Partial<FailureFacts>, Partial<PriorFailure>, FailureStep]>([
    ['others passed', {}, {}, 'strike'],
    ['others passed, twice before', {}, { strikes: 2 }, 'condemn'],
    ['others passed before the outage', { leftInHealth: false }, { strikes: 2 }, 'slow-lane'],
    ['nothing passed since', {}, { passedSince: false, strikes: 2 }, 'slow-lane'],
    [
      'nothing passed since, but a restarted archive answered',
      { leftInHealth: false },
      { passedSince: false, answered: true, strikes: 2 },
      'condemn',
    ],
    [
      'an archive that answers, but never took anything',
      {},
      { passedSince: false, passedSinceFirst: false, answered: true, strikes: 2 },
      'slow-lane',
    ],
    ['an archive that does not answer', {}, { answered: false, strikes: 2 }, 'slow-lane'],
    ['a yes that names nobody', { suspicion: 'silent' }, { strikes: 2 }, 'slow-lane'],
  ])('a suspected object again, %s → its step', (_when, facts, prior, expected) => {
    expect(step({ objects: 1, ...facts }, prior)).toBe(expected);
  });

  it('C15 condemns no batch, nothing unsuspected, and nothing while nothing passes', () => {
    const bool = fc.boolean();
    const prior = fc.record<PriorFailure>({
      passedSince: bool,
      passedSinceFirst: bool,
      answered: fc.constantFrom(true, false, undefined),
      mayTakeApart: bool,
      strikes: fc.nat(5),
    });
    const facts = fc.record<FailureFacts>({
      suspicion: fc.constantFrom('broke' as const, 'silent' as const),
      objects: fc.integer({ min: 1, max: 50 }),
      leftInHealth: bool,
      besideSuspect: bool,
      isOtherTakenApart: bool,
      before: fc.option(prior, { nil: undefined }),
    });
    fc.assert(
      fc.property(facts, (any) => {
        if (judgeFailure(any) !== 'condemn') return;
        expect(any).toMatchObject({ objects: 1, suspicion: 'broke' });
        expect(any.before?.passedSinceFirst).toBe(true);
        expect(any.before?.strikes).toBeGreaterThanOrEqual(2);
      }),
    );
  });
});
