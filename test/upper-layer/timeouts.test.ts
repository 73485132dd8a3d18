import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  AssociationAbortedError,
  AssociationTimeoutError,
} from '../../src/errors/association-errors.ts';
import type { Association } from '../../src/upper-layer/association.ts';
import { commandField } from '../../src/upper-layer/command-set.ts';
import { requestAssociation } from '../../src/upper-layer/request.ts';
import { acceptInMemory, answer, patient, readAll, startAcceptor } from './support/acceptor.ts';
import {
  commandPdv,
  dataPdu,
  dataPdv,
  echoPdu,
  requestPdu,
  storeCommand,
  storePdus,
} from './support/bytes.ts';
import { associateWith, options } from './support/requestor.ts';
import { stopTheClock } from './support/test-clock.ts';

const { artimMs, idleMs } = patient;

/** What the watchdog may be late, as it looks once a second. */
const tickMs = 1000;

describe('before the association', () => {
  it('A01 G1 closes a silent connection after ARTIM without sending a byte', async () => {
    const clock = stopTheClock();
    const { peer, served } = acceptInMemory();

    await clock.advance(artimMs - 1);
    expect(peer.isOver).toBe(false);
    await clock.advance(1);

    expect(await peer.untilClosed()).toEqual([]);
    expect((await served).outcome).toMatchObject({ kind: 'failed', cause: 'artim' });
  });

  it('A02 lets ARTIM run to the complete request, not from byte to byte', async () => {
    const clock = stopTheClock();
    const { peer, served } = acceptInMemory();
    const request = requestPdu();

    for (let sent = 0; sent < 10; sent += 1) {
      expect(peer.isOver).toBe(false);
      peer.write(request.subarray(sent, sent + 1));
      await clock.advance(artimMs / 10);
    }

    expect(await peer.untilClosed()).toEqual([]);
    expect((await served).outcome).toMatchObject({ kind: 'failed', cause: 'artim' });
  });

  it('C28 frees the connection after ARTIM when the peer does not close after a rejection', async () => {
    const clock = stopTheClock();
    const acceptor = await startAcceptor({
      decide: () => ({ kind: 'reject', result: 1, source: 1, diagnostic: 7 }),
    });
    const socket = connect({ port: acceptor.port, host: '127.0.0.1', allowHalfOpen: true });
    socket.resume();
    socket.on('error', () => undefined);
    socket.write(requestPdu());
    await acceptor.nextServed();
    const [near] = acceptor.sockets;

    await clock.advance(artimMs - 1);
    expect(near?.destroyed).toBe(false);
    await clock.advance(1);

    expect(near?.destroyed).toBe(true);
    socket.destroy();
  });
});

describe('while the association stands', () => {
  it('A53 ends an association that is idle by AB(2,0)', async () => {
    const clock = stopTheClock();
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();

    await clock.advance(idleMs + tickMs);

    expect(await peer.untilClosed()).toEqual(['AB(2,0)']);
    const served = await acceptor.nextServed();
    expect(served.error).toBeInstanceOf(AssociationTimeoutError);
    expect(served.end).toEqual({ kind: 'timeout', detail: 'the peer was silent for too long' });
  });

  it('A53 frees a half-open connection whose peer does not even read the abort', async () => {
    const clock = stopTheClock();
    const acceptor = await startAcceptor();
    const peer = await acceptor.associate();
    peer.socket.pause();

    await clock.advance(idleMs + tickMs);
    expect(acceptor.sockets[0]?.destroyed).toBe(false);
    await clock.advance(artimMs);

    expect(acceptor.sockets[0]?.destroyed).toBe(true);
    expect((await acceptor.nextServed()).error).toBeInstanceOf(AssociationTimeoutError);
    peer.socket.destroy();
  });

  it('A53 counts no time in which it works on a message itself', async () => {
    const clock = stopTheClock();
    const { peer, served } = acceptInMemory({
      handle: async (association, message) => {
        await readAll(message);
        await clock.advance(5 * idleMs);
        await answer(association, message);
      },
    });
    await peer.associate();

    peer.write(storePdus(1, Buffer.alloc(10)));

    expect(await peer.nextCommand()).toMatchObject({ status: 0 });
    await clock.advance(idleMs + tickMs);
    expect(await peer.untilClosed()).toEqual(['AB(2,0)']);
    expect((await served).error).toMatchObject({ message: 'the peer was silent for too long' });
  });

  it('A54 ends a data set that drips by AB(2,0)', async () => {
    const clock = stopTheClock();
    const { peer, served } = acceptInMemory({
      timeouts: { ...patient, minimumBytesPerSecond: 1000, rateWindowMs: 30_000 },
    });
    await peer.associate();
    peer.write(dataPdu(commandPdv(storeCommand(), 3)));

    for (let seconds = 0; seconds < 30; seconds += 5) {
      expect(peer.isOver).toBe(false);
      peer.write(dataPdu(dataPdv(Buffer.alloc(1), false)));
      await clock.advance(5000);
    }

    expect(await peer.untilClosed()).toEqual(['AB(2,0)']);
    expect((await served).error).toMatchObject({ message: 'the peer sends too slowly' });
  });

  it('A54 ends a PDU header that does not go on by AB(2,0)', async () => {
    const clock = stopTheClock();
    const { peer, served } = acceptInMemory({
      timeouts: { ...patient, minimumBytesPerSecond: 100, rateWindowMs: 10_000 },
    });
    await peer.associate();

    peer.write(Buffer.of(4));
    await clock.advance(10_000);

    expect(await peer.untilClosed()).toEqual(['AB(2,0)']);
    expect((await served).error).toMatchObject({ message: 'the peer sends too slowly' });
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

  it('A59 draws from its source no faster than the peer reads', async () => {
    const acceptor = await startAcceptor({
      handle: async (peerSide) => {
        await peerSide.closed;
      },
    });
    const timeouts = { ...patient, writeStallMs: 200 };
    const association = await associateWith(acceptor.port, { timeouts });
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
});

it('frees the socket when the peer neither reads nor closes after an abort', async () => {
  const clock = stopTheClock();
  const acceptor = await startAcceptor({
    handle: async (association, message) => {
      await readAll(message);
      await association.closed;
    },
  });
  const socket = connect({ port: acceptor.port, host: '127.0.0.1', noDelay: true });
  const association = await requestAssociation(socket, options);
  acceptor.sockets[0]?.pause();
  const dataSet = Buffer.alloc(64_000_000);
  const sending = association.send({ contextId: 3, command: storeCommand(), dataSet });
  sending.catch(() => undefined);

  association.abort();
  await clock.advance(artimMs - 1);
  expect(socket.destroyed).toBe(false);
  await clock.advance(1);

  expect(socket.destroyed).toBe(true);
  await expect(sending).rejects.toBeInstanceOf(AssociationAbortedError);
  expect((await association.closed).kind).toBe('aborted');
});

it.each([
  ['was released', (association: Association) => association.release()],
  [
    'was aborted',
    (association: Association) => {
      association.abort();
      return association.closed;
    },
  ],
])('leaves no timer behind when the association %s', async (_, end) => {
  const clock = stopTheClock();
  const acceptor = await startAcceptor();
  const association = await associateWith(acceptor.port);
  expect(clock.timers()).toBe(2);

  await end(association);
  await association.closed;
  await acceptor.nextServed();

  expect(clock.timers()).toBe(0);
});
