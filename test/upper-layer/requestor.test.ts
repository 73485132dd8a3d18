import { once } from 'node:events';
import { connect } from 'node:net';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  AssociationAbortedError,
  AssociationRejectedError,
  AssociationTimeoutError,
  ProtocolViolationError,
} from '../../src/errors/association-errors.ts';
import { acceptAssociation } from '../../src/upper-layer/accept.ts';
import type { Association } from '../../src/upper-layer/association.ts';
import { commandField } from '../../src/upper-layer/command-set.ts';
import { encodePdu } from '../../src/upper-layer/pdu-encoder.ts';
import type { AssociationAcceptance } from '../../src/upper-layer/negotiation.ts';
import { requestAssociation } from '../../src/upper-layer/request.ts';
import type { RequestOptions } from '../../src/upper-layer/request.ts';
import { acceptAll, patient, readAll, startAcceptor } from './support/acceptor.ts';
import {
  aRequest,
  commandPdv,
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
  storeCommand,
  storeContext,
} from './support/bytes.ts';
import { RawPeer } from './support/raw-peer.ts';

const options: RequestOptions = {
  callingAeTitle: 'DRAWBRIDGE',
  calledAeTitle: 'ARCHIVE',
  contexts: [echoContext, storeContext],
  maxPduBytes: 16384,
  timeouts: patient,
};

function acceptance(changes: Partial<AssociationAcceptance> = {}): Buffer {
  const contexts = [
    { id: 1, result: 0, transferSyntax: implicitLittle },
    { id: 3, result: 4, transferSyntax: '' },
  ] as const;
  return encodePdu({
    kind: 'associate-accept',
    acceptance: { ...aRequest(), contexts, ...changes },
  });
}

/** A requestor on one end, raw bytes on the other. */
function ask(changes: Partial<RequestOptions> = {}): {
  readonly asking: Promise<Association>;
  readonly peer: RawPeer<Duplex>;
} {
  const [near, far] = duplexPair();
  onTestFinished(() => {
    near.destroy();
    far.destroy();
  });
  const asking = requestAssociation(near, { ...options, ...changes });
  asking.catch(() => undefined);
  return { asking, peer: new RawPeer(far) };
}

async function established(changes: Partial<RequestOptions> = {}): Promise<{
  readonly association: Association;
  readonly peer: RawPeer<Duplex>;
}> {
  const { asking, peer } = ask(changes);
  await peer.next();
  peer.write(acceptance());
  return { association: await asking, peer };
}

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

describe('using an association', () => {
  it('sends a message and receives its answer', async () => {
    const acceptor = await startAcceptor();
    const socket = connect({ port: acceptor.port, host: '127.0.0.1', noDelay: true });
    const association = await requestAssociation(socket, options);
    const dataSet = Buffer.from(Array.from({ length: 100_000 }, (_, index) => index % 251));
    async function* pieces(): AsyncGenerator<Buffer> {
      for (let at = 0; at < dataSet.length; at += 999) {
        yield await Promise.resolve(dataSet.subarray(at, at + 999));
      }
    }

    await association.send({ contextId: 3, command: storeCommand(1), dataSet });
    const first = await association.receive();
    await association.send({ contextId: 3, command: storeCommand(2), dataSet: pieces() });
    const second = await association.receive();
    await association.release();

    expect(first?.command).toMatchObject({ status: 0, messageIdBeingRespondedTo: 1 });
    expect(second?.command).toMatchObject({ status: 0, messageIdBeingRespondedTo: 2 });
    expect(await association.closed).toEqual({ kind: 'released' });
    const served = await acceptor.nextServed();
    expect(served.messages.map((message) => message.dataSet.equals(dataSet))).toEqual([true, true]);
    const [near] = acceptor.sockets;
    expect(association.bytesSent).toBe(near?.bytesRead);
    expect(association.bytesReceived).toBe(near?.bytesWritten);
  });

  it.each([0, 1, 16378, 16379, 2 * 16378])(
    'ends a data set of %i bytes with exactly one last fragment',
    async (size) => {
      const { association, peer } = await established();
      const command = { ...storeCommand(), affectedSopClassUid: '1.2' };
      await association.send({ contextId: 1, command, dataSet: Buffer.alloc(size, 5) });
      await peer.next();

      let received = 0;
      const controls: number[] = [];
      while (controls.at(-1) !== 2) {
        const pdu = await peer.next();
        controls.push(pdu?.body.readUInt8(5) ?? 2);
        received += (pdu?.body.length ?? 0) - 6;
      }

      expect(received).toBe(size);
      expect(controls.length).toBe(Math.max(1, Math.ceil(size / 16378)));
    },
  );

  it('keeps messages whole when several are sent at once', async () => {
    const acceptor = await startAcceptor();
    const socket = connect({ port: acceptor.port, host: '127.0.0.1', noDelay: true });
    const association = await requestAssociation(socket, options);
    async function* slowly(id: number): AsyncGenerator<Buffer> {
      for (let piece = 0; piece < 5; piece += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        yield Buffer.alloc(1000, id);
      }
    }

    await Promise.all(
      [1, 2, 3].map((id) =>
        association.send({ contextId: 3, command: storeCommand(id), dataSet: slowly(id) }),
      ),
    );
    for (let received = 0; received < 3; received += 1) await association.receive();
    await association.release();

    expect((await acceptor.nextServed()).messages).toEqual(
      [1, 2, 3].map((id) => ({ messageId: id, dataSet: Buffer.alloc(5000, id) })),
    );
  });

  it('A59 draws from its source no faster than the peer reads', async () => {
    const acceptor = await startAcceptor({
      handle: async (peerSide) => {
        await peerSide.closed;
      },
    });
    const socket = connect({ port: acceptor.port, host: '127.0.0.1', noDelay: true });
    const timeouts = { ...patient, writeStallMs: 200 };
    const association = await requestAssociation(socket, { ...options, timeouts });
    acceptor.sockets[0]?.pause();
    let drawn = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (; drawn < 512 * 1024 * 1024; drawn += 65536) {
        yield await Promise.resolve(Buffer.alloc(65536));
      }
    }

    const sending = association.send({ contextId: 3, command: storeCommand(), dataSet: endless() });

    await expect(sending).rejects.toBeInstanceOf(AssociationTimeoutError);
    expect(drawn).toBeLessThan(32 * 1024 * 1024);
  });

  it('aborts when a data set fails half way, and only then', async () => {
    const { association, peer } = await established();
    const failing = (before: number) =>
      (async function* (): AsyncGenerator<Buffer> {
        if (before > 0) yield await Promise.resolve(Buffer.alloc(before));
        throw new Error('disk');
      })();

    const early = association.send({ contextId: 1, command: storeCommand(), dataSet: failing(0) });
    await expect(early).rejects.toThrow('disk');
    await association.send({ contextId: 1, command: echoCommand() });
    const late = association.send({
      contextId: 1,
      command: storeCommand(),
      dataSet: failing(50_000),
    });
    await expect(late).rejects.toThrow('disk');

    expect((await peer.untilClosed()).at(-1)).toBe('AB(0,0)');
    await expect(association.send({ contextId: 1, command: echoCommand() })).rejects.toBeInstanceOf(
      AssociationAbortedError,
    );
  });

  it('refuses to send on a context that was not accepted, or half a message', async () => {
    const { association } = await established();

    await expect(association.send({ contextId: 3, command: echoCommand() })).rejects.toThrow(
      RangeError,
    );
    await expect(association.send({ contextId: 1, command: storeCommand() })).rejects.toThrow(
      RangeError,
    );
  });

  it('gives up on a peer that does not answer', async () => {
    const { association, peer } = await established({ timeouts: { ...patient, idleMs: 50 } });
    await association.send({ contextId: 1, command: echoCommand() });

    await expect(association.receive()).rejects.toBeInstanceOf(AssociationTimeoutError);
    expect(await peer.untilClosed()).toEqual(['DATA', 'AB(2,0)']);
  });

  it('A40 breaks off the data set that is being read when the peer aborts', async () => {
    const { association, peer } = await established();
    peer.write(dataPdu(commandPdv(storeCommand()), dataPdv(Buffer.alloc(5), false, 1)));
    const message = await association.receive();
    expect(await message?.dataSet?.read()).toEqual([Buffer.alloc(5)]);
    const reading = message?.dataSet?.read();

    peer.write(encodePdu({ kind: 'abort', source: 0, reason: 0 }));

    await expect(reading).rejects.toBeInstanceOf(AssociationAbortedError);
    await expect(association.receive()).rejects.toBeInstanceOf(AssociationAbortedError);
    expect(await association.closed).toMatchObject({ kind: 'aborted-by-peer', source: 0 });
  });

  it('aborts once, whatever is asked of it afterwards', async () => {
    const { association, peer } = await established();
    const receiving = association.receive();

    association.abort(2, 6);
    association.abort();

    await expect(receiving).rejects.toMatchObject({ abortSource: 2, abortReason: 6 });
    await expect(association.release()).rejects.toBeInstanceOf(AssociationAbortedError);
    expect(await peer.untilClosed()).toEqual(['AB(2,6)']);
    expect(await association.closed).toMatchObject({ kind: 'aborted', source: 2, reason: 6 });
  });
});

describe('release', () => {
  it('waits for the reply, then closes', async () => {
    const { association, peer } = await established();
    const receiving = association.receive();
    const releasing = association.release();
    expect((await peer.nextControl()).kind).toBe('release-request');

    peer.write(releaseReply);
    await releasing;

    expect(await receiving).toBeUndefined();
    expect(await peer.untilClosed()).toEqual([]);
    expect(await association.closed).toEqual({ kind: 'released' });
  });

  it('ignores what the peer still sends, however much', async () => {
    const { association, peer } = await established();
    const releasing = association.release();
    await peer.next();

    peer.write(dataPdu(commandPdv(storeCommand())));
    for (let sent = 0; sent < 512; sent += 1)
      peer.write(dataPdu(dataPdv(Buffer.alloc(16000), false, 1)));
    peer.write(releaseReply);

    await releasing;
    expect(await association.receive()).toBeUndefined();
  });

  it('gives up on a peer that does not reply', async () => {
    const { association, peer } = await established({ timeouts: { ...patient, artimMs: 50 } });

    await expect(association.release()).rejects.toBeInstanceOf(AssociationTimeoutError);
    expect(await peer.untilClosed()).toEqual(['RELEASE-RQ', 'AB(2,0)']);
  });

  it('tells when the peer hangs up instead', async () => {
    const { association, peer } = await established();
    const releasing = association.release();
    releasing.catch(() => undefined);
    await peer.next();

    peer.socket.end();

    await expect(releasing).rejects.toBeInstanceOf(AssociationAbortedError);
    expect((await association.closed).kind).toBe('connection-lost');
  });

  it('follows PS3.8 9.2.3 through a collision as the requestor: replies first', async () => {
    const { association, peer } = await established();
    const releasing = association.release();
    await peer.next();

    peer.write(releaseRequest);
    expect((await peer.nextControl()).kind).toBe('release-reply');
    peer.write(releaseReply);

    await releasing;
    expect(await association.closed).toEqual({ kind: 'released' });
  });

  it('follows PS3.8 9.2.3 through a collision as the acceptor: replies last', async () => {
    const [near, far] = duplexPair();
    const peer = new RawPeer(far);
    const accepting = acceptAssociation(near, { ...options, decide: acceptAll });
    peer.write(encodePdu({ kind: 'associate-request', request: aRequest() }));
    await peer.next();
    const outcome = await accepting;
    if (outcome.kind !== 'accepted') throw new Error(outcome.kind);
    const { association } = outcome;

    const releasing = association.release();
    expect((await peer.nextControl()).kind).toBe('release-request');
    peer.write(releaseRequest, releaseReply);

    await releasing;
    expect(await peer.untilClosed()).toEqual(['RP']);
    expect(await association.closed).toEqual({ kind: 'released' });
  });

  it('takes its own wish for the answer when the peer asked first', async () => {
    const { association, peer } = await established();
    peer.write(echoPdu(), releaseRequest);
    await association.receive();

    await association.release();

    expect(await peer.untilClosed()).toEqual(['RP']);
  });

  it('answers the acceptor when that one releases', async () => {
    const { association, peer } = await established();
    peer.write(releaseRequest);

    expect(await association.receive()).toBeUndefined();
    expect(await peer.untilClosed()).toEqual(['RP']);
    expect(await association.receive()).toBeUndefined();
    await expect(association.send({ contextId: 1, command: echoCommand() })).rejects.toBeInstanceOf(
      AssociationAbortedError,
    );
  });

  it('lets what is being sent go out first', async () => {
    const acceptor = await startAcceptor();
    const socket = connect({ port: acceptor.port, host: '127.0.0.1', noDelay: true });
    const association = await requestAssociation(socket, options);
    const dataSet = Buffer.alloc(3_000_000, 1);

    const sending = association.send({ contextId: 3, command: storeCommand(), dataSet });
    const releasing = association.release();
    await Promise.all([sending, releasing]);

    const served = await acceptor.nextServed();
    expect(served.messages.map((message) => message.dataSet.length)).toEqual([3_000_000]);
  });
});

it('frees the socket when the peer neither reads nor closes after an abort', async () => {
  const acceptor = await startAcceptor({
    handle: async (association, message) => {
      await readAll(message);
      await association.closed;
    },
  });
  const socket = connect({ port: acceptor.port, host: '127.0.0.1', noDelay: true });
  const association = await requestAssociation(socket, {
    ...options,
    timeouts: { ...patient, artimMs: 50 },
  });
  acceptor.sockets[0]?.pause();
  const command = { ...storeCommand(), commandField: commandField.cStoreRq };
  const sending = association.send({ contextId: 3, command, dataSet: Buffer.alloc(64_000_000) });
  sending.catch(() => undefined);

  association.abort();

  await expect(sending).rejects.toBeInstanceOf(AssociationAbortedError);
  expect((await association.closed).kind).toBe('aborted');
  if (!socket.closed) await once(socket, 'close');
  expect(socket.destroyed).toBe(true);
});
