import { once } from 'node:events';
import { connect } from 'node:net';
import { duplexPair } from 'node:stream';
import { expect, it, describe } from 'vitest';
import { AssociationTimeoutError } from '../../src/errors/association-errors.ts';
import { acceptAssociation } from '../../src/upper-layer/accept.ts';
import { commandField, encodeCommandSet } from '../../src/upper-layer/command-set.ts';
import { encodePdu } from '../../src/upper-layer/pdu-encoder.ts';
import {
  commandPdv,
  ctImageStorage,
  dataPdu,
  dataPdv,
  echoCommand,
  echoContext,
  echoPdu,
  explicitLittle,
  implicitLittle,
  rawPdu,
  releaseReply,
  releaseRequest,
  requestPdu,
  storeCommand,
  storeContext,
  storePdus,
} from './support/bytes.ts';
import { acceptAll, answer, patient, readAll, startAcceptor } from './support/acceptor.ts';
import { RawPeer } from './support/raw-peer.ts';

const abortPdu = encodePdu({ kind: 'abort', source: 0, reason: 0 });

describe('before the association', () => {
  it('A01 G1 closes a silent connection after ARTIM without sending a byte', async () => {
    const acceptor = await startAcceptor({ timeouts: { ...patient, artimMs: 100 } });
    const started = performance.now();
    const peer = await acceptor.connect();

    expect(await peer.untilClosed()).toEqual([]);
    expect(peer.socket.bytesRead).toBe(0);
    expect(performance.now() - started).toBeGreaterThan(80);
    expect((await acceptor.nextServed()).outcome).toMatchObject({ kind: 'failed', cause: 'artim' });
  });

  it('A02 lets ARTIM run to the complete request, not from byte to byte', async () => {
    const acceptor = await startAcceptor({ timeouts: { ...patient, artimMs: 200 } });
    const peer = await acceptor.connect();
    const started = performance.now();
    const request = requestPdu();
    let sent = 0;
    const dripping = setInterval(() => {
      if (!peer.socket.destroyed) peer.write(request.subarray(sent, ++sent));
    }, 20);

    const words = await peer.untilClosed();
    clearInterval(dripping);

    expect(words).toEqual([]);
    expect(sent).toBeGreaterThan(4);
    expect(performance.now() - started).toBeLessThan(1000);
    expect((await acceptor.nextServed()).outcome).toMatchObject({ kind: 'failed', cause: 'artim' });
  });

  it.each([0x00, 0x08, 0x48, 0xff])(
    'A03 answers AB(0,0) to a first PDU of type %i',
    async (type) => {
      const acceptor = await startAcceptor();
      const peer = await acceptor.connect();

      peer.write(rawPdu(type, Buffer.alloc(4)));

      expect(await peer.untilClosed()).toEqual(['AB(0,0)']);
    },
  );

  it('A05 refuses a request of 4 GiB at its sixth byte', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(Buffer.from('0100ffffffff', 'hex'));

    expect(await peer.untilClosed()).toEqual(['AB(0,0)']);
  });

  it('G6 holds nothing of a 4 GiB request that keeps coming', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();
    const before = process.memoryUsage().arrayBuffers;

    peer.write(Buffer.from('0100ffffffff', 'hex'), Buffer.alloc(1024 * 1024));

    expect(await peer.untilClosed()).toEqual(['AB(0,0)']);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });

  it.each([0, 1, 67])('A06 refuses a request of %i bytes', async (length) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(rawPdu(1, Buffer.alloc(length)), requestPdu());

    expect(await peer.untilClosed()).toEqual(['AB(0,0)']);
  });

  it('A07 closes without a word when the request ends half way', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.socket.end(requestPdu().subarray(0, 100));

    expect(await peer.untilClosed()).toEqual([]);
    expect((await acceptor.nextServed()).outcome).toMatchObject({
      kind: 'failed',
      cause: 'connection-lost',
    });
  });

  it('A08 refuses a request above the cap of 256 KiB at its header', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(rawPdu(1, Buffer.alloc(0), 256 * 1024 + 1));

    expect(await peer.untilClosed()).toEqual(['AB(0,0)']);
  });

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

  it.each([
    ['A12', 7],
    ['A13', 3],
  ])('%s sends the rejection that policy decided', async (_, diagnostic) => {
    const acceptor = await startAcceptor({
      decide: () => Promise.resolve({ kind: 'reject', result: 1, source: 1, diagnostic }),
    });
    const peer = await acceptor.connect();

    peer.write(requestPdu({ calledAeTitle: 'NOTME           ' }));

    expect(await peer.untilClosed()).toEqual([`RJ(1,1,${diagnostic})`]);
    const { outcome } = await acceptor.nextServed();
    expect(outcome).toMatchObject({ kind: 'rejected', diagnostic });
    expect(outcome.kind === 'rejected' && outcome.request.calledAeTitle).toBe('NOTME           ');
  });

  it('refuses for now when policy itself fails, and hands on its error', async () => {
    const [near, far] = duplexPair();
    const peer = new RawPeer(far);
    const accepting = acceptAssociation(near, {
      maxPduBytes: 16384,
      timeouts: patient,
      decide: () => Promise.reject(new Error('defect')),
    });

    peer.write(requestPdu());

    await expect(accepting).rejects.toThrow('defect');
    expect(await peer.untilClosed()).toEqual(['RJ(2,3,1)']);
  });

  it('C28 gives up an attempt when asked to stop', async () => {
    const stop = new AbortController();
    const acceptor = await startAcceptor({
      signal: stop.signal,
      decide: () => {
        stop.abort();
        return new Promise(() => undefined);
      },
    });
    const peer = await acceptor.connect();

    peer.write(requestPdu());

    expect(await peer.untilClosed()).toEqual(['AB(0,0)']);
    expect((await acceptor.nextServed()).outcome).toMatchObject({ cause: 'shutdown' });
  });

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

  it.each(malformedRequests())('A23 A24 refuses a request in which %s', async (_, request) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(request);

    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
  });

  it('A24 passes over items and sub-items it does not know', async () => {
    const acceptor = await startAcceptor();
    const stranger = Buffer.from('7f000008aaaaaaaaaaaaaaaa', 'hex');
    const strangerBelow = Buffer.from('5f000008aaaaaaaaaaaaaaaa', 'hex');
    const { fixed, items, userItems } = requestParts();
    const userInformation = Buffer.concat([strangerBelow, userItems, strangerBelow]);
    const body = Buffer.concat([fixed, stranger, items, stranger, item(0x50, userInformation)]);

    await acceptor.associate(rawPdu(1, body));
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

  it.each([
    ['P-DATA-TF', echoPdu()],
    ['A-RELEASE-RQ', releaseRequest],
    ['A-RELEASE-RP', releaseReply],
    ['A-ASSOCIATE-AC', rawPdu(2, Buffer.alloc(68))],
    ['A-ASSOCIATE-RJ', rawPdu(3, Buffer.alloc(4))],
  ])('A31 answers AB(0,0) to %s before any request', async (_, pdu) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(pdu);

    expect(await peer.untilClosed()).toEqual(['AB(0,0)']);
  });

  it('A32 closes without a word when the first PDU is an A-ABORT', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.connect();

    peer.write(abortPdu);

    expect(await peer.untilClosed()).toEqual([]);
    expect((await acceptor.nextServed()).outcome).toMatchObject({ cause: 'aborted-by-peer' });
  });

  it.each([
    ['P-DATA', echoPdu()],
    ['a second request', requestPdu()],
    ['a release', releaseRequest],
  ])('A33 answers AB(2,2) to %s that comes with the request', async (_, early) => {
    let asked = 0;
    const acceptor = await startAcceptor({
      decide: (request) => {
        asked += 1;
        return acceptAll(request);
      },
    });
    const peer = await acceptor.connect();

    peer.write(requestPdu(), early);

    expect(await peer.untilClosed()).toEqual(['AB(2,2)']);
    expect(asked).toBe(1);
    expect((await acceptor.nextServed()).outcome).toMatchObject({ cause: 'unexpected-pdu' });
  });

  it('learns at once that the peer went while policy was asked', async () => {
    const acceptor = await startAcceptor({ decide: () => new Promise(() => undefined) });
    const peer = await acceptor.connect();

    peer.write(requestPdu());
    peer.socket.end();

    expect((await acceptor.nextServed()).outcome).toMatchObject({ cause: 'connection-lost' });
  });

  it('A55 sends the local limit that policy decided', async () => {
    const acceptor = await startAcceptor({
      decide: () => ({ kind: 'reject', result: 2, source: 3, diagnostic: 2 }),
    });
    const peer = await acceptor.connect();

    peer.write(requestPdu());

    expect(await peer.untilClosed()).toEqual(['RJ(2,3,2)']);
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

  it('C28 frees the connection after ARTIM when the peer does not close after a rejection', async () => {
    const acceptor = await startAcceptor({
      timeouts: { ...patient, artimMs: 100 },
      decide: () => ({ kind: 'reject', result: 1, source: 1, diagnostic: 7 }),
    });
    const socket = connect({ port: acceptor.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.resume();
    socket.on('error', () => undefined);

    socket.write(requestPdu());
    await acceptor.nextServed();
    const [near] = acceptor.sockets;
    if (near === undefined) throw new Error('no connection');

    if (!near.destroyed) await once(near, 'close');
    expect(near.destroyed).toBe(true);
    socket.destroy();
  });
});

describe('while the association stands', () => {
  it('A04 answers AB(2,1) to an unknown PDU type', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(rawPdu(8, Buffer.alloc(4)));

    expect(await peer.untilClosed()).toEqual(['AB(2,1)']);
  });

  it('A29 answers AB(2,6) to a P-DATA-TF one byte longer than announced', async () => {
    const acceptor = await startAcceptor({ maxPduBytes: 16384 });
    const peer = await acceptor.associate();
    peer.write(dataPdu(commandPdv(storeCommand(), 3)));

    peer.write(rawPdu(4, Buffer.alloc(0), 16385));

    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
    const served = await acceptor.nextServed();
    expect(served.error).toMatchObject({ code: 'protocol_violation', abortReason: 6 });
    expect(served.messages).toEqual([]);
  });

  it('A29 takes a P-DATA-TF of exactly the announced length', async () => {
    const acceptor = await startAcceptor({ maxPduBytes: 16384 });
    const peer = await acceptor.associate();

    peer.write(storePdus(1, Buffer.alloc(16384 - 6, 1)));

    expect(await peer.nextCommand()).toMatchObject({ status: 0, messageIdBeingRespondedTo: 1 });
  });

  it.each([
    ['A34', 'a second A-ASSOCIATE-RQ', requestPdu()],
    ['A36', 'an A-RELEASE-RP nobody asked for', releaseReply],
    ['A31', 'an A-ASSOCIATE-AC', rawPdu(2, Buffer.alloc(68))],
    ['A31', 'an A-ASSOCIATE-RJ', rawPdu(3, Buffer.alloc(4))],
  ])('%s answers AB(2,2) to %s', async (_, __, pdu) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(pdu);

    expect(await peer.untilClosed()).toEqual(['AB(2,2)']);
    expect((await acceptor.nextServed()).error).toMatchObject({ code: 'protocol_violation' });
  });

  it('A37 ignores data after it has agreed to release', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(releaseRequest, echoPdu());

    expect(await peer.untilClosed()).toEqual(['RP']);
    expect(await acceptor.nextServed()).toMatchObject({ error: undefined, messages: [] });
  });

  it('A37 answers AB(2,2) to data after a release that is not yet agreed to', async () => {
    const acceptor = await startAcceptor({
      handle: async (association) => {
        await association.closed;
      },
    });
    const peer = await acceptor.associate();

    peer.write(echoPdu(), releaseRequest, echoPdu());

    expect(await peer.untilClosed()).toEqual(['AB(2,2)']);
  });

  it('answers what it still works on before it agrees to release', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(echoPdu(1), echoPdu(2), releaseRequest);

    expect(await peer.untilClosed()).toEqual(['DATA', 'DATA', 'RP']);
    expect((await acceptor.nextServed()).messages.length).toBe(2);
  });

  it('A39 answers AB(2,2) to a release within a data set', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(
      dataPdu(commandPdv(storeCommand(), 3)),
      dataPdu(dataPdv(Buffer.alloc(100), false)),
      releaseRequest,
    );

    expect(await peer.untilClosed()).toEqual(['AB(2,2)']);
    const served = await acceptor.nextServed();
    expect(served.error).toMatchObject({ code: 'protocol_violation' });
    expect(served.messages).toEqual([]);
  });

  it.each([
    ['well-formed', abortPdu],
    ['of length 0', rawPdu(7, Buffer.alloc(0))],
    ['of length 3', rawPdu(7, Buffer.alloc(3))],
    ['of length 5', rawPdu(7, Buffer.alloc(5))],
  ])('A40 closes without a word at an A-ABORT %s within a data set', async (_, pdu) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(
      dataPdu(commandPdv(storeCommand(), 3)),
      dataPdu(dataPdv(Buffer.alloc(9), false)),
      pdu,
    );

    expect(await peer.untilClosed()).toEqual([]);
    const served = await acceptor.nextServed();
    expect(served.error).toMatchObject({ code: 'association_aborted', abortSource: 0 });
    expect(served.outcome.kind === 'accepted' && (await served.outcome.association.closed)).toEqual(
      { kind: 'aborted-by-peer', source: 0, reason: 0 },
    );
  });

  it.each([
    ['A42', 'a P-DATA-TF of 0 bytes', rawPdu(4, Buffer.alloc(0))],
    ['A42', 'a P-DATA-TF of 1 byte', rawPdu(4, Buffer.alloc(1))],
    ['A42', 'a P-DATA-TF of 5 bytes', rawPdu(4, Buffer.alloc(5))],
    ['A42', 'a PDV of length 0', rawPdu(4, Buffer.from('000000000103', 'hex'))],
    ['A42', 'a PDV of length 1', rawPdu(4, Buffer.from('000000010103', 'hex'))],
    ['A44', 'a PDV longer than its PDU', rawPdu(4, Buffer.from('000000050103aabb', 'hex'))],
    ['A44', 'a PDV of 4 GiB', rawPdu(4, Buffer.from('ffffffff0103aabb', 'hex'))],
    ['A44', 'PDVs that leave bytes over', rawPdu(4, Buffer.from('000000030103aabb', 'hex'))],
    ['A45', 'a PDV on context 5', dataPdu(commandPdv(echoCommand(), 5))],
    ['A45', 'a PDV on context 2', dataPdu(commandPdv(echoCommand(), 2))],
    ['A45', 'a PDV on context 0', dataPdu(commandPdv(echoCommand(), 0))],
    ['B19', 'a command set that is cut short', dataPdu(commandPdv(Buffer.alloc(5)))],
    ['B19', 'a command set that is empty', dataPdu(commandPdv(Buffer.alloc(0)))],
  ])('%s answers AB(2,6) to %s', async (_, __, pdu) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(pdu);

    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
    expect((await acceptor.nextServed()).messages).toEqual([]);
  });

  it('A45 refuses another context within a message', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(dataPdu(commandPdv(storeCommand(), 3), dataPdv(Buffer.alloc(4), true, 1)));

    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
  });

  it('A46 gives the same replies however request, echo and release are split', async () => {
    const request = requestPdu();
    const rest = Buffer.concat([echoPdu(5), releaseRequest]);
    const replies = async (split: (bytes: Buffer) => readonly Buffer[]): Promise<string> => {
      const [near, far] = duplexPair();
      const peer = new RawPeer(far);
      const write = async (bytes: Buffer): Promise<void> => {
        for (const piece of split(bytes)) {
          peer.write(piece);
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      const accepting = acceptAssociation(near, {
        maxPduBytes: 16384,
        timeouts: patient,
        decide: acceptAll,
      });
      const received: string[] = [];
      const keep = async (): Promise<void> => {
        const pdu = await peer.next();
        received.push(`${pdu?.type ?? 'end'} ${pdu?.body.toString('hex') ?? ''}`);
      };
      await write(request);
      await keep();
      const outcome = await accepting;
      if (outcome.kind !== 'accepted') throw new Error(outcome.kind);
      const serving = outcome.association.receive().then(async (message) => {
        if (message !== undefined) await answer(outcome.association, message);
        return outcome.association.receive();
      });
      await write(rest);
      await keep();
      await keep();
      await keep();
      expect(await serving).toBeUndefined();
      return received.join('\n');
    };

    const whole = await replies((bytes) => [bytes]);
    expect(whole.split('\n').map((line) => line.split(' ')[0])).toEqual(['2', '4', '6', 'end']);
    expect(await replies((bytes) => Array.from(bytes, (byte) => Buffer.of(byte)))).toBe(whole);
    for (let at = 1; at < request.length; at += 1) {
      expect(await replies((bytes) => [bytes.subarray(0, at), bytes.subarray(at)])).toBe(whole);
    }
  });

  it('A47 takes command and data set from one PDU, and a data set of ten PDVs', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();
    const pieces = Array.from({ length: 10 }, (_, index) => Buffer.alloc(index, index));

    peer.write(
      dataPdu(commandPdv(storeCommand(1), 3), dataPdv(Buffer.from('abcd'))),
      dataPdu(
        commandPdv(storeCommand(2), 3),
        ...pieces.map((piece, index) => dataPdv(piece, index === 9)),
      ),
    );
    const answers = [await peer.nextCommand(), await peer.nextCommand()];
    peer.write(releaseRequest);
    await peer.untilClosed();

    expect(answers.map((answer) => answer.messageIdBeingRespondedTo)).toEqual([1, 2]);
    expect((await acceptor.nextServed()).messages).toEqual([
      { messageId: 1, dataSet: Buffer.from('abcd') },
      { messageId: 2, dataSet: Buffer.concat(pieces) },
    ]);
  });

  it('A47 G3 answers both commands of one PDU', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(dataPdu(commandPdv(echoCommand(7)), commandPdv(echoCommand(8))));

    expect(await peer.nextCommand()).toMatchObject({ messageIdBeingRespondedTo: 7 });
    expect(await peer.nextCommand()).toMatchObject({ messageIdBeingRespondedTo: 8 });
  });

  it.each([
    ['before any command', [dataPdv(Buffer.alloc(4))]],
    ['after a command without one', [commandPdv(echoCommand()), dataPdv(Buffer.alloc(4), true, 1)]],
    ['within a command', [commandPdv(Buffer.alloc(4), 3, false), dataPdv(Buffer.alloc(4))]],
  ])('A48 G7 answers AB(2,2) to a data set %s', async (_, pdvs) => {
    const acceptor = await startAcceptor({ handle: () => Promise.resolve() });
    const peer = await acceptor.associate();

    peer.write(dataPdu(...pdvs));

    expect(await peer.untilClosed()).toEqual(['AB(2,2)']);
  });

  it('A48 answers AB(2,2) to a command within a data set', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(
      dataPdu(commandPdv(storeCommand(), 3), dataPdv(Buffer.alloc(4), false)),
      dataPdu(commandPdv(storeCommand(2), 3)),
    );

    expect(await peer.untilClosed()).toEqual(['AB(2,2)']);
  });

  it('A49 answers AB(2,6) to a command set that does not end within 64 KiB', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    for (let sent = 0; sent <= 64; sent += 8) {
      peer.write(dataPdu(commandPdv(Buffer.alloc(8 * 1024), 1, false)));
    }

    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
  });

  it.each([0xfc, 0x80])('A50 ignores the upper bits %i of the control header', async (bits) => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();
    const pdu = echoPdu(3);
    pdu.writeUInt8(pdu.readUInt8(11) | bits, 11);

    peer.write(pdu);

    expect(await peer.nextCommand()).toMatchObject({ messageIdBeingRespondedTo: 3 });
  });

  it('A53 ends an association that is idle by AB(2,0)', async () => {
    const acceptor = await startAcceptor({ timeouts: { ...patient, idleMs: 100 } });
    const peer = await acceptor.associate();

    expect(await peer.untilClosed()).toEqual(['AB(2,0)']);
    const served = await acceptor.nextServed();
    expect(served.error).toBeInstanceOf(AssociationTimeoutError);
    expect(served.outcome.kind === 'accepted' && (await served.outcome.association.closed)).toEqual(
      { kind: 'timeout', detail: 'the peer was silent for too long' },
    );
  });

  it('A53 frees a half-open connection whose peer does not even read the abort', async () => {
    const acceptor = await startAcceptor({ timeouts: { ...patient, idleMs: 60, artimMs: 60 } });
    const peer = await acceptor.associate();
    peer.socket.pause();

    const served = await acceptor.nextServed();

    expect(served.error).toBeInstanceOf(AssociationTimeoutError);
    expect(acceptor.sockets[0]?.destroyed).toBe(true);
    peer.socket.destroy();
  });

  it('A53 counts no time in which it works on a message itself', async () => {
    const acceptor = await startAcceptor({
      timeouts: { ...patient, idleMs: 60 },
      handle: async (association, message) => {
        await readAll(message);
        await elapse(300);
        await answer(association, message);
      },
    });
    const peer = await acceptor.associate();

    peer.write(storePdus(1, Buffer.alloc(10)));

    expect(await peer.nextCommand()).toMatchObject({ status: 0 });
    expect(await peer.untilClosed()).toEqual(['AB(2,0)']);
  });

  it('A54 ends a data set that drips by AB(2,0)', async () => {
    const acceptor = await startAcceptor({
      timeouts: { ...patient, minimumBytesPerSecond: 1000, rateWindowMs: 100 },
    });
    const peer = await acceptor.associate();
    peer.write(dataPdu(commandPdv(storeCommand(), 3)));
    const dripping = setInterval(() => {
      if (!peer.socket.destroyed) peer.write(dataPdu(dataPdv(Buffer.alloc(1), false)));
    }, 20);

    const words = await peer.untilClosed();
    clearInterval(dripping);

    expect(words).toEqual(['AB(2,0)']);
    expect((await acceptor.nextServed()).error).toBeInstanceOf(AssociationTimeoutError);
  });

  it('A54 ends a PDU header that does not go on by AB(2,0)', async () => {
    const acceptor = await startAcceptor({
      timeouts: { ...patient, minimumBytesPerSecond: 1, rateWindowMs: 100 },
    });
    const peer = await acceptor.associate();
    peer.write(Buffer.of(4));

    expect(await peer.untilClosed()).toEqual(['AB(2,0)']);
  });

  it('A59 gives up on a peer that stops reading, holding little for it', async () => {
    let made = 0;
    const acceptor = await startAcceptor({
      timeouts: { ...patient, writeStallMs: 200 },
      handle: async (association, message) => {
        const pending = { commandField: commandField.cFindRsp, status: 0xff00, hasDataSet: true };
        for (;;) {
          await association.send({
            contextId: message.context.id,
            command: pending,
            dataSet: Buffer.alloc(64 * 1024),
          });
          made += 64 * 1024;
        }
      },
    });
    const peer = await acceptor.associate();
    peer.socket.pause();

    peer.write(echoPdu());
    const served = await acceptor.nextServed();

    expect(served.error).toBeInstanceOf(AssociationTimeoutError);
    expect(served.error).toMatchObject({ message: 'the peer does not read what it is sent' });
    expect(made).toBeLessThan(32 * 1024 * 1024);
    peer.socket.destroy();
  });

  it('C-CANCEL-RQ reaches its listener at once and no queue', async () => {
    const cancelled: number[] = [];
    const acceptor = await startAcceptor({
      onAssociation: (association) => association.onCancel((id) => cancelled.push(id)),
    });
    const peer = await acceptor.associate();
    const cancel = encodeCommandSet({
      commandField: commandField.cCancelRq,
      messageIdBeingRespondedTo: 9,
      hasDataSet: false,
    });

    peer.write(dataPdu(commandPdv(cancel)), echoPdu(1));
    await peer.nextCommand();

    expect(cancelled).toEqual([9]);
  });

  it('B37 marks a message that was cancelled before it was handed out', async () => {
    const seen: [number | undefined, boolean][] = [];
    const acceptor = await startAcceptor({
      handle: async (association, message) => {
        await elapse(20);
        seen.push([message.command.messageId, message.isCancelled]);
        await answer(association, message);
      },
    });
    const peer = await acceptor.associate();
    const cancel = { commandField: commandField.cCancelRq, messageIdBeingRespondedTo: 2 };

    peer.write(echoPdu(1), echoPdu(2), dataPdu(commandPdv({ ...cancel, hasDataSet: false })));
    await peer.nextCommand();
    await peer.nextCommand();

    expect(seen).toEqual([
      [1, false],
      [2, true],
    ]);
  });

  it('B23 G4 works off 200 pipelined C-STOREs in order though each takes its time', async () => {
    const acceptor = await startAcceptor({
      handle: async (association, message) => {
        const bytes = await readAll(message);
        await new Promise((resolve) => setImmediate(resolve));
        const id = message.command.messageId ?? 0;
        expect(bytes).toEqual(Buffer.alloc(300, id));
        await answer(association, message);
      },
    });
    const peer = await acceptor.associate();
    const ids = Array.from({ length: 200 }, (_, index) => index + 1);

    peer.write(...ids.map((id) => storePdus(id, Buffer.alloc(300, id))));
    const answered: unknown[] = [];
    while (answered.length < ids.length) {
      answered.push((await peer.nextCommand()).messageIdBeingRespondedTo);
    }

    expect(answered).toEqual(ids);
  });

  it('drops what the user leaves unread of a data set', async () => {
    const acceptor = await startAcceptor({ handle: answer });
    const peer = await acceptor.associate();

    peer.write(storePdus(1, Buffer.alloc(9000)), echoPdu(2));

    expect(await peer.nextCommand()).toMatchObject({ messageIdBeingRespondedTo: 1 });
    expect(await peer.nextCommand()).toMatchObject({ messageIdBeingRespondedTo: 2 });
  });

  it('G9 stops reading while more than 4 MiB wait to be read', async () => {
    const resume = deferred();
    const acceptor = await startAcceptor({
      handle: async (association, message) => {
        await resume.promise;
        expect(association.bytesReceived).toBeLessThan(5 * 1024 * 1024);
        expect((await readAll(message)).length).toBe(24 * 1024 * 1024);
        await answer(association, message);
      },
    });
    const peer = await acceptor.associate();
    peer.write(dataPdu(commandPdv(storeCommand(), 3)));
    const megabyte = Array.from({ length: 16 }, () => dataPdu(dataPdv(Buffer.alloc(65536), false)));
    for (let sent = 0; sent < 24; sent += 1) peer.write(...megabyte);
    peer.write(dataPdu(dataPdv(Buffer.alloc(0))));

    const [near] = acceptor.sockets;
    if (near === undefined) throw new Error('no connection');
    await once(near, 'pause');
    resume.resolve();

    expect(await peer.nextCommand()).toMatchObject({ status: 0 });
  });

  it('holds little for a peer that sends its data set in crumbs', async () => {
    const resume = deferred();
    const acceptor = await startAcceptor({
      handle: async (association, message) => {
        await resume.promise;
        expect(association.bytesReceived).toBeLessThan(1024 * 1024);
        await readAll(message);
        await answer(association, message);
      },
    });
    const peer = await acceptor.associate();
    peer.write(dataPdu(commandPdv(storeCommand(), 3)));
    const crumbs = Buffer.concat(
      Array.from({ length: 100_000 }, () => dataPdu(dataPdv(Buffer.alloc(1), false))),
    );
    peer.write(crumbs, dataPdu(dataPdv(Buffer.alloc(0))));

    const [near] = acceptor.sockets;
    if (near === undefined) throw new Error('no connection');
    await once(near, 'pause');
    resume.resolve();

    expect(await peer.nextCommand()).toMatchObject({ status: 0 });
  });

  it('loses nobody when a connection is reset within a data set', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();
    peer.write(dataPdu(commandPdv(storeCommand(), 3)), dataPdu(dataPdv(Buffer.alloc(9), false)));

    peer.socket.resetAndDestroy();

    const served = await acceptor.nextServed();
    expect(served.error).toMatchObject({ code: 'association_aborted', abortSource: undefined });
    expect(
      served.outcome.kind === 'accepted' && (await served.outcome.association.closed).kind,
    ).toBe('connection-lost');
  });
});

/** The pieces of a valid request, to be put together wrongly. */
function requestParts(): { fixed: Buffer; items: Buffer; userItems: Buffer } {
  const body = requestPdu().subarray(6);
  const user = body.lastIndexOf(Buffer.from('5000', 'hex'));
  return {
    fixed: body.subarray(0, 68),
    items: body.subarray(68, user),
    userItems: body.subarray(user + 4),
  };
}

function item(type: number, value: Buffer, length = value.length): Buffer {
  return Buffer.concat([Buffer.of(type, 0, length >> 8, length & 0xff), value]);
}

function malformedRequests(): (readonly [string, Buffer])[] {
  const { fixed, items, userItems } = requestParts();
  const application = item(0x10, Buffer.from('1.2.840.10008.3.1.1.1'));
  const abstract = item(0x30, Buffer.from('1.2.840.10008.1.1'));
  const transfer = item(0x40, Buffer.from(implicitLittle));
  const user = item(0x50, userItems);
  const context = (...parts: Buffer[]): Buffer =>
    item(0x20, Buffer.concat([Buffer.of(1, 0, 0, 0), ...parts]));
  const request = (...parts: Buffer[]): Buffer => rawPdu(1, Buffer.concat([fixed, ...parts]));
  const withUser = (...parts: Buffer[]): Buffer =>
    request(items, item(0x50, Buffer.concat([userItems, ...parts])));
  return [
    [
      'an item points one byte past the PDU',
      request(items, item(0x50, userItems, userItems.length + 1)),
    ],
    ['an item header is cut short', request(items, user, Buffer.from('50 00 00', 'hex'))],
    [
      'a sub-item points past its parent',
      request(application, context(abstract, item(0x40, Buffer.from('1.2'), 9)), user),
    ],
    ['a context is empty', request(application, item(0x20, Buffer.alloc(0)), user)],
    [
      'an abstract syntax is empty',
      request(application, context(item(0x30, Buffer.alloc(0)), transfer), user),
    ],
    ['an abstract syntax is missing', request(application, context(transfer), user)],
    [
      'a transfer syntax is empty',
      request(application, context(abstract, item(0x40, Buffer.alloc(0))), user),
    ],
    [
      'there are two abstract syntaxes',
      request(application, context(abstract, abstract, transfer), user),
    ],
    [
      'the application context is empty',
      request(item(0x10, Buffer.alloc(0)), context(abstract, transfer), user),
    ],
    ['there are two application contexts', request(application, items, user)],
    ['the user information is empty', request(items, item(0x50, Buffer.alloc(0)))],
    ['the maximum length is cut short', request(items, item(0x50, item(0x51, Buffer.alloc(3))))],
    ['a role selection overruns', withUser(item(0x54, Buffer.from('00ff312e32', 'hex')))],
    ['B24 a user identity overruns', withUser(item(0x58, Buffer.from('0201ffff616263', 'hex')))],
    ['an operations window is cut short', withUser(item(0x53, Buffer.alloc(2)))],
  ];
}

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => undefined;
  const promise = new Promise<void>((fulfil) => {
    resolve = fulfil;
  });
  return { promise, resolve };
}

/** Time itself is what these tests are about. */
function elapse(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
