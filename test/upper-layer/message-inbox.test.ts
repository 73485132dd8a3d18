import { deferred } from './support/deferred.ts';
import { once } from 'node:events';
import { expect, it, describe } from 'vitest';
import { commandField, encodeCommandSet } from '../../src/upper-layer/command-set.ts';
import {
  commandPdv,
  dataPdu,
  dataPdv,
  echoCommand,
  echoPdu,
  releaseRequest,
  storeCommand,
  storePdus,
} from './support/bytes.ts';
import { answer, readAll, startAcceptor } from './support/acceptor.ts';

describe('messages of a peer', () => {
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
    const cancelled = deferred();
    const acceptor = await startAcceptor({
      onAssociation: (association) => association.onCancel(() => cancelled.resolve()),
      handle: async (association, message) => {
        await cancelled.promise;
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
});
