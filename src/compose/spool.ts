import type { Config } from '../config/config.ts';
import { DirectorySpool } from '../spool/directory-spool.ts';
import type { Spool } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';

/** How long a batch waits for the next object of its study while the association stays open. */
const batchIdleMs = 250;

/** Builds the spool the configuration names; `open` is the caller's. */
export function composeSpool({ spool }: Config, log: Logger): Spool {
  return new DirectorySpool({
    folder: spool.folder,
    minFreeBytes: spool.minFreeBytes,
    maxBytes: spool.maxBytes,
    destination: 'main',
    batchIdleMs,
    now: Date.now,
    log,
  });
}
