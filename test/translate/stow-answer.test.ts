import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Uid } from '../../src/dicom/uid.ts';
import { duplicatesIn, isPlainConflict, readStowAnswer } from '../../src/translate/stow-answer.ts';
import type { Comparison, StowAnswer } from '../../src/translate/stow-answer.ts';
import type { StowVerdict } from '../../src/translate/stow-verdict.ts';
import { uid } from '../support/dicom-object.ts';

const one = uid('1.2.1');
const two = uid('1.2.2');
const three = uid('1.2.3');

/** A Store Instances Response (PS3.18 Annex I). */
function response(lists: {
  readonly kept?: readonly (string | readonly [uid: string, warningReason: number])[];
  readonly failed?: readonly (readonly [uid: string, failureReason?: number])[];
}): string {
  const item = (name: string, reasonTag: string, reason: number | undefined) => ({
    '00081155': { vr: 'UI', Value: [name] },
    ...(reason === undefined ? {} : { [reasonTag]: { vr: 'US', Value: [reason] } }),
  });
  return JSON.stringify({
    '00081190': { vr: 'UR', Value: ['http://archive.test/studies/1.2'] },
    '00081199': {
      vr: 'SQ',
      Value: (lists.kept ?? []).map((kept) =>
        typeof kept === 'string'
          ? item(kept, '00081196', undefined)
          : item(kept[0], '00081196', kept[1]),
      ),
    },
    '00081198': {
      vr: 'SQ',
      Value: (lists.failed ?? []).map(([name, reason]) => item(name, '00081197', reason)),
    },
  });
}

function read(answer: Partial<StowAnswer>): StowVerdict {
  return readStowAnswer({ ...complete, ...answer });
}

const complete: StowAnswer = {
  status: 200,
  contentType: 'application/dicom+json',
  retryAfterMs: undefined,
  body: '',
  sent: [one],
  duplicates: 'accept',
};

/** Kind of outcome per instance, in the order sent. */
function kinds(verdict: StowVerdict): readonly string[] {
  if (verdict.kind !== 'each') throw new Error(`the verdict is ${verdict.kind}`);
  return [...verdict.outcomes.values()].map((outcome) => outcome.kind);
}

describe('what an answer to STOW-RS means', () => {
  it.each([200, 202, 409, 400])(
    'own UID in 00081199 (200, 202, 409, 400 alike) → delivered: %i',
    (status) => {
      expect(kinds(read({ status, body: response({ kept: [one] }) }))).toEqual(['delivered']);
    },
  );

  it.each([0x0110, 0xa700, 0xa701, 0xa7ff])(
    'C18 in 00081198 with 0110H or A7xx → retry later: %i',
    (reason) => {
      const body = response({ kept: [one, three], failed: [[two, reason]] });

      const verdict = read({ status: 202, body, sent: [one, two, three] });

      expect(kinds(verdict)).toEqual(['delivered', 'retry', 'delivered']);
      expect(verdict.kind === 'each' && verdict.outcomes.get(two)).toMatchObject({
        failureReason: reason,
      });
    },
  );

  it('in 00081198 with 0111H → by DUPLICATES: accept = delivered', () => {
    expect(kinds(read({ status: 409, body: response({ failed: [[one, 0x0111]] }) }))).toEqual([
      'delivered',
    ]);
  });

  it('in 00081198 with 0111H, or a plain 409 found by a search → by DUPLICATES: fail = set aside', () => {
    const listed = read({
      status: 409,
      body: response({ failed: [[one, 0x0111]] }),
      duplicates: 'fail',
    });
    const plain = read({ status: 409, body: 'no', foundBySearch: true, duplicates: 'fail' });

    expect(listed.kind === 'each' && listed.outcomes.get(one)).toMatchObject({
      kind: 'set-aside',
      failureReason: 0x0111,
    });
    expect(plain.kind === 'each' && plain.outcomes.get(one)).toMatchObject({
      kind: 'set-aside',
      httpStatus: 409,
    });
  });

  it('in 00081198 with 0111H, or a plain 409 found by a search → by DUPLICATES: verify = compared first', () => {
    const listed: StowAnswer = {
      ...{ ...complete, status: 202, sent: [one, two, three], duplicates: 'verify' },
      body: response({
        kept: [one],
        failed: [
          [two, 0x0111],
          [three, 0xa900],
        ],
      }),
    };
    const plain: StowAnswer = { ...complete, status: 409, body: 'no', duplicates: 'verify' };
    const outcome = (answer: StowAnswer, comparison?: Comparison) => {
      const comparisons = new Map(comparison && [one, two].map((uid) => [uid, comparison]));
      const verdict = readStowAnswer({ ...answer, foundBySearch: true, comparisons });
      return verdict.kind === 'each' && verdict.outcomes.get(answer === plain ? one : two);
    };

    expect(duplicatesIn(listed)).toEqual([two]);
    expect(duplicatesIn({ ...listed, duplicates: 'fail' })).toEqual([]);
    expect(duplicatesIn(plain)).toEqual([]);
    expect(duplicatesIn({ ...plain, foundBySearch: true })).toEqual([one]);
    for (const answer of [listed, plain]) {
      expect(outcome(answer)).toMatchObject({ kind: 'retry' });
      expect(outcome(answer, { kind: 'same' })).toEqual({ kind: 'delivered' });
      expect(outcome(answer, { kind: 'different' })).toMatchObject({
        kind: 'set-aside',
        code: 'differs-from-archived',
      });
      expect(outcome(answer, { kind: 'impossible', why: 'it is away' })).toMatchObject({
        kind: 'set-aside',
        code: 'could-not-be-verified',
        message: `the archive has the object already, but it is away (HTTP ${answer.status})`,
      });
      expect(outcome(answer, { kind: 'not-now', why: 'it is busy' })).toMatchObject({
        kind: 'retry',
        message: `the archive has the object already, but it is busy (HTTP ${answer.status})`,
      });
    }
  });

  it.each([
    [408, 'broke'],
    [425, undefined],
    [429, undefined],
    [500, 'broke'],
    [502, 'broke'],
    [503, undefined],
    [504, 'broke'],
    [507, undefined],
    [200, 'silent'],
    [302, undefined],
  ])('C15 C17 what may be the doing of the objects: %i → %s', (status, suspicion) => {
    const verdict = read({ status, contentType: 'text/html', body: '<html>' });

    expect(verdict.kind === 'retry' ? verdict.suspicion : verdict.kind).toBe(suspicion);
  });

  it('a plain 409 on a single object → by DUPLICATES: accept = delivered, once a search found it', () => {
    const answer: StowAnswer = { ...complete, status: 409, body: 'conflict' };

    expect(isPlainConflict(answer)).toBe(true);
    expect(kinds(readStowAnswer({ ...answer, foundBySearch: true }))).toEqual(['delivered']);
    expect(kinds(readStowAnswer({ ...answer, foundBySearch: false }))).toEqual(['set-aside']);
    expect(kinds(readStowAnswer(answer))).toEqual(['set-aside']);
  });

  it('a 409 that explains itself, or comes for a batch, is no plain one', () => {
    const explained = { ...complete, status: 409, body: response({ failed: [[one, 0xa900]] }) };

    expect(isPlainConflict(explained)).toBe(false);
    expect(isPlainConflict({ ...complete, status: 409, sent: [one, two] })).toBe(false);
    expect(isPlainConflict({ ...complete, status: 409, body: undefined })).toBe(false);
    expect(isPlainConflict({ ...complete, status: 400 })).toBe(false);
  });

  it.each([0xa900, 0xa9ff, 0xc000, 0xc122, 0x0122, 0x0124, 0x0101])(
    'C18 in 00081198 with A9xx, Cxxx, 0122H, C122H or another → set aside: %i',
    (reason) => {
      const body = response({ kept: [one, three], failed: [[two, reason]] });

      const verdict = read({ status: 202, body, sent: [one, two, three] });

      expect(kinds(verdict)).toEqual(['delivered', 'set-aside', 'delivered']);
      expect(verdict.kind === 'each' && verdict.outcomes.get(two)).toMatchObject({
        failureReason: reason,
        httpStatus: 202,
      });
    },
  );

  it('in 00081198 without any reason → set aside', () => {
    expect(kinds(read({ status: 409, body: response({ failed: [[one]] }) }))).toEqual([
      'set-aside',
    ]);
  });

  it.each([
    ['nothing', ''],
    ['{}', '{}'],
    ['neither list', '[]'],
    ['a scalar', '42'],
    ['null', 'null'],
    ['lists of nobody', response({})],
    ['lists of somebody else', response({ kept: ['9.9.9'], failed: [['9.9.8', 0x0110]] })],
    ['cut JSON', response({ kept: [one] }).slice(0, -5)],
    ['sequences without Value', '{"00081199":{"vr":"SQ"},"00081198":{"vr":"SQ"}}'],
    ['items that are none', '{"00081199":{"vr":"SQ","Value":[null,7,"x",[],{}]}}'],
    ['a UID that is none', '{"00081199":{"vr":"SQ","Value":[{"00081155":{"Value":[["1.2.1"]]}}]}}'],
  ])('C17 200/202 that names nobody, no valid JSON → retry: %s', (_what, body) => {
    for (const status of [200, 202]) {
      expect(read({ status, body })).toMatchObject({ kind: 'retry', httpStatus: status });
    }
  });

  it.each([
    ['text/html; charset=utf-8', '<html>signed in</html>'],
    ['text/html', response({ kept: [one] })],
    ['application/dicom+xml', '<NativeDicomModel/>'],
  ])('C17 200/202 with HTML or XML → retry: %s', (contentType, body) => {
    expect(read({ contentType, body })).toMatchObject({ kind: 'retry' });
  });

  it.each([301, 302, 303, 307, 308])('a redirect → retry: %i', (status) => {
    expect(read({ status, body: response({ kept: [one] }) })).toMatchObject({ kind: 'retry' });
  });

  it.each([200, 202, 400, 409])('an answer that was cut off → retry: %i', (status) => {
    expect(read({ status, body: undefined })).toMatchObject({ kind: 'retry' });
  });

  it.each([
    [400, 'bad'],
    [409, ''],
    [413, 'too large'],
    [422, '{}'],
    [400, response({ kept: ['9.9.9'] })],
  ])('C10 C13 400, 409, 413 without per-instance list, batch → split: %i %s', (status, body) => {
    expect(read({ status, body, sent: [one, two] })).toMatchObject({
      kind: 'split',
      httpStatus: status,
    });
  });

  it.each([400, 413])('C10 C13 the same on a single object → set aside: %i', (status) => {
    const verdict = read({ status, body: 'no' });

    expect(kinds(verdict)).toEqual(['set-aside']);
    expect(verdict.kind === 'each' && verdict.outcomes.get(one)).toMatchObject({
      httpStatus: status,
    });
  });

  it("C10 400 with Orthanc's list and without a content type → each by its own reason", () => {
    const body = response({ kept: [one], failed: [[two, 0xc000]] });

    const verdict = read({ status: 400, contentType: undefined, body, sent: [one, two, three] });

    expect(kinds(verdict)).toEqual(['delivered', 'set-aside', 'retry']);
  });

  it("C10 400 with Orthanc's two keys and no list on a batch → split", () => {
    const body = '{"00081190":{"vr":"UR"},"00081199":{"vr":"SQ"}}';

    expect(read({ status: 400, contentType: undefined, body, sent: [one, two] })).toMatchObject({
      kind: 'split',
    });
  });

  it('C11 401 → hold the destination (the one new token was tried before)', () => {
    expect(read({ status: 401 })).toMatchObject({ kind: 'hold', httpStatus: 401 });
  });

  it.each([403, 404, 405, 415, 402, 406, 411, 417, 451])(
    'C12 403, 404, 405, 415 → hold the destination; condemns no object: %i',
    (status) => {
      const verdict = read({ status, body: response({ failed: [[one, 0xc000]] }) });

      expect(verdict).toMatchObject({ kind: 'hold', httpStatus: status });
    },
  );

  it.each([408, 425, 429, 500, 502, 503, 504, 507])(
    'C14 C15 408, 425, 429, 5xx → retry with backoff, Retry-After first: %i',
    (status) => {
      expect(read({ status, retryAfterMs: 5_000 })).toMatchObject({
        kind: 'retry',
        httpStatus: status,
        retryAfterMs: 5_000,
      });
      expect(read({ status })).not.toHaveProperty('retryAfterMs');
    },
  );

  it('C17 an object the 200 does not name is sent again; the others are delivered', () => {
    const body = response({ kept: [one, three] });

    expect(kinds(read({ body, sent: [one, two, three] }))).toEqual([
      'delivered',
      'retry',
      'delivered',
    ]);
  });

  it('C19 00081196 in 00081199 → delivered, the warning kept', () => {
    const verdict = read({ status: 202, body: response({ kept: [[one, 0xb007]] }) });

    expect(verdict).toEqual({
      kind: 'each',
      outcomes: new Map([[one, { kind: 'delivered', warningReason: 0xb007 }]]),
      httpStatus: 202,
    });
  });

  it('an object listed as kept and as failed is sent again', () => {
    const body = response({ kept: [one], failed: [[one, 0xa900]] });

    expect(kinds(read({ status: 202, body }))).toEqual(['retry']);
  });

  it('reads padded UIDs, reasons written as strings, and a data set within an array', () => {
    const body = JSON.stringify([
      {
        '00081198': {
          vr: 'SQ',
          Value: [
            { '00081155': { Value: [`${one}\0`] }, '00081197': { vr: 'US', Value: ['42752'] } },
          ],
        },
      },
    ]);

    const verdict = read({ status: 409, contentType: 'application/json', body });

    expect(verdict.kind === 'each' && verdict.outcomes.get(one)).toMatchObject({
      kind: 'retry',
      failureReason: 0xa700,
    });
  });

  it('says nothing in its messages that the archive wrote', () => {
    const said = 'Doe^Jane secret-token';
    const statuses = [200, 202, 301, 400, 401, 403, 409, 413, 418, 429, 500];
    const verdicts = statuses.map((status) =>
      read({ status, body: said, contentType: said, sent: [one, two] }),
    );

    expect(JSON.stringify(verdicts)).not.toMatch(/Doe|secret/);
  });

  it('delivers nothing that is absent from 00081199, and accounts for everything sent', () => {
    const name = fc.integer({ min: 1, max: 30 }).map((n) => uid(`1.2.${n}`));
    const reason = fc.option(fc.integer({ min: 0, max: 0xffff }), { nil: undefined });
    const status = fc.oneof(
      fc.constantFrom(200, 202, 400, 401, 403, 409, 413, 429, 503),
      fc.integer({ min: 200, max: 599 }),
    );
    const lists = fc.record({
      sent: fc.uniqueArray(name, { minLength: 1 }),
      kept: fc.uniqueArray(name),
      failed: fc.uniqueArray(fc.tuple(name, reason), { selector: ([failed]) => failed }),
    });
    fc.assert(
      fc.property(status, lists, fc.nat(20), (status, { sent, kept, failed }, cut) => {
        const whole = response({
          kept,
          failed: failed.map(([name, reason]) => (reason === undefined ? [name] : [name, reason])),
        });
        const body = cut < 3 ? whole.slice(0, -1 - cut) : whole;
        const verdict = read({ status, body, sent });
        if (verdict.kind !== 'each') return;

        expect([...verdict.outcomes.keys()]).toEqual(sent);
        for (const [instance, outcome] of verdict.outcomes) {
          if (outcome.kind === 'delivered') expect(mayBeDelivered(instance)).toBe(true);
        }

        function mayBeDelivered(instance: Uid): boolean {
          const duplicate = failed.some(([name, why]) => name === instance && why === 0x0111);
          return cut >= 3 && (kept.includes(instance) || duplicate);
        }
      }),
    );
  });

  it('takes any body at any status without throwing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), fc.json(), (status, body) => {
        expect(['each', 'split', 'retry', 'hold']).toContain(read({ status, body }).kind);
      }),
    );
  });
});
