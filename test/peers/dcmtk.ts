import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { OwnedProcess } from './owned-process.ts';
import { findFreePort, temporaryFolder } from './peer.ts';
import type { Peer } from './peer.ts';
import { untilReady } from './ready.ts';

// Nagle and delayed ACK cost the tools 44 ms an object without it.
const environment = { TCP_NODELAY: '1' };

/** What a DCMTK tool said. */
export interface DcmtkResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a DCMTK tool to its end; a signal kills it. Its exit code is the caller's to judge. */
export async function runDcmtk(
  tool: 'echoscu' | 'storescu' | 'findscu' | 'movescu' | 'getscu' | 'dcmdump' | 'dcmconv',
  args: readonly string[],
  options: { readonly signal?: AbortSignal; readonly cwd?: string } = {},
): Promise<DcmtkResult> {
  const owned = new OwnedProcess(tool, args, {
    env: environment,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  });
  const kill = (): void => owned.signal('SIGKILL');
  options.signal?.addEventListener('abort', kill, { once: true });
  try {
    const { code } = await owned.ended;
    return { code, stdout: owned.stdout, stderr: owned.stderr };
  } finally {
    options.signal?.removeEventListener('abort', kill);
  }
}

interface StoreScpOptions {
  readonly aeTitle?: string;
  /** Write data sets exactly as received (`+B`); DCMTK writes them anew otherwise. */
  readonly bitPreserving?: boolean;
  /** Receive and forget. */
  readonly ignore?: boolean;
  /** Further words for the command line. */
  readonly args?: readonly string[];
}

/** A real DCMTK `storescp`. */
export interface StoreScp extends Peer {
  readonly aeTitle: string;
  readonly port: number;
  readonly folder: string;
  readonly pid: number | undefined;
  /** Full paths of what it received so far. */
  files(): Promise<readonly string[]>;
}

export async function startStoreScp(options: StoreScpOptions = {}): Promise<StoreScp> {
  const folder = await temporaryFolder('storescp');
  const port = await findFreePort();
  const aeTitle = options.aeTitle ?? 'STORESCP';
  const owned = new OwnedProcess(
    'storescp',
    [
      ...['--aetitle', aeTitle, '--output-directory', folder.path],
      ...['--accept-all', '--promiscuous', '--max-pdu', '131072'],
      ...(options.bitPreserving === true ? ['--bit-preserving'] : []),
      ...(options.ignore === true ? ['--ignore'] : []),
      ...(options.args ?? []),
      String(port),
    ],
    { env: environment, cwd: folder.path },
  );
  const stop = async (): Promise<void> => {
    await owned.stop();
    await folder.remove();
  };
  try {
    await untilReady('storescp', owned, () => accepts(port));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    aeTitle,
    port,
    folder: folder.path,
    pid: owned.pid,
    files: async () => {
      const names = await readdir(folder.path);
      return names.sort().map((name) => path.join(folder.path, name));
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
