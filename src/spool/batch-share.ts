import type { LeaseLimits } from './spool.ts';

/** Some entries, by number and length. */
interface Load {
  readonly entries: number;
  readonly bytes: number;
}

/**
 * With one of these, a request costs the archive little beside its objects. Into Orthanc 1.10, requests
 * of 10 objects took as long as requests of 50 when they were of 525 KB, and a sixth longer of 10 KB.
 */
const worthARequest: Load = { entries: 25, bytes: 4 * 1024 * 1024 };

/**
 * Whether what gathers has not to wait for more. Small objects do, until the batch is full: what they
 * cost is their number of requests, and a device that sends them has the processor to itself meanwhile.
 */
export function isEnough(gathered: Load, limits: LeaseLimits): boolean {
  const { maxInstances, maxBytes, requests = 1 } = limits;
  if (gathered.entries >= maxInstances || gathered.bytes >= maxBytes) return true;
  return requests > 1 && gathered.bytes >= worthARequest.bytes;
}

/**
 * Bounds of the next batch: its part of all that waits, so that no request is busy for long while the
 * others have nothing left. Becomes less from batch to batch, but is always worth a request.
 */
export function shareOf(waiting: Load, limits: LeaseLimits): LeaseLimits {
  const { maxInstances, maxBytes, requests = 1 } = limits;
  if (requests === 1) return limits;
  const entries = Math.max(worthARequest.entries, Math.ceil(waiting.entries / requests));
  const bytes = Math.max(worthARequest.bytes, Math.ceil(waiting.bytes / requests));
  return { maxInstances: Math.min(maxInstances, entries), maxBytes: Math.min(maxBytes, bytes) };
}
