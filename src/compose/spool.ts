import type { Config } from '../config/config.ts';
import { DirectorySpool } from '../spool/directory-spool.ts';
import type { Logger } from '../telemetry/logger.ts';

/** The one destination of this version. */
export const mainDestination = 'main';

/** How long a batch waits for the next object of its study while the association stays open. */
const batchIdleMs = 250;

/**
 * Builds the spool the configuration names; `open` is the caller's.
 *
 * @param options - `sweepKept: false` for one who only looks and orders: what he wants to send once
 *   more must not be swept while he opens the spool.
 */
export function composeSpool(
  { spool, delivery }: Config,
  log: Logger,
  { sweepKept = true }: { readonly sweepKept?: boolean } = {},
): DirectorySpool {
  return new DirectorySpool({
    folder: spool.folder,
    minFreeBytes: spool.minFreeBytes,
    maxBytes: spool.maxBytes,
    keepMs: sweepKept ? spool.keepMs : undefined,
    destination: mainDestination,
    // Who waits for the archive's word sends nothing more before it: there is no company to wait for.
    batchIdleMs: delivery.archiveAckTimeoutMs === undefined ? batchIdleMs : 0,
    now: Date.now,
    log,
  });
}
