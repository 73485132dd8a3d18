import type { ObjectStore } from '../archive/archive.ts';
import type { Config } from '../config/config.ts';
import { ArchiveConfirmations } from '../flows/archive-confirmation.ts';
import type { DeliveryProgress } from '../flows/delivery-progress.ts';
import { Forwarder } from '../flows/forward.ts';
import type { Spool } from '../spool/spool.ts';
import { newCorrelationId } from '../telemetry/correlation-id.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { mainDestination } from './spool.ts';

/** Builds what joins both journeys where the archive's word is waited for; else there is nothing. */
export function composeConfirmations({ delivery }: Config): ArchiveConfirmations | undefined {
  const { archiveAckTimeoutMs: timeoutMs } = delivery;
  return timeoutMs === undefined
    ? undefined
    : new ArchiveConfirmations({ timeoutMs, now: Date.now });
}

/** Builds the forwarder between spool and archive. */
export function composeForwarder(
  { delivery }: Config,
  rooms: {
    readonly spool: Spool;
    readonly store: ObjectStore;
    readonly metrics: Metrics;
    readonly progress: DeliveryProgress;
    readonly outcomes?: ArchiveConfirmations | undefined;
    readonly log: Logger;
  },
): Forwarder {
  const { spool, store, metrics, progress, outcomes, log } = rooms;
  return new Forwarder({
    spool,
    archive: store,
    settings: {
      batch: { maxInstances: delivery.batchInstances, maxBytes: delivery.batchBytes },
      concurrency: delivery.concurrency,
      retryMinMs: delivery.retryMinMs,
      retryMaxMs: delivery.retryMaxMs,
    },
    events: {
      objectDelivered: (destination, bytes) => {
        metrics.objectDelivered({ destination, bytes });
        progress.objectDelivered(bytes);
      },
      objectSetAside: (destination, reason) => metrics.objectSetAside({ destination, reason }),
      contentContradicted: (destination) => metrics.contentContradicted(destination),
      batchRetried: (destination, reason) => metrics.deliveryRetried({ destination, reason }),
      batchTook: (destination, seconds, outcome) =>
        metrics.batchEnded({ destination, outcome, seconds }),
      breakerChanged: (state) => {
        metrics.breakerChanged({ destination: mainDestination, state });
        progress.breakerChanged(state);
      },
    },
    outcomes,
    log,
    now: Date.now,
    random: Math.random,
    newId: () => newCorrelationId(Math.random),
  });
}
