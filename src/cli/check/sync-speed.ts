import { open, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileSystemOf, inScratchFolder, nearestFolder } from './disk-place.ts';
import { ok, warning } from './probe.ts';
import type { Finding, Probe } from './probe.ts';

const rounds = 20;
const fileBytes = 4096;
/** An object costs a sync of the file and one of the folder. Slower, and a CT of 400 takes 20 s. */
const slowMs = 50;
/** The fastest disks that keep their word take longer; so quick is only who does not write. */
const incredibleMs = 0.05;

/** Whether what was written stays written, and how long that takes. */
export const syncSpeed: Probe = {
  id: 'data.sync',
  title: 'Stable storage',
  needs: ['data.folder'],
  run: async ({ config }, signal) => {
    const folder = await nearestFolder(config.spool.folder);
    const { name, danger } = await fileSystemOf(folder);
    const medianMs = await inScratchFolder(folder, (scratch) => measure(scratch, signal));
    return judge({ medianMs, fileSystem: name, danger });
  },
};

interface Measured {
  readonly medianMs: number;
  readonly fileSystem: string;
  readonly danger: 'memory' | 'network' | 'layer' | undefined;
}

/** What the numbers mean. */
export function judge({ medianMs, fileSystem, danger }: Measured): Finding {
  const shown = `${medianMs < 10 ? medianMs.toFixed(2) : Math.round(medianMs)} ms`;
  const facts = { medianMs: Number(medianMs.toFixed(3)), fileSystem };
  if (danger === 'memory') {
    return warning(
      `The spool lies in memory (${fileSystem}): what was acknowledged is gone when this machine stops.`,
      'Set DRAWBRIDGE_DATA_DIR (or DRAWBRIDGE_SPOOL_DIR) to a folder on a disk.',
      facts,
    );
  }
  if (danger === 'network') {
    return warning(
      `The spool lies on ${fileSystem}, which may say “written” before it is, and stalls with the network; ${shown} to make 4 KiB durable.`,
      'Set DRAWBRIDGE_SPOOL_DIR to a folder on a local disk (ext4, XFS).',
      facts,
    );
  }
  if (danger === 'layer') {
    return warning(
      `The spool lies in the container's own layer (${fileSystem}), and is gone with the container; ${shown} to make 4 KiB durable.`,
      'Mount a volume where DRAWBRIDGE_DATA_DIR points to.',
      facts,
    );
  }
  if (medianMs < incredibleMs) {
    return warning(
      `4 KiB are durable after ${shown} on ${fileSystem}, which is too quick to be true.`,
      'Look for what swallows fsync: a virtual disk with cache=unsafe, a mount without barriers, libeatmydata.',
      facts,
    );
  }
  const perSecond = Math.max(1, Math.round(1000 / medianMs));
  if (medianMs > slowMs) {
    return warning(
      `It takes ${shown} to make 4 KiB durable on ${fileSystem}: one association stores about ${perSecond} objects a second at most.`,
      'Set DRAWBRIDGE_SPOOL_DIR to a faster disk, best an SSD with power-loss protection.',
      facts,
    );
  }
  return ok(`${shown} to make 4 KiB durable on ${fileSystem} (median of ${rounds}).`, facts);
}

/** The steps of the spool: file, its data, its name, the folder. */
async function measure(folder: string, signal: AbortSignal): Promise<number> {
  const content = Buffer.alloc(fileBytes, 1);
  const times: number[] = [];
  for (let round = 0; round < rounds && !signal.aborted; round += 1) {
    const begun = performance.now();
    const file = await open(join(folder, 'part'), 'w', 0o600);
    await file.write(content);
    await file.datasync();
    await file.close();
    await rename(join(folder, 'part'), join(folder, `${round}`));
    const directory = await open(folder, 'r');
    await directory.sync();
    await directory.close();
    times.push(performance.now() - begun);
  }
  return times.sort((a, b) => a - b)[Math.floor(times.length / 2)] ?? Infinity;
}
