import { resolve } from 'node:path';
import { OwnedProcess } from '../peers/owned-process.ts';
import type { ProcessEnd } from '../peers/owned-process.ts';
import { temporaryFolder } from '../peers/peer.ts';
import type { Peer } from '../peers/peer.ts';
import { untilReady } from '../peers/ready.ts';

// From the project's root: the benchmarks run a compiled copy of this file from elsewhere.
const main = resolve('dist/main.js');

/** A real bridge in a process of its own, as it is deployed. */
export interface BridgeProcess extends Peer {
  readonly dataDir: string;
  readonly dimsePort: number;
  readonly httpPort: number;
  readonly operationsPort: number;
  /** Of the bridge, or of what it runs under. */
  readonly pid: number;
  /** The JSON log lines since its last start; the latest 256 KiB of them. */
  readonly log: string;
  /** SIGKILL: no time to say goodbye. */
  kill(): Promise<void>;
  /** SIGTERM, and how it ended. */
  terminate(): Promise<ProcessEnd>;
  /** Starts it again over the same folder, with other settings where given; the ports change. */
  restart(changes?: Readonly<Record<string, string>>): Promise<void>;
}

interface ReadyLine {
  readonly dimse: number;
  readonly http: number;
  readonly operations: number;
}

/**
 * Starts `drawbridge serve` with a folder and ports of its own.
 *
 * @param settings - `DRAWBRIDGE_…` variables without their prefix.
 * @param under - the program it runs under, such as `strace`, with its words.
 */
export async function startBridgeProcess(
  settings: Readonly<Record<string, string>> = {},
  under: readonly string[] = [],
): Promise<BridgeProcess> {
  const folder = await temporaryFolder('bridge');
  const begin = async (
    changes: Readonly<Record<string, string>>,
  ): Promise<{ readonly process: OwnedProcess; readonly ready: ReadyLine }> => {
    const owned = new OwnedProcess('/usr/bin/env', [
      ...onlyTheseSettings({
        DATA_DIR: folder.path,
        DIMSE_HOST: '127.0.0.1',
        DIMSE_PORT: '0',
        HTTP_PORT: '0',
        OPS_PORT: '0',
        SPOOL_MIN_FREE: '1MiB',
        RETRY_MIN: '50ms',
        RETRY_MAX: '500ms',
        LOG_FORMAT: 'json',
        ...settings,
        ...changes,
      }),
      ...[...under, process.execPath, main, 'serve'],
    ]);
    await untilReady('bridge', owned, () => Promise.resolve(readyLine(owned.stdout) !== undefined));
    const ready = readyLine(owned.stdout);
    if (ready === undefined) throw new Error('the bridge did not say its ports');
    return { process: owned, ready };
  };
  let current = await begin({}).catch(async (error: unknown) => {
    await folder.remove();
    throw error;
  });
  const stop = async (): Promise<void> => {
    if (!current.process.hasEnded) await current.process.stop();
    await folder.remove();
  };
  return {
    dataDir: settings['DATA_DIR'] ?? folder.path,
    get dimsePort() {
      return current.ready.dimse;
    },
    get httpPort() {
      return current.ready.http;
    },
    get operationsPort() {
      return current.ready.operations;
    },
    get pid() {
      return current.process.pid ?? 0;
    },
    get log() {
      return current.process.stdout;
    },
    kill: async () => {
      await current.process.kill();
    },
    terminate: () => current.process.stop(),
    restart: async (changes = {}) => {
      if (!current.process.hasEnded) await current.process.stop();
      current = await begin(changes);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Words for `env`: no setting of the machine the test runs on may change its outcome.
 */
function onlyTheseSettings(settings: Readonly<Record<string, string>>): readonly string[] {
  const others = Object.keys(process.env).filter((name) => name.startsWith('DRAWBRIDGE_'));
  return [
    ...others.flatMap((name) => ['-u', name]),
    ...Object.entries(settings).map(([name, value]) => `DRAWBRIDGE_${name}=${value}`),
  ];
}

function readyLine(log: string): ReadyLine | undefined {
  const line = log.split('\n').find((each) => each.includes('"bridge is ready"'));
  return line === undefined ? undefined : (JSON.parse(line) as ReadyLine);
}
