import { expect, it, describe } from 'vitest';
import { commandField } from '../../src/upper-layer/command-set.ts';
import {
  ctImageStorage,
  echoContext,
  echoPdu,
  explicitLittle,
  requestPdu,
  storeContext,
} from './support/bytes.ts';
import { startAcceptor } from './support/acceptor.ts';

describe('what an A-ASSOCIATE-RQ asks for', () => {
  it.each([0x0002, 0x0000])('A09 G5 refuses protocol version %i', async (protocolVersion) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(requestPdu({ protocolVersion }));

    expect(await peer.untilClosed()).toEqual(['RJ(1,2,2)']);
    expect((await acceptor.nextServed()).outcome).toMatchObject({
      kind: 'rejected',
      result: 1,
      source: 2,
      diagnostic: 2,
    });
  });

  it('accepts a protocol version that has bit 0 and others set', async () => {
    const acceptor = await startAcceptor();

    await acceptor.associate(requestPdu({ protocolVersion: 0x0003 }));
  });

  it.each(['1.2.840.10008.3.1.1.2', undefined])(
    'A11 G5 refuses application context %s',
    async (applicationContextName) => {
      const acceptor = await startAcceptor();
      const peer = await acceptor.connect();

      peer.write(requestPdu({ applicationContextName }));

      expect(await peer.untilClosed()).toEqual(['RJ(1,1,2)']);
    },
  );

  it('A14 hands over the titles as they came, sixteen characters each', async () => {
    const acceptor = await startAcceptor();
    const titles = { calledAeTitle: ' A\\B\n\0\x80\xff        ', callingAeTitle: ' '.repeat(16) };
    const peer = await acceptor.connect();

    peer.write(requestPdu(titles));
    const answer = await peer.nextControl();
    peer.socket.destroy();

    expect(answer).toMatchObject({ kind: 'associate-accept', acceptance: titles });
    const { outcome } = await acceptor.nextServed();
    expect(outcome.kind === 'accepted' && outcome.association.request).toMatchObject(titles);
  });

  it.each([0, 2, 254])('A16 G5 refuses presentation context ID %i', async (id) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(requestPdu({ presentationContexts: [{ ...echoContext, id }] }));

    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
    expect((await acceptor.nextServed()).outcome).toMatchObject({ cause: 'bad-pdu' });
  });

  it('A16 G5 refuses a presentation context ID that appears twice', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(requestPdu({ presentationContexts: [echoContext, { ...storeContext, id: 1 }] }));

    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
  });

  it('A18 answers 128 contexts in the order asked', async () => {
    const acceptor = await startAcceptor();
    const ids = Array.from({ length: 128 }, (_, index) => 255 - 2 * index);
    const peer = await acceptor.connect();

    peer.write(requestPdu({ presentationContexts: ids.map((id) => ({ ...storeContext, id })) }));
    const answer = await peer.nextControl();

    if (answer.kind !== 'associate-accept') throw new Error(answer.kind);
    expect(answer.acceptance.contexts).toEqual(
      ids.map((id) => ({ id, result: 0, transferSyntax: explicitLittle })),
    );
  });

  it('A20 refuses a request without contexts', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(requestPdu({ presentationContexts: [] }));

    expect(await peer.untilClosed()).toEqual(['RJ(1,2,1)']);
  });

  it('A21 answers unknown syntaxes by result 3 and 4, and refuses data on such a context', async () => {
    const acceptor = await startAcceptor();
    const unknown = '1.2.840.10008.9999.1';
    const peer = await acceptor.connect();

    peer.write(
      requestPdu({
        presentationContexts: [
          { ...echoContext, abstractSyntax: unknown },
          { ...storeContext, transferSyntaxes: [unknown] },
        ],
      }),
    );
    const answer = await peer.nextControl();

    if (answer.kind !== 'associate-accept') throw new Error(answer.kind);
    expect(answer.acceptance.contexts.map(({ id, result }) => [id, result])).toEqual([
      [1, 3],
      [3, 4],
    ]);
    peer.write(echoPdu());
    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
  });

  it.each(['1.2.abc', '1..2', '1'.repeat(65), '1.2\n3', '../../x'])(
    'A25 answers result 3 to the abstract syntax %j',
    async (abstractSyntax) => {
      const acceptor = await startAcceptor();
      const peer = await acceptor.connect();

      peer.write(requestPdu({ presentationContexts: [{ ...echoContext, abstractSyntax }] }));
      const answer = await peer.nextControl();

      expect(answer).toMatchObject({ acceptance: { contexts: [{ id: 1, result: 3 }] } });
    },
  );

  it('A26 keeps its own limit towards a peer without one, and announces it', async () => {
    const acceptor = await startAcceptor({
      maxPduBytes: 4096,
      handle: async (association, message) => {
        await association.send({
          contextId: message.context.id,
          command: { commandField: commandField.cFindRsp, status: 0xff00, hasDataSet: true },
          dataSet: Buffer.alloc(10_000),
        });
      },
    });
    const peer = await acceptor.connect();

    peer.write(requestPdu({ maxPduBytes: 0 }));
    const answer = await peer.nextControl();
    peer.write(echoPdu());
    await peer.next();
    const sizes = [];
    for (let got = 0; got < 10_000; got += (sizes.at(-1) ?? 0) - 6) {
      sizes.push((await peer.next())?.body.length ?? 0);
    }

    expect(answer).toMatchObject({ acceptance: { maxPduBytes: 4096 } });
    expect(sizes).toEqual([4096, 4096, 10_000 - 2 * 4090 + 6]);
  });

  it.each([1, 6, 7, 13, 127])('A27 G2 refuses a maximum length of %i', async (maxPduBytes) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(requestPdu({ maxPduBytes }));

    expect(await peer.untilClosed()).toEqual(['RJ(2,3,2)']);
  });

  it('A27 G2 splits command and data set for a peer that takes 128 bytes', async () => {
    const acceptor = await startAcceptor({
      handle: (association, message) =>
        association.send({
          contextId: message.context.id,
          command: {
            commandField: commandField.cFindRsp,
            status: 0xff00,
            hasDataSet: true,
            errorComment: 'x'.repeat(64),
            affectedSopClassUid: ctImageStorage,
            affectedSopInstanceUid: '1'.repeat(64),
          },
          dataSet: Buffer.alloc(300, 7),
        }),
    });
    const peer = await acceptor.associate(requestPdu({ maxPduBytes: 128 }));
    peer.write(echoPdu());

    const controls: number[] = [];
    for (let sawEnd = false; !sawEnd;) {
      const pdu = await peer.next();
      if (pdu === undefined) break;
      expect(pdu.body.length).toBeLessThanOrEqual(128);
      controls.push(pdu.body.readUInt8(5));
      sawEnd = controls.at(-1) === 2;
    }

    expect(controls).toEqual([1, 3, 0, 0, 2]);
  });

  it('A60 does not test reserved bytes and sends them back as they came', async () => {
    const acceptor = await startAcceptor();
    const reserved = Buffer.from(Array.from({ length: 32 }, (_, index) => 255 - index));
    const request = requestPdu({ reserved });
    request.writeUInt8(0x5a, 1); // reserved byte of the PDU
    request.writeUInt16BE(0xffff, 8); // reserved after the version
    const context = request.indexOf(Buffer.from('2000', 'hex'), 74);
    request.writeUInt8(0x77, context + 1);
    request.fill(0x66, context + 5, context + 8);
    const peer = await acceptor.connect();

    peer.write(request);
    const answer = await peer.nextControl();

    expect(answer.kind === 'associate-accept' && answer.acceptance.reserved).toEqual(reserved);
  });

  it('B22 answers one operation at a time when asked for more', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(requestPdu({ asynchronousOperations: { invoked: 5, performed: 0 } }));

    expect(await peer.nextControl()).toMatchObject({
      acceptance: { asynchronousOperations: { invoked: 1, performed: 1 } },
    });
  });
});
