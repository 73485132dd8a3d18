import { describe, expect, it } from 'vitest';
import {
  AssociationAbortedError,
  AssociationTimeoutError,
} from '../../src/errors/association-errors.ts';
import { encodePdu } from '../../src/upper-layer/pdu-encoder.ts';
import { patient, startAcceptor } from './support/acceptor.ts';
import { commandPdv, dataPdu, dataPdv, echoCommand, storeCommand } from './support/bytes.ts';
import { associateWith, established } from './support/requestor.ts';

describe('using an association', () => {
  it('sends a message and receives its answer', async () => {
    const acceptor = await startAcceptor();
    const association = await associateWith(acceptor.port);
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
    const association = await associateWith(acceptor.port);
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
