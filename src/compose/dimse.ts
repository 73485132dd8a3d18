import { isAllowed } from '../access/networks.ts';
import type { Config } from '../config/config.ts';
import { inspectPlainDataSet } from '../dicom/object-inspector.ts';
import type { ExpectedObject, ObjectInspector } from '../dicom/object-inspector.ts';
import { dataSetEncodingOf } from '../dicom/transfer-syntax.ts';
import { inspectDeflatedDataSet } from '../dimse/deflated-inspector.ts';
import { DimseListener } from '../dimse/listener.ts';
import type { StoreProvider } from '../dimse/store-provider.ts';
import type { ArchiveConfirmations } from '../flows/archive-confirmation.ts';
import { Ingest } from '../flows/ingest.ts';
import type { Spool } from '../spool/spool.ts';
import { newCorrelationId } from '../telemetry/correlation-id.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RecentRefusals } from '../telemetry/recent-refusals.ts';
import type { AssociationTimeouts } from '../upper-layer/watchdog.ts';

/**
 * Slower than the slowest line a modality hangs on; below it an association is given up, so that a
 * peer cannot hold a place for ever at a byte a second.
 */
const minimumBytesPerSecond = 1024;
/** A peer that takes none of our bytes for so long is gone. */
const writeStallMs = 30_000;
/** At this rate a data set that found the disk full is read away. */
const drainBytesPerSecond = 16 * 1024 * 1024;

/** Timers that hold for either role. */
export function associationTimeouts({ dimse }: Config): AssociationTimeouts {
  return {
    artimMs: dimse.artimTimeoutMs,
    idleMs: dimse.idleTimeoutMs,
    writeStallMs,
    minimumBytesPerSecond,
  };
}

/** Builds the DIMSE front over a spool. */
export function composeListener(
  config: Config,
  port: number,
  rooms: {
    readonly spool: Spool;
    readonly metrics: Metrics;
    readonly refusals: RecentRefusals;
    readonly confirmations: ArchiveConfirmations | undefined;
    readonly log: Logger;
  },
): DimseListener {
  const { dimse, delivery } = config;
  const { spool, metrics, refusals, confirmations, log } = rooms;
  const ingest = new Ingest({
    spool,
    inspect: inspectorFor,
    maxObjectBytes: dimse.maxObjectBytes,
    urgentModalities: new Set(delivery.urgentModalities),
    confirmations,
    events: { objectAnswered: (status, bytes) => metrics.objectReceived({ status, bytes }) },
    log,
  });
  return new DimseListener({
    options: {
      host: dimse.host,
      port,
      maxPduBytes: dimse.maxPduBytes,
      timeouts: associationTimeouts(config),
      rules: dimse,
      isNetworkAllowed: (address) => isAllowed(dimse.allowedNetworks, address),
    },
    services: {
      store: timed(ingest, metrics),
      maxObjectBytes: dimse.maxObjectBytes,
      drainBytesPerSecond,
    },
    events: {
      associationBegan: () => metrics.associationBegan(),
      associationRefused: (reason, refused) => {
        metrics.associationRefused(reason);
        if (refused) refusals.note({ ...refused, reason, at: new Date().toISOString() });
      },
      associationEnded: (outcome) => {
        metrics.associationEnded(outcome);
        spool.flush();
      },
    },
    log,
    newId: () => newCorrelationId(Math.random),
    now: Date.now,
  });
}

function timed(provider: StoreProvider, metrics: Metrics): StoreProvider {
  return {
    store: async (request) => {
      const begun = performance.now();
      const status = await provider.store(request);
      metrics.receiveTook((performance.now() - begun) / 1000);
      return status;
    },
  };
}

function inspectorFor(transferSyntaxUid: string, expected: ExpectedObject): ObjectInspector {
  const encoding = dataSetEncodingOf(transferSyntaxUid);
  return encoding.deflated
    ? inspectDeflatedDataSet(expected)
    : inspectPlainDataSet(encoding, expected);
}
