import { duplexPair } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  AssociationAbortedError,
  AssociationTimeoutError,
} from '../../src/errors/association-errors.ts';
import { acceptAssociation } from '../../src/upper-layer/accept.ts';
import { encodePdu } from '../../src/upper-layer/pdu-encoder.ts';
import { acceptAll, patient, startAcceptor } from './support/acceptor.ts';
import {
  aRequest,
  commandPdv,
  dataPdu,
  dataPdv,
  echoCommand,
  echoPdu,
  releaseReply,
  releaseRequest,
  storeCommand,
} from './support/bytes.ts';
import { RawPeer } from './support/raw-peer.ts';
import { associateWith, established, options } from './support/requestor.ts';

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
    const association = await associateWith(acceptor.port);
    const dataSet = Buffer.alloc(3_000_000, 1);

    const sending = association.send({ contextId: 3, command: storeCommand(), dataSet });
    const releasing = association.release();
    await Promise.all([sending, releasing]);

    const served = await acceptor.nextServed();
    expect(served.messages.map((message) => message.dataSet.length)).toEqual([3_000_000]);
  });
});
