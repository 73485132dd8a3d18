import type { BridgeStatus } from '../../src/http/control-app.ts';

/** A bridge that has nothing to do. */
export const idleStatus: BridgeStatus = {
  version: '1.2.3',
  pid: 42,
  startedAt: '2026-11-21T12:00:00.000Z',
  uptimeSeconds: 90,
  ports: { dimse: 11112, http: undefined, operations: 9090 },
  waiting: { entries: 0, bytes: 0, oldestArrivedAt: null },
  failedEntries: 0,
  destinations: ['main'],
  paused: [],
  breaker: 'closed',
  rate: null,
  secondsToEmpty: 0,
};
