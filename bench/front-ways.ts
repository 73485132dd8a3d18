import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { startProxyNginx } from '../test/peers/nginx.ts';
import { PeerGroup } from '../test/peers/peer.ts';
import { startBridgeProcess } from '../test/support/bridge-process.ts';
import type { Way } from './front-client.ts';

/** The ways to one archive. */
export interface Ways {
  readonly straight: Way;
  readonly nginx: Way & { readonly pid: number };
  readonly drawbridge: Way & { readonly pid: number };
}
export type WayName = keyof Ways;
export const wayNames: readonly WayName[] = ['straight', 'nginx', 'drawbridge'];

/**
 * Opens the ways to an archive.
 *
 * @param root - its DICOMweb root.
 * @param settings - of the bridge.
 */
export async function openWays(
  root: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<{ readonly ways: Ways; readonly close: () => Promise<void> }> {
  const { origin, pathname } = new URL(root);
  const peers = new PeerGroup();
  try {
    const nginx = await peers.start(startProxyNginx(origin));
    const bridge = await peers.start(startBridgeProcess({ UPSTREAM_URL: root, ...settings }));
    const token = await createToken(bridge.dataDir);
    return {
      ways: {
        straight: { root, headers: {} },
        nginx: { root: `${nginx.url}${pathname}`, headers: {}, pid: nginx.pid },
        drawbridge: {
          root: `http://127.0.0.1:${bridge.httpPort}/dicom-web`,
          headers: { Authorization: `Bearer ${token}` },
          pid: bridge.pid,
        },
      },
      close: () => peers.stop(),
    };
  } catch (error) {
    await peers.stop();
    throw error;
  }
}

async function createToken(dataDir: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['dist/main.js', 'token', 'create', '--scope', 'read', '--expires', '8h'],
    { env: { ...process.env, DRAWBRIDGE_DATA_DIR: dataDir } },
  );
  return stdout.trim();
}

const ticksPerSecond = 100;

/** Processor time a process has taken so far, in seconds (proc(5): utime and stime of `stat`). */
export function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field is the name, in parentheses, and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/**
 * Measures each way in turn, so many times, and before that unseen: a compiler that learns while it
 * runs is not what a server that runs for weeks is about.
 */
export async function alternate<Result>(
  ways: Ways,
  rounds: number,
  measure: (way: Way) => Promise<Result>,
  unseenRounds = 1,
): Promise<Readonly<Record<WayName, readonly Result[]>>> {
  const results: Record<WayName, Result[]> = { straight: [], nginx: [], drawbridge: [] };
  for (let round = -unseenRounds; round < rounds; round += 1) {
    for (const name of wayNames) {
      const result = await measure(ways[name]);
      if (round >= 0) results[name].push(result);
    }
  }
  return results;
}
