import { describe, expect, it } from 'vitest';
import { decideAssociation } from '../../src/dimse/association-policy.ts';
import type { AssociationRequest } from '../../src/upper-layer/negotiation.ts';
import { aeTitle } from '../support/uid.ts';

const rules = {
  aeTitles: [aeTitle('DRAWBRIDGE'), aeTitle('STORE2')],
  requireCalledAeTitle: true,
  maxAssociations: 2,
  maxAssociationsPerPeer: 1,
};
const quiet = { networkAllowed: true, active: 0, activeOfPeer: 0 };
const ct = '1.2.840.10008.5.1.4.1.1.2';
const explicit = '1.2.840.10008.1.2.1';
const implicit = '1.2.840.10008.1.2';
const bigEndian = '1.2.840.10008.1.2.2';

function request(changes: Partial<AssociationRequest> = {}): AssociationRequest {
  return {
    protocolVersion: 1,
    calledAeTitle: 'DRAWBRIDGE      ',
    callingAeTitle: 'CT01            ',
    applicationContextName: '1.2.840.10008.3.1.1.1',
    presentationContexts: [{ id: 1, abstractSyntax: ct, transferSyntaxes: [explicit] }],
    maxPduBytes: 16384,
    roleSelections: [],
    extendedNegotiations: [],
    reserved: Buffer.alloc(32),
    ...changes,
  };
}

function contexts(...proposed: (readonly [string, readonly string[]])[]) {
  const decision = decideAssociation(
    request({
      presentationContexts: proposed.map(([abstractSyntax, transferSyntaxes], index) => ({
        id: index * 2 + 1,
        abstractSyntax,
        transferSyntaxes,
      })),
    }),
    rules,
    quiet,
  );
  if (decision.answer.kind !== 'accept') throw new Error('refused');
  return decision.answer.contexts.map(({ result, transferSyntax }) =>
    result === 0 ? transferSyntax : result,
  );
}

describe('decideAssociation', () => {
  it('accepts a caller it does not know, by any of its own titles', () => {
    expect(decideAssociation(request(), rules, quiet)).toMatchObject({
      kind: 'accept',
      callingAeTitle: 'CT01',
      calledAeTitle: 'DRAWBRIDGE',
    });
    expect(decideAssociation(request({ calledAeTitle: ' STORE2' }), rules, quiet).kind).toBe(
      'accept',
    );
  });

  it('A12 refuses another called AE title and says which ones are ours', () => {
    const decision = decideAssociation(request({ calledAeTitle: 'NOTME' }), rules, quiet);

    expect(decision).toMatchObject({
      reason: 'called-ae-title',
      answer: { kind: 'reject', result: 1, source: 1, diagnostic: 7 },
    });
    expect(decision).toHaveProperty(
      'message',
      expect.stringContaining('we are DRAWBRIDGE, STORE2'),
    );
  });

  it('takes any called AE title where that is not required', () => {
    const decision = decideAssociation(
      request({ calledAeTitle: 'NOTME' }),
      { ...rules, requireCalledAeTitle: false },
      quiet,
    );

    expect(decision).toMatchObject({ kind: 'accept', calledAeTitle: 'NOTME' });
  });

  it('A13 refuses a source address outside the allowed networks', () => {
    expect(decideAssociation(request(), rules, { ...quiet, networkAllowed: false })).toMatchObject({
      reason: 'network',
      answer: { result: 1, source: 1, diagnostic: 3 },
    });
  });

  it.each([
    ['blank', ' '.repeat(16)],
    ['NUL', '\0'.repeat(16)],
    ['backslash', 'A\\B'],
    ['line feed', 'A\nB'],
    ['eighth bit', 'A\u00e9'],
  ])('A14 refuses a calling AE title with %s', (_what, callingAeTitle) => {
    expect(decideAssociation(request({ callingAeTitle }), rules, quiet)).toMatchObject({
      reason: 'calling-ae-title',
      answer: { result: 1, source: 1, diagnostic: 3 },
    });
  });

  it.each([
    [{ active: 2, activeOfPeer: 0 }, 'too-many'],
    [{ active: 1, activeOfPeer: 1 }, 'too-many-of-peer'],
  ])('A55 refuses for now when %o', (circumstances, reason) => {
    expect(decideAssociation(request(), rules, { ...quiet, ...circumstances })).toMatchObject({
      reason,
      answer: { result: 2, source: 3, diagnostic: 2 },
    });
  });

  it('B13 takes the first transfer syntax the peer lists, Big Endian only when it stands alone', () => {
    expect(
      contexts(
        [ct, [implicit, explicit]],
        [ct, ['1.2.840.10008.1.2.4.90', explicit]],
        [ct, [bigEndian, implicit]],
        [ct, [bigEndian]],
      ),
    ).toEqual([implicit, '1.2.840.10008.1.2.4.90', implicit, bigEndian]);
  });

  it('B15 A21 takes verification, every storage and every private class, and no other service', () => {
    expect(
      contexts(
        ['1.2.840.10008.1.1', [implicit]],
        ['1.2.840.10008.5.1.4.1.1.999', [implicit]],
        ['1.3.12.2.1107.5.9.1', [implicit]],
        ['1.2.840.10008.5.1.4.1.2.2.1', [implicit]],
        ['1.2.840.10008.1.20.1', [implicit]],
      ),
    ).toEqual([implicit, implicit, implicit, 3, 3]);
  });

  it('A25 does not accept what is no UID', () => {
    expect(contexts(['1.2.abc', [implicit]], [`1.${'2'.repeat(64)}`, [implicit]])).toEqual([3, 3]);
  });

  it('B27 tells a peer that wants to be the provider no', () => {
    const decision = decideAssociation(
      request({ roleSelections: [{ sopClassUid: ct, scu: true, scp: true }] }),
      rules,
      quiet,
    );

    expect(decision.answer).toMatchObject({
      roleSelections: [{ sopClassUid: ct, scu: true, scp: false }],
    });
  });
});
