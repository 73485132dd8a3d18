import type { OpenQueue } from '../../src/cli/queue/open-queue.ts';
import type { BridgeStatus } from '../../src/http/control-app.ts';
import type { InMemoryQueue } from './in-memory-queue.ts';

/** A queue at hand, with or without a bridge that runs. */
export function openInMemory(queue: InMemoryQueue, status?: BridgeStatus): OpenQueue {
  return {
    queue,
    status: () => Promise.resolve(status && { ...status, paused: queue.paused() }),
    destinations: () => Promise.resolve(['main']),
    paused: () => Promise.resolve(queue.paused()),
    close: () => Promise.resolve(),
  };
}
