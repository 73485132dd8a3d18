import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import type { BridgeProcess } from '../../support/bridge-process.ts';

const main = resolve('dist/main.js');

/** What `drawbridge queue …` printed and how it ended. */
interface QueueCommandResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Types `drawbridge queue …` beside a bridge, with nothing but its data folder to go by. */
export function queueCommand(
  { dataDir }: Pick<BridgeProcess, 'dataDir'>,
  ...words: readonly string[]
): Promise<QueueCommandResult> {
  const others = Object.entries(process.env).filter(([name]) => !name.startsWith('DRAWBRIDGE_'));
  const env = { ...Object.fromEntries(others), DRAWBRIDGE_DATA_DIR: dataDir };
  return new Promise((done) => {
    execFile(process.execPath, [main, 'queue', ...words], { env }, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
      done({ exitCode, stdout, stderr });
    });
  });
}

/** The part of `drawbridge queue list --json` that the journeys look at. */
interface QueueListing {
  readonly bridge: { readonly breaker: string; readonly pid: number } | null;
  readonly paused: readonly string[];
  readonly secondsToEmpty: number | null;
  readonly total: number;
  readonly entries: readonly {
    readonly id: string;
    readonly state: string;
    readonly reason?: { readonly code: string; readonly httpStatus?: number };
  }[];
}

export async function queueList(
  bridge: Pick<BridgeProcess, 'dataDir'>,
  ...filters: readonly string[]
): Promise<QueueListing> {
  const result = await queueCommand(bridge, 'list', '--json', '--limit', '1000', ...filters);
  if (result.exitCode !== 0) throw new Error(`queue list ended with ${result.stderr}`);
  return JSON.parse(result.stdout) as QueueListing;
}

/** How many entries stand in which state. */
export async function queueStates(
  bridge: Pick<BridgeProcess, 'dataDir'>,
): Promise<Readonly<Record<string, number>>> {
  const counts: Record<string, number> = {};
  for (const { state } of (await queueList(bridge)).entries) {
    counts[state] = (counts[state] ?? 0) + 1;
  }
  return counts;
}
