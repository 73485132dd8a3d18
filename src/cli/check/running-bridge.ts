import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Config } from '../../config/config.ts';
import type { BridgeStatus } from '../../http/control-app.ts';
import { lockOwner } from '../../spool/lock.ts';
import type { RecentRefusal } from '../../telemetry/recent-refusals.ts';
import { ControlClient } from '../control-client.ts';

/** The bridge that works on the same data as the configuration says. */
export interface RunningBridge {
  /** `undefined`: it owns the spool and does not tell. */
  readonly pid: number | undefined;
  /** What it says of itself; `undefined` when it does not answer on its control socket. */
  readonly status: BridgeStatus | undefined;
  /** The last ones, newest first. */
  readonly refusals: readonly RecentRefusal[] | undefined;
}

/** A bridge that is stuck shall not take the other findings with it. */
const patienceMs = 5_000;

/** @returns `undefined` when no process owns the spool. */
export async function findRunningBridge({
  spool,
  dataDir,
}: Config): Promise<RunningBridge | undefined> {
  // A folder that cannot be looked into is for a probe to tell.
  const owner = await lockOwner(join(spool.folder, 'lock')).catch(() => undefined);
  if (owner === undefined) return undefined;
  const client = new ControlClient({ dataDir });
  const [status, refusals] = await Promise.all([soon(client.status()), soon(client.refusals())]);
  return { pid: owner.pid, status, refusals };
}

/** Why there is no answer does not matter to the probes, which say that there is none. */
function soon<T>(answer: Promise<T>): Promise<T | undefined> {
  const tooLate = wait(patienceMs, undefined, { ref: false });
  return Promise.race([answer.catch(() => undefined), tooLate]);
}
