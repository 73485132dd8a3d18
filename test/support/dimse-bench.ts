import { connect } from 'node:net';
import { onTestFinished } from 'vitest';
import { inspectPlainDataSet } from '../../src/dicom/object-inspector.ts';
import { dataSetEncodingOf } from '../../src/dicom/transfer-syntax.ts';
import type { AssociationRules } from '../../src/dimse/association-policy.ts';
import { DimseListener } from '../../src/dimse/listener.ts';
import { Ingest } from '../../src/flows/ingest.ts';
import type { Spool } from '../../src/spool/spool.ts';
import type { Association } from '../../src/upper-layer/association.ts';
import type { ProposedContext } from '../../src/upper-layer/negotiation.ts';
import { requestAssociation } from '../../src/upper-layer/request.ts';
import type { AssociationTimeouts } from '../../src/upper-layer/watchdog.ts';
import { recordingLogger } from './recording-logger.ts';
import { aeTitle } from './uid.ts';

const timeouts: AssociationTimeouts = {
  artimMs: 5000,
  idleMs: 20_000,
  writeStallMs: 10_000,
  minimumBytesPerSecond: 0,
};

/** A DIMSE front over a spool of the test's choice, on a port of its own. */
export async function startDimseBench(
  spool: Spool,
  changes: {
    readonly rules?: Partial<AssociationRules>;
    readonly maxObjectBytes?: number;
    readonly drainBytesPerSecond?: number;
  } = {},
) {
  const log = recordingLogger();
  const refusals: string[] = [];
  const ended: string[] = [];
  const maxObjectBytes = changes.maxObjectBytes ?? 1_000_000_000;
  const listener = new DimseListener({
    options: {
      host: '127.0.0.1',
      port: 0,
      maxPduBytes: 131_072,
      timeouts,
      rules: {
        aeTitles: [aeTitle('DRAWBRIDGE')],
        requireCalledAeTitle: true,
        maxAssociations: 8,
        maxAssociationsPerPeer: 8,
        ...changes.rules,
      },
      isNetworkAllowed: () => true,
    },
    services: {
      store: new Ingest({
        spool,
        inspect: (transferSyntax, expected) =>
          inspectPlainDataSet(dataSetEncodingOf(transferSyntax), expected),
        maxObjectBytes,
        events: { objectAnswered: () => undefined },
        log,
      }),
      maxObjectBytes,
      drainBytesPerSecond: changes.drainBytesPerSecond ?? 1_000_000_000,
    },
    events: {
      associationBegan: () => undefined,
      associationEnded: (outcome) => ended.push(outcome),
      associationRefused: (reason) => refusals.push(reason),
    },
    log,
    newId: () => 'a5s0c1at',
    now: Date.now,
  });
  const { port } = await listener.start();
  onTestFinished(() => listener.stop(AbortSignal.abort()));

  return {
    listener,
    port,
    log,
    refusals,
    ended,
    /** Associates by our own requester role. */
    associate: (
      contexts: readonly ProposedContext[],
      calledAeTitle = 'DRAWBRIDGE',
    ): Promise<Association> => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      socket.on('error', () => undefined);
      return requestAssociation(socket, {
        callingAeTitle: 'CT01',
        calledAeTitle,
        contexts,
        maxPduBytes: 65_536,
        timeouts,
      });
    },
  };
}
