import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { requestAssociation } from '../../src/upper-layer/request.ts';
import { createAuthority } from '../support/certificates.ts';
import type { CertificateAuthority } from '../support/certificates.ts';
import { patient, startAcceptor } from './support/acceptor.ts';
import {
  commandPdv,
  dataPdu,
  dataPdv,
  echoContext,
  storeCommand,
  storeContext,
} from './support/bytes.ts';
import { deferred } from './support/deferred.ts';
import { RawPeer } from './support/raw-peer.ts';

/** Verified, with the TCP connection below it. */
interface Connected {
  readonly wire: Socket;
  readonly secure: TLSSocket;
}

describe('over TLS', () => {
  let authority: CertificateAuthority;
  let tls: { readonly key: string; readonly cert: string };
  beforeAll(async () => {
    authority = await createAuthority();
    tls = await authority.issue();
  });
  afterAll(() => authority.remove());

  async function connectSecurely(
    port: number,
    options: ConnectionOptions = {},
  ): Promise<Connected> {
    const wire = connect({ port, host: '127.0.0.1', noDelay: true });
    onTestFinished(() => {
      wire.destroy();
    });
    const secure = connectTls({ socket: wire, host: '127.0.0.1', ca: authority.cert, ...options });
    await once(secure, 'secureConnect');
    return { wire, secure };
  }

  it.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'associates, stores 1 MiB and releases with %s',
    async (version) => {
      const acceptor = await startAcceptor({ tls });
      const versions = { minVersion: version, maxVersion: version };
      const { secure } = await connectSecurely(acceptor.port, versions);
      const dataSet = Buffer.from(Array.from({ length: 1024 * 1024 }, (_, index) => index % 251));

      const association = await requestAssociation(secure, {
        callingAeTitle: 'DRAWBRIDGE',
        calledAeTitle: 'PEER',
        contexts: [echoContext, storeContext],
        maxPduBytes: 131072,
        timeouts: patient,
      });
      await association.send({ contextId: 3, command: storeCommand(1), dataSet });
      const answer = await association.receive();
      await association.release();

      expect(secure.getProtocol()).toBe(version);
      expect(answer?.command).toMatchObject({ status: 0, messageIdBeingRespondedTo: 1 });
      expect(await association.closed).toEqual({ kind: 'released' });
      const served = await acceptor.nextServed();
      expect(served.error).toBeUndefined();
      expect(served.messages.map((message) => message.dataSet.equals(dataSet))).toEqual([true]);
    },
  );

  it.each([
    ['E16 a FIN without close_notify', ({ wire }: Connected) => wire.end(), false],
    ['a close_notify', ({ secure }: Connected) => secure.end(), true],
  ])('%s within a data set breaks off its reading', async (_, close, isAlert) => {
    const firstRead = deferred<readonly Buffer[] | undefined>();
    const acceptor = await startAcceptor({
      tls,
      handle: async (_association, { dataSet }) => {
        firstRead.resolve(await dataSet?.read());
        await dataSet?.read();
      },
    });
    const connected = await connectSecurely(acceptor.port);
    const peer = new RawPeer(connected.secure);
    await peer.associate();
    peer.write(
      dataPdu(commandPdv(storeCommand(), 3)),
      dataPdu(dataPdv(Buffer.from('half'), false)),
    );
    expect(await firstRead.promise).toEqual([Buffer.from('half')]);
    const bytesBefore = connected.wire.bytesWritten;

    close(connected);

    const served = await acceptor.nextServed();
    expect(served.error).toMatchObject({ code: 'association_aborted', abortSource: undefined });
    expect(served.end).toMatchObject({ kind: 'connection-lost' });
    expect(connected.wire.bytesWritten > bytesBefore).toBe(isAlert);
  });
});
