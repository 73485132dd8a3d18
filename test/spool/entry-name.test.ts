import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EntryNamer } from '../../src/spool/entry-namer.ts';
import { batchKeyOf, formatEntryName, parseEntryName } from '../../src/spool/entry-name.ts';
import type { NamedEntry } from '../../src/spool/entry-name.ts';
import { identityOf } from './spool-fixture.ts';

const digest = fc.stringMatching(/^[0-9a-f]{32}$/);
const facts = fc.record({
  arrivedAt: fc.nat({ max: 9_999_999_999_999 }),
  sequence: fc.nat({ max: 0xffff_ffff }),
  urgent: fc.boolean(),
  destination: fc.stringMatching(/^[a-z0-9]{1,32}$/),
  bytes: fc.nat({ max: 999_999_999_999_999 }),
  studyDigest: digest,
  instanceDigest: digest,
  association: fc.option(fc.stringMatching(/^[0-9a-z]{8}$/), { nil: undefined }),
});

describe('entry name', () => {
  it('is read back as it was written', () => {
    fc.assert(
      fc.property(facts, (given) => {
        const id = formatEntryName(given);
        expect(parseEntryName(id)).toEqual({ id, ...given });
      }),
    );
  });

  it('is read where it was written before associations stood in it', () => {
    const digest = '0'.repeat(32);
    const id = `1763717400000-00000001-n-main-${digest}-10-${digest}`;

    expect(parseEntryName(id)).toMatchObject({ id, bytes: 10 });
    expect(parseEntryName(id)).not.toHaveProperty('association');
  });

  it.each(['id', 'A5S0C1AT', 'a5s0c1at5', '../../..', 'a-b-c-d-'])(
    'stays readable when the association has no name of ours: %j',
    (association) => {
      const namer = new EntryNamer({ destination: 'main', now: () => 1 });
      const { id } = namer.name(identityOf('1.2'), { bytes: 1, urgent: false, association });

      expect(parseEntryName(id)).toMatchObject({ id, bytes: 1 });
      expect(id).not.toContain(association);
    },
  );

  it('is written back as it was read, or not read at all', () => {
    fc.assert(
      fc.property(facts, fc.nat(), fc.string({ maxLength: 2 }), (given, at, text) => {
        const id = formatEntryName(given);
        const cut = at % id.length;
        const changed = id.slice(0, cut) + text + id.slice(cut + 1);
        const parsed = parseEntryName(changed);
        if (parsed) expect(formatEntryName(parsed)).toBe(changed);
      }),
    );
  });

  it('sorts as text by arrival, then by sequence', () => {
    fc.assert(
      fc.property(facts, facts, (a, b) => {
        const byFacts = a.arrivedAt - b.arrivedAt || a.sequence - b.sequence;
        fc.pre(byFacts !== 0);
        expect(formatEntryName(a) < formatEntryName(b)).toBe(byFacts < 0);
      }),
    );
  });

  it('has one batch key for equal urgency, destination and study, and another for others', () => {
    fc.assert(
      fc.property(facts, facts, fc.boolean(), (a, other, same) => {
        const b = same ? { ...other, ...pick(a) } : other;
        const key = (given: typeof a): string =>
          batchKeyOf(formatEntryName(given), given.destination);
        const equal = JSON.stringify(pick(a)) === JSON.stringify(pick(b));
        expect(key(a) === key(b)).toBe(equal);
      }),
    );
  });

  it.each(['', 'notes', '../../etc/passwd', '1763717400000-00000001-x-main-'.padEnd(120, '0')])(
    'B05 does not read %j',
    (name) => {
      expect(parseEntryName(name)).toBeUndefined();
    },
  );

  it('B05 never repeats, holds no UID, and stays in order when the clock jumps or the process restarts', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ clock: fc.nat({ max: 5 }), restart: fc.boolean() })),
        (steps) => {
          let clock = 0;
          const newNamer = (): EntryNamer =>
            new EntryNamer({ destination: 'main', now: () => clock });
          const named: NamedEntry[] = [];
          let namer = newNamer();
          for (const step of steps) {
            clock = step.clock;
            if (step.restart) {
              namer = newNamer();
              for (const entry of named) namer.passOver(entry);
            }
            named.push(namer.name(identityOf('1.2.99'), { bytes: 1, urgent: false }));
          }
          const names = named.map(({ id }) => id);
          expect(new Set(names).size).toBe(names.length);
          expect([...names].sort()).toEqual(names);
          expect(names.join().includes('1.2.99')).toBe(false);
        },
      ),
    );
  });
});

function pick({
  urgent,
  destination,
  studyDigest,
}: {
  readonly urgent: boolean;
  readonly destination: string;
  readonly studyDigest: string;
}): object {
  return { urgent, destination, studyDigest };
}
