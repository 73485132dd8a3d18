import { duplexPair } from 'node:stream';
import { expect, it, describe } from 'vitest';
import { acceptAssociation } from '../../src/upper-layer/accept.ts';
import { encodePdu } from '../../src/upper-layer/pdu-encoder.ts';
import { echoPdu, rawPdu, releaseReply, releaseRequest, requestPdu } from './support/bytes.ts';
import { acceptAll, patient, startAcceptor } from './support/acceptor.ts';
import { RawPeer } from './support/raw-peer.ts';

const abortPdu = encodePdu({ kind: 'abort', source: 0, reason: 0 });

describe('before the association', () => {
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
});
