import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** Something that runs beside the tests and is ended by its own handle. */
export interface Peer extends AsyncDisposable {
  stop(): Promise<void>;
}

/** Ask this with `describe.skipIf`: the reader of the report then sees what was left out. */
export const peersSkipped = process.env['TEST_PEERS'] === 'skip';

/**
 * Peers that belong together. Whatever was started is stopped in reverse order, also when a later
 * one did not come up or the test failed: `afterAll(() => peers.stop())`.
 */
export class PeerGroup implements Peer {
  readonly #started: Peer[] = [];

  async start<P extends Peer>(starting: Promise<P>): Promise<P> {
    const peer = await starting;
    this.#started.push(peer);
    return peer;
  }

  async stop(): Promise<void> {
    const problems: unknown[] = [];
    for (const peer of this.#started.splice(0).reverse()) {
      await peer.stop().catch((error: unknown) => problems.push(error));
    }
    if (problems.length > 0) throw new AggregateError(problems, 'not every peer could be stopped');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** A port nobody listens on at this moment. Somebody else may take it: callers try again. */
export async function findFreePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

/** A folder for one peer or test; removed by `remove`, or with this process at the latest. */
export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

const prefix = 'drawbridge-test-';
const folders = new Set<string>();

export async function temporaryFolder(label: string): Promise<TemporaryFolder> {
  if (folders.size === 0) await sweepFoldersOfTheDead();
  const folder = await mkdtemp(path.join(tmpdir(), `${prefix}${process.pid}-${label}-`));
  folders.add(folder);
  return {
    path: folder,
    remove: async () => {
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
      folders.delete(folder);
    },
  };
}

process.on('exit', () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A runner that was killed with SIGKILL could clean nothing; the name says whose folder it was. */
async function sweepFoldersOfTheDead(): Promise<void> {
  const mounts = await readFile('/proc/mounts', 'utf8').catch(() => '');
  for (const name of await readdir(tmpdir())) {
    const pid = new RegExp(`^${prefix}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const folder = path.join(tmpdir(), name);
    // A small disk stays mounted when its test is killed, and a mount point cannot be removed.
    if (mounts.includes(` ${folder} `)) spawnSync('umount', ['--lazy', folder]);
    // What cannot be swept away is nobody's fault who begins now.
    await rm(folder, { recursive: true, force: true }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
