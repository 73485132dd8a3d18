import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { runDcmtk, startStoreScp } from '../test/peers/dcmtk.ts';
import { startBridgeProcess } from '../test/support/bridge-process.ts';
import { deal } from '../src/cli/deal.ts';
import type { Workload } from './workload.ts';

/** Something that takes a workload; a fresh one for every measurement. */
export interface Receiver {
  /** Takes everything and resolves with the last answer. */
  take(workload: Workload, associations: number): Promise<void>;
  /** Peak resident memory in bytes, where it is a process of its own. */
  peakBytes(): number | undefined;
  stop(): Promise<void>;
}

/** Nothing is delivered while reception is measured: this port answers nobody. */
const nowhere = 'http://127.0.0.1:9/dicom-web';

export async function drawbridge(folder: string): Promise<Receiver> {
  const bridge = await startBridgeProcess({
    DATA_DIR: folder,
    UPSTREAM_URL: nowhere,
    RETRY_MIN: '1h',
    RETRY_MAX: '1h',
    LOG_FORMAT: 'json',
  });
  return {
    take: (workload, associations) =>
      sendByStoreScu(workload, associations, bridge.dimsePort, 'DRAWBRIDGE'),
    peakBytes: () => peakBytesOf(bridge.pid),
    stop: () => bridge.stop(),
  };
}

/** @param associations - with several it forks, or they would wait for one another. */
export async function storescp(
  kind: 'bitPreserving' | 'ignore',
  associations: number,
): Promise<Receiver> {
  const scp = await startStoreScp({ [kind]: true, args: associations > 1 ? ['--fork'] : [] });
  return {
    take: (workload, associations) => sendByStoreScu(workload, associations, scp.port, scp.aeTitle),
    peakBytes: () => undefined,
    stop: () => scp.stop(),
  };
}

/** The same bytes to the same disk with the same promises, and no protocol. */
export async function writeAndSync(folder: string): Promise<Receiver> {
  const ready = join(folder, 'ready');
  await mkdir(ready, { recursive: true });
  const directory = await open(ready, 'r');
  return {
    take: async (workload, associations) => {
      await Promise.all(
        deal(workload.files, associations).map(async (files, hand) => {
          for (const [index, file] of files.entries()) {
            const handle = await open(join(folder, `${hand}-${index}`), 'w');
            await handle.write(await readFile(file));
            await handle.datasync();
            await handle.close();
            await rename(join(folder, `${hand}-${index}`), join(ready, `${hand}-${index}`));
            await directory.sync();
          }
        }),
      );
    },
    peakBytes: () => undefined,
    stop: async () => {
      await directory.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Sends by DCMTK's `storescu`, one process an association. */
export async function sendByStoreScu(
  workload: Workload,
  associations: number,
  port: number,
  calledAeTitle: string,
): Promise<void> {
  const results = await Promise.all(
    deal(workload.files, associations).map((files) =>
      runDcmtk('storescu', [
        ...['-R', '--max-pdu', '131072', '-aec', calledAeTitle, '127.0.0.1', String(port)],
        ...files,
      ]),
    ),
  );
  const failed = results.find(({ code }) => code !== 0);
  if (failed !== undefined) throw new Error(`storescu failed:\n${failed.stderr}`);
}

/** Peak resident set of a process (`VmHWM`), in bytes. */
export function peakBytesOf(pid: number): number {
  const kilobytes = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) * 1024;
}
