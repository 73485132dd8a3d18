import { duplexPair } from 'node:stream';
import { expect, it, describe } from 'vitest';
import { acceptAssociation } from '../../src/upper-layer/accept.ts';
import { encodePdu } from '../../src/upper-layer/pdu-encoder.ts';
import {
  commandPdv,
  dataPdu,
  dataPdv,
  echoCommand,
  echoPdu,
  rawPdu,
  releaseReply,
  releaseRequest,
  requestPdu,
  storeCommand,
  storePdus,
} from './support/bytes.ts';
import { acceptAll, answer, patient, startAcceptor } from './support/acceptor.ts';
import { RawPeer } from './support/raw-peer.ts';

const abortPdu = encodePdu({ kind: 'abort', source: 0, reason: 0 });

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

  it('A37 ignores a new request, and all after it, once it has agreed to release', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    peer.write(releaseRequest, requestPdu(), echoPdu());

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
    expect(served.end).toEqual({ kind: 'aborted-by-peer', source: 0, reason: 0 });
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

  it('loses nobody when a connection is reset within a data set', async () => {
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();
    peer.write(dataPdu(commandPdv(storeCommand(), 3)), dataPdu(dataPdv(Buffer.alloc(9), false)));

    peer.socket.resetAndDestroy();

    const served = await acceptor.nextServed();
    expect(served.error).toMatchObject({ code: 'association_aborted', abortSource: undefined });
    expect(served.end?.kind).toBe('connection-lost');
  });
});
