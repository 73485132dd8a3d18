import type { Config } from '../config/config.ts';
import type { DeliveryProgress } from '../flows/delivery-progress.ts';
import { createControlApp } from '../http/control-app.ts';
import type { BridgeStatus } from '../http/control-app.ts';
import { startControlSocket } from '../http/control-socket.ts';
import { entryStates } from '../spool/queue-desk.ts';
import type { QueueDesk } from '../spool/queue-desk.ts';
import type { Spool } from '../spool/spool.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { RecentRefusals } from '../telemetry/recent-refusals.ts';
import { readVersion } from '../version.ts';
import { mainDestination } from './spool.ts';

interface ControlledRooms {
  readonly spool: Spool & { readonly desk: QueueDesk };
  readonly progress: DeliveryProgress;
  readonly refusals: RecentRefusals;
  readonly ports: () => BridgeStatus['ports'];
  readonly log: Logger;
}

/** Opens the control socket of a bridge, once its spool is its own. */
export function startControl(
  { dataDir }: Config,
  rooms: ControlledRooms,
): Promise<{ close(): Promise<void> }> {
  const { spool, refusals, log } = rooms;
  const status = statusOf(rooms, { version: readVersion(), startedAt: Date.now() });
  const app = createControlApp({ queue: spool.desk, states: entryStates, status, refusals, log });
  return startControlSocket({ folder: dataDir, app });
}

function statusOf(
  { spool, progress, ports }: ControlledRooms,
  { version, startedAt }: { readonly version: string; readonly startedAt: number },
): () => BridgeStatus {
  return () => {
    const { entries, bytes, oldestArrivedAt, failedEntries } = spool.depth();
    const paused = spool.desk.paused();
    const secondsToEmpty =
      paused.length > 0 ? undefined : progress.secondsToEmpty({ entries, bytes });
    return {
      version,
      pid: process.pid,
      startedAt: new Date(startedAt).toISOString(),
      uptimeSeconds: Math.max(0, Math.round((Date.now() - startedAt) / 1000)),
      ports: ports(),
      waiting: {
        entries,
        bytes,
        oldestArrivedAt:
          oldestArrivedAt === undefined ? null : new Date(oldestArrivedAt).toISOString(),
      },
      failedEntries,
      destinations: [mainDestination],
      paused,
      breaker: progress.breaker,
      rate: progress.rate() ?? null,
      secondsToEmpty: secondsToEmpty ?? null,
    };
  };
}
