import { existsSync } from 'node:fs';
import { mainDestination, composeSpool } from '../../compose/spool.ts';
import type { Config } from '../../config/config.ts';
import { SpoolLockedError } from '../../errors/spool-errors.ts';
import type { BridgeStatus } from '../../http/control-app.ts';
import { silentLogger } from '../../telemetry/pino-logger.ts';
import { CommandError } from '../command-error.ts';
import { ControlClient, NoBridgeError, notPermitted } from '../control-client.ts';
import type { RemoteQueue } from '../control-client.ts';
import { userIdOf } from '../user-id-of.ts';

/** A queue that can be asked and told, wherever it is. */
export interface OpenQueue {
  readonly queue: RemoteQueue;
  /** Of the bridge that runs; `undefined` when none does. */
  status(): Promise<BridgeStatus | undefined>;
  destinations(): Promise<readonly string[]>;
  paused(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/**
 * Finds the queue of a configuration: in the bridge that runs, else on disk.
 *
 * @throws CommandError that says what to do when it can be reached neither way.
 */
export async function openQueue(config: Config): Promise<OpenQueue> {
  const client = new ControlClient(config);
  try {
    await client.status();
    return queueOfBridge(client);
  } catch (error) {
    if (!(error instanceof NoBridgeError)) throw error;
  }
  return queueOnDisk(config);
}

function queueOfBridge(client: ControlClient): OpenQueue {
  return {
    queue: client,
    status: () => client.status(),
    destinations: async () => (await client.status()).destinations,
    paused: async () => (await client.status()).paused,
    close: () => Promise.resolve(),
  };
}

async function queueOnDisk(config: Config): Promise<OpenQueue> {
  const { folder } = config.spool;
  if (!existsSync(folder)) {
    throw new CommandError(
      `no bridge runs with the data folder ${config.dataDir}, and there is no spool at ${folder}: set DRAWBRIDGE_DATA_DIR (and DRAWBRIDGE_SPOOL_DIR) as the bridge has them`,
    );
  }
  // What another user leaves in the spool, its bridge could not use any more.
  if (userIdOf(folder) !== process.getuid?.()) throw notPermitted(folder);
  const spool = composeSpool(config, silentLogger, { sweepKept: false });
  await spool.open().catch((error: unknown) => {
    throw error instanceof SpoolLockedError ? lockedBySomeone(error, config) : error;
  });
  const { desk } = spool;
  return {
    queue: desk,
    status: () => Promise.resolve(undefined),
    destinations: () => Promise.resolve([mainDestination]),
    paused: () => Promise.resolve(desk.paused()),
    close: () => spool.close(),
  };
}

function lockedBySomeone({ facts }: SpoolLockedError, { dataDir }: Config): CommandError {
  const pid = facts['pid'] === undefined ? '' : ` (pid ${facts['pid']})`;
  return new CommandError(
    `a process${pid} uses the spool, but no bridge answers at ${dataDir}/control.sock: it may be starting or stopping, or another queue command; or DRAWBRIDGE_DATA_DIR here is not the bridge's`,
  );
}
