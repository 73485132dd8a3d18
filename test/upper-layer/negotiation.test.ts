import { describe, expect, it } from 'vitest';
import { checkRequest, negotiateContexts } from '../../src/upper-layer/negotiation.ts';
import { aRequest, echoContext, explicitLittle, implicitLittle } from './support/bytes.ts';

const bigEndian = '1.2.840.10008.1.2.2';
const anything = { acceptsAbstractSyntax: () => true, acceptsTransferSyntax: () => true };

function chosen(...transferSyntaxes: string[]): unknown {
  const request = aRequest({ presentationContexts: [{ ...echoContext, transferSyntaxes }] });
  const [result] = negotiateContexts(request, anything);
  return result?.result === 0 ? result.transferSyntax : result?.result;
}

describe('negotiation', () => {
  it('takes the transfer syntax the peer lists first', () => {
    expect(chosen(explicitLittle, implicitLittle)).toBe(explicitLittle);
    expect(chosen(implicitLittle, explicitLittle)).toBe(implicitLittle);
    expect(chosen('1.2.3.4.5', implicitLittle)).toBe('1.2.3.4.5');
  });

  it('B13 takes Big Endian only when nothing else is offered', () => {
    expect(chosen(bigEndian, implicitLittle)).toBe(implicitLittle);
    expect(chosen(bigEndian)).toBe(bigEndian);
  });

  it('A25 passes over malformed transfer syntaxes', () => {
    expect(chosen('1.2.x', explicitLittle)).toBe(explicitLittle);
    expect(chosen('1.2.x')).toBe(4);
    expect(chosen()).toBe(4);
  });

  it('A25 never puts a malformed UID into the answer, and never asks anybody about it', () => {
    const request = aRequest({
      presentationContexts: [{ id: 1, abstractSyntax: '1..2', transferSyntaxes: ['<b>'] }],
    });
    const asked: string[] = [];
    const rules = {
      acceptsAbstractSyntax: (uid: string) => asked.push(uid) > 0,
      acceptsTransferSyntax: (uid: string) => asked.push(uid) > 0,
    };

    expect(negotiateContexts(request, rules)).toEqual([
      { id: 1, result: 3, transferSyntax: implicitLittle },
    ]);
    expect(asked).toEqual([]);
  });

  it('answers each context by itself, whatever SOP class it repeats', () => {
    const request = aRequest({
      presentationContexts: [
        { ...echoContext, id: 5, transferSyntaxes: [explicitLittle] },
        { ...echoContext, id: 1, transferSyntaxes: [implicitLittle] },
      ],
    });

    expect(negotiateContexts(request, anything)).toEqual([
      { id: 5, result: 0, transferSyntax: explicitLittle },
      { id: 1, result: 0, transferSyntax: implicitLittle },
    ]);
  });

  it('has nothing against a valid request, nor against a peer without a limit', () => {
    expect(checkRequest(aRequest())).toBeUndefined();
    expect(checkRequest(aRequest({ maxPduBytes: 0 }))).toBeUndefined();
    expect(checkRequest(aRequest({ maxPduBytes: 128 }))).toBeUndefined();
  });
});
