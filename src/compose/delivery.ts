import type { ObjectStore } from '../archive/archive.ts';
import type { Config } from '../config/config.ts';
import { Forwarder } from '../flows/forward.ts';
import type { Spool } from '../spool/spool.ts';
import { newCorrelationId } from '../telemetry/correlation-id.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Builds the forwarder between spool and archive. */
export function composeForwarder(
  { delivery }: Config,
  rooms: {
    readonly spool: Spool;
    readonly store: ObjectStore;
    readonly metrics: Metrics;
    readonly log: Logger;
  },
): Forwarder {
  const { spool, store, metrics, log } = rooms;
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
      objectDelivered: (destination, bytes) => metrics.objectDelivered({ destination, bytes }),
      objectSetAside: (reason) => metrics.objectSetAside(reason),
      batchRetried: (reason) => metrics.deliveryRetried(reason),
      batchTook: (destination, seconds) => metrics.batchEnded({ destination, seconds }),
      breakerChanged: (state) => metrics.breakerChanged(state),
    },
    log,
    now: Date.now,
    random: Math.random,
    newId: () => newCorrelationId(Math.random),
  });
}
