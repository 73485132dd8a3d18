import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  AssociationAbortedError,
  AssociationRejectedError,
  AssociationTimeoutError,
  ProtocolViolationError,
} from '../../src/errors/association-errors.ts';
import { encodePdu } from '../../src/upper-layer/pdu-encoder.ts';
import type { AssociationAcceptance } from '../../src/upper-layer/negotiation.ts';
import { requestAssociation } from '../../src/upper-layer/request.ts';
import {
  echoContext,
  echoPdu,
  explicitLittle,
  implicitLittle,
  rawPdu,
  releaseRequest,
  storeContext,
} from './support/bytes.ts';
import { patient } from './support/acceptor.ts';
import { acceptance, ask, established, options } from './support/requestor.ts';

describe('requesting an association', () => {
  it('asks for what it was told to, titles padded', async () => {
    const userIdentity = {
      type: 2,
      positiveResponseRequested: true,
      primary: Buffer.from('u'),
      secondary: Buffer.from('p'),
    };
    const roleSelections = [{ sopClassUid: '1.2.3', scu: false, scp: true }];
    const { peer } = ask({ userIdentity, roleSelections });

    expect(await peer.nextControl()).toMatchObject({
      kind: 'associate-request',
      request: {
        protocolVersion: 1,
        calledAeTitle: 'ARCHIVE         ',
        callingAeTitle: 'DRAWBRIDGE      ',
        presentationContexts: [echoContext, storeContext],
        maxPduBytes: 16384,
        userIdentity,
        roleSelections,
      },
    });
  });

  it('knows the contexts that were accepted', async () => {
    const { association } = await established();

    expect([...association.contexts.values()]).toEqual([
      { id: 1, abstractSyntax: echoContext.abstractSyntax, transferSyntax: implicitLittle },
    ]);
    expect(association.peerMaxPduBytes).toBe(16384);
  });

  it('tells result, source and reason of a rejection, and closes', async () => {
    const { asking, peer } = ask();
    await peer.next();

    peer.write(encodePdu({ kind: 'associate-reject', result: 2, source: 3, diagnostic: 2 }));

    await expect(asking).rejects.toBeInstanceOf(AssociationRejectedError);
    await expect(asking).rejects.toMatchObject({
      rejectResult: 2,
      rejectSource: 3,
      rejectDiagnostic: 2,
      transient: true,
      message: 'the peer refused the association: local limit exceeded (for now)',
    });
    expect(await peer.untilClosed()).toEqual([]);
  });

  it('tells that the peer aborted, or hung up', async () => {
    const first = ask();
    first.peer.write(encodePdu({ kind: 'abort', source: 2, reason: 6 }));
    const second = ask();
    second.peer.socket.end();

    await expect(first.asking).rejects.toMatchObject({ abortSource: 2, abortReason: 6 });
    await expect(second.asking).rejects.toBeInstanceOf(AssociationAbortedError);
    await expect(second.asking).rejects.toMatchObject({ abortSource: undefined });
  });

  it('gives up on a peer that does not answer', async () => {
    const { asking, peer } = ask({ timeouts: { ...patient, artimMs: 50 } });
    await peer.next();

    await expect(asking).rejects.toBeInstanceOf(AssociationTimeoutError);
    expect(await peer.untilClosed()).toEqual(['AB(2,0)']);
  });

  it('gives up when its caller does', async () => {
    const stop = new AbortController();
    const { asking, peer } = ask({ signal: stop.signal });
    await peer.next();

    stop.abort();

    await expect(asking).rejects.toBeInstanceOf(AssociationAbortedError);
    expect(await peer.untilClosed()).toEqual(['AB(0,0)']);
  });

  const answered = (id: number, transferSyntax: string): Partial<AssociationAcceptance> => ({
    contexts: [{ id, result: 0, transferSyntax }],
  });
  it.each([
    ['a context never proposed', acceptance(answered(5, implicitLittle)), 'AB(2,6)'],
    ['a transfer syntax never proposed', acceptance(answered(1, explicitLittle)), 'AB(2,6)'],
    ['A27 a maximum length of 6', acceptance({ maxPduBytes: 6 }), 'AB(2,6)'],
    ['A05 an answer of 4 GiB', rawPdu(2, Buffer.alloc(0), 0xffffffff), 'AB(2,6)'],
    ['A06 an answer of 67 bytes', rawPdu(2, Buffer.alloc(67)), 'AB(2,6)'],
    ['a rejection of 5 bytes', rawPdu(3, Buffer.alloc(5)), 'AB(2,6)'],
    ['data', echoPdu(), 'AB(2,2)'],
    ['a request', rawPdu(1, Buffer.alloc(68)), 'AB(2,2)'],
    ['a release', releaseRequest, 'AB(2,2)'],
    ['an unknown PDU', rawPdu(9, Buffer.alloc(1)), 'AB(2,1)'],
  ])('refuses %s', async (_, bytes, abort) => {
    const { asking, peer } = ask();
    await peer.next();

    peer.write(bytes);

    await expect(asking).rejects.toBeInstanceOf(ProtocolViolationError);
    expect(await peer.untilClosed()).toEqual([abort]);
  });

  it('fails on a socket that is gone already', async () => {
    const [near] = duplexPair();
    near.destroy();

    await expect(requestAssociation(near, options)).rejects.toBeInstanceOf(AssociationAbortedError);
  });
});
