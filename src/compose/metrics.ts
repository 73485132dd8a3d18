import type { Config } from '../config/config.ts';
import { nodeFileOperations } from '../spool/file-operations.ts';
import type { QueueDesk } from '../spool/queue-desk.ts';
import type { Spool } from '../spool/spool.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { readVersion } from '../version.ts';
import type { ComposedArchive } from './archive.ts';
import { mainDestination } from './spool.ts';

/** Builds the metrics over the rooms they ask at each scrape. */
export function composeMetrics(
  { spool: { folder, minFreeBytes } }: Config,
  {
    spool,
    archive,
  }: {
    readonly spool: Pick<Spool, 'depth'> & { readonly desk: Pick<QueueDesk, 'paused'> };
    readonly archive: Pick<ComposedArchive, 'tokenObtainedAt'>;
  },
): Metrics {
  return createMetrics({
    version: readVersion(),
    destinations: [mainDestination],
    queues: () => {
      const isPaused = spool.desk.paused().includes(mainDestination);
      return [{ destination: mainDestination, ...spool.depth(), isPaused }];
    },
    tokenObtainedAt: () => archive.tokenObtainedAt(),
    diskFreeBytes: () => nodeFileOperations.freeBytes(folder),
    diskMinFreeBytes: minFreeBytes,
    now: Date.now,
    processMetrics: true,
  });
}
