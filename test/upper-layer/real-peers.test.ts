import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import dimse from 'dcmjs-dimse';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Association } from '../../src/upper-layer/association.ts';
import { requestAssociation } from '../../src/upper-layer/request.ts';
import type { RequestOptions } from '../../src/upper-layer/request.ts';
import { runDcmtk, startStoreScp } from '../peers/dcmtk.ts';
import type { StoreScp } from '../peers/dcmtk.ts';
import { findFreePort, peersSkipped } from '../peers/peer.ts';
import { explicitElement } from '../support/data-set.ts';
import { patient, startAcceptor } from './support/acceptor.ts';
import {
  ctImageStorage,
  echoCommand,
  echoContext,
  storeCommand,
  storeContext,
} from './support/bytes.ts';

dimse.log.setLevel('silent');

async function requestFrom(
  port: number,
  changes: Partial<RequestOptions> = {},
): Promise<Association> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  return requestAssociation(socket, {
    callingAeTitle: 'DRAWBRIDGE',
    calledAeTitle: 'PEER',
    contexts: [
      echoContext,
      { ...storeContext, transferSyntaxes: [...storeContext.transferSyntaxes] },
    ],
    maxPduBytes: 131072,
    timeouts: patient,
    ...changes,
  });
}

/** Ends with the test. */
async function storeScpForTest(options: Parameters<typeof startStoreScp>[0]): Promise<StoreScp> {
  const storeScp = await startStoreScp(options);
  onTestFinished(() => storeScp.stop());
  return storeScp;
}

/** A data set in Explicit VR Little Endian, padded to size by its pixel data. */
function aDataSet(messageId: number, pixelBytes: number): Buffer {
  return Buffer.concat([
    explicitElement(0x00080016, 'UI', `${ctImageStorage}\0`),
    explicitElement(0x00080018, 'UI', `1.2.3.${messageId}\0`),
    explicitElement(0x00100010, 'PN', 'Test^Peer '),
    explicitElement(0x0020000d, 'UI', '1.2.3\0'),
    explicitElement(0x0020000e, 'UI', '1.2.4\0'),
    explicitElement(0x7fe00010, 'OW', Buffer.alloc(pixelBytes, messageId)),
  ]);
}

describe.skipIf(peersSkipped)('towards DCMTK storescp', () => {
  it.each([4096, 131072])('echoes and stores bit by bit with PDUs of %i', async (maxPdu) => {
    const storeScp = await storeScpForTest({
      bitPreserving: true,
      args: ['--max-pdu', String(maxPdu)],
    });
    const association = await requestFrom(storeScp.port);
    expect(association.peerMaxPduBytes).toBe(maxPdu);
    expect([...association.contexts.keys()]).toEqual([1, 3]);

    await association.send({ contextId: 1, command: echoCommand(1) });
    expect((await association.receive())?.command).toMatchObject({ status: 0 });
    const dataSets = [1, 2, 3].map((id) => aDataSet(id, id * 100_000));
    for (const [index, dataSet] of dataSets.entries()) {
      await association.send({ contextId: 3, command: storeCommand(index + 1), dataSet });
      const answer = await association.receive();
      expect(answer?.command).toMatchObject({ status: 0, messageIdBeingRespondedTo: index + 1 });
    }
    await association.release();

    expect(await association.closed).toEqual({ kind: 'released' });
    const names = await storeScp.files();
    const files = await Promise.all(names.map((name) => readFile(name)));
    expect(files.length).toBe(3);
    dataSets.forEach((dataSet, index) => {
      expect(files[index]?.subarray(-dataSet.length).equals(dataSet)).toBe(true);
    });
  });

  it('tells why storescp refuses', async () => {
    const { port } = await storeScpForTest({ args: ['--refuse'] });

    await expect(requestFrom(port)).rejects.toMatchObject({ code: 'association_rejected' });
  });

  it('notices that storescp aborts in the middle of a data set', async () => {
    const { port } = await storeScpForTest({ ignore: true, args: ['--abort-during'] });
    const association = await requestFrom(port);

    const sending = association.send({
      contextId: 3,
      command: storeCommand(),
      dataSet: aDataSet(1, 3_000_000),
    });

    await expect(sending.then(() => association.receive())).rejects.toMatchObject({
      code: 'association_aborted',
    });
  });
});

describe.skipIf(peersSkipped)('from DCMTK', () => {
  it('answers echoscu', async () => {
    const acceptor = await startAcceptor();

    const { code, stderr } = await runDcmtk('echoscu', ['-v', '127.0.0.1', String(acceptor.port)]);

    expect(stderr).toContain('Received Echo Response (Success)');
    expect(code).toBe(0);
    expect((await acceptor.nextServed()).error).toBeUndefined();
  });

  it('A18 answers echoscu with 128 contexts', async () => {
    const acceptor = await startAcceptor();

    const { code } = await runDcmtk('echoscu', [
      ...['--propose-pc', '128'],
      ...['127.0.0.1', String(acceptor.port)],
    ]);

    expect(code).toBe(0);
    const { outcome } = await acceptor.nextServed();
    expect(outcome.kind === 'accepted' && outcome.association.contexts.size).toBe(128);
  });

  it('survives echoscu that aborts instead of releasing', async () => {
    const acceptor = await startAcceptor();

    const { code } = await runDcmtk('echoscu', ['--abort', '127.0.0.1', String(acceptor.port)]);

    expect(code).toBe(0);
    expect((await acceptor.nextServed()).error).toMatchObject({ code: 'association_aborted' });
  });

  it('refuses echoscu in words it understands', async () => {
    const acceptor = await startAcceptor({
      decide: () => ({ kind: 'reject', result: 1, source: 1, diagnostic: 7 }),
    });

    const { code, stderr } = await runDcmtk('echoscu', ['127.0.0.1', String(acceptor.port)]);

    expect(code).not.toBe(0);
    expect(stderr).toContain('Called AE Title Not Recognized');
  });
});

describe('with dcmjs-dimse', () => {
  it('G3 answers 50 pipelined echoes of its Client and releases', async () => {
    const acceptor = await startAcceptor();
    const client = new dimse.Client();
    const statuses: number[] = [];
    for (let count = 0; count < 50; count += 1) {
      const request = new dimse.requests.CEchoRequest();
      request.on('response', (response: InstanceType<typeof dimse.responses.CEchoResponse>) => {
        statuses.push(response.getStatus());
      });
      client.addRequest(request);
    }
    const closed = new Promise((resolve) => client.on('closed', resolve));

    client.send('127.0.0.1', acceptor.port, 'CLIENT', 'DRAWBRIDGE');
    await closed;

    expect(statuses).toEqual(Array.from({ length: 50 }, () => 0));
    const served = await acceptor.nextServed();
    expect(served.error).toBeUndefined();
    expect(served.end).toEqual({ kind: 'released' });
  });

  it('receives the data set its Client sends', async () => {
    const acceptor = await startAcceptor();
    const comments = 'x'.repeat(9000);
    const elements = {
      SOPClassUID: ctImageStorage,
      SOPInstanceUID: '1.2.3.5',
      ImageComments: comments,
      _vrMap: {},
    };
    const dataSet = new dimse.Dataset(elements, '1.2.840.10008.1.2');
    const client = new dimse.Client();
    client.addRequest(new dimse.requests.CStoreRequest(dataSet));
    const closed = new Promise((resolve) => client.on('closed', resolve));

    client.send('127.0.0.1', acceptor.port, 'CLIENT', 'DRAWBRIDGE');
    await closed;

    const { messages } = await acceptor.nextServed();
    expect(messages.length).toBe(1);
    expect(messages[0]?.dataSet.toString('latin1')).toContain(comments);
  });

  it('echoes and stores to its Server', async () => {
    const stored: string[] = [];
    class StoringScp extends dimse.Scp {
      override associationRequested(
        association: InstanceType<typeof dimse.association.Association>,
      ): void {
        for (const { id } of association.getPresentationContexts() as { id: number }[]) {
          const context = association.getPresentationContext(id);
          context.setResult(0, context.getTransferSyntaxUids()[0]);
        }
        this.sendAssociationAccept();
      }

      override cEchoRequest(
        request: InstanceType<typeof dimse.requests.CEchoRequest>,
        callback: (response: InstanceType<typeof dimse.responses.CEchoResponse>) => void,
      ): void {
        const response = dimse.responses.CEchoResponse.fromRequest(request);
        response.setStatus(0);
        callback(response);
      }

      override cStoreRequest(
        request: InstanceType<typeof dimse.requests.CStoreRequest>,
        callback: (response: InstanceType<typeof dimse.responses.CStoreResponse>) => void,
      ): void {
        stored.push(request.getAffectedSopInstanceUid());
        const response = dimse.responses.CStoreResponse.fromRequest(request);
        response.setStatus(0);
        callback(response);
      }

      override associationReleaseRequested(): void {
        this.sendAssociationReleaseResponse();
      }
    }
    const server = new dimse.Server(StoringScp);
    server.on('networkError', () => undefined);
    const port = await findFreePort();
    server.listen(port);
    onTestFinished(() => server.close());

    const association = await requestFrom(port);
    await association.send({ contextId: 1, command: echoCommand(1) });
    expect((await association.receive())?.command).toMatchObject({ status: 0 });
    await association.send({
      contextId: 3,
      command: storeCommand(2),
      dataSet: aDataSet(2, 200_000),
    });
    expect((await association.receive())?.command).toMatchObject({ status: 0 });
    await association.release();

    expect(stored).toEqual(['1.2.3.2']);
  });
});
