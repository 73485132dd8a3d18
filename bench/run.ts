import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { startOrthanc } from '../test/peers/orthanc.ts';
import { drawbridge, storescp, writeAndSync } from './contenders.ts';
import type { Receiver } from './contenders.ts';
import { bridgePeaks, byLoader, byStoreScu, throughDrawbridge } from './delivery.ts';
import type { Delivery } from './delivery.ts';
import { describeDisk, generateWorkload, median, workloadNames } from './workload.ts';
import type { Workload, WorkloadName } from './workload.ts';

const rounds = 3;

/** Most that the bridge may take in terms of `storescp +B`, by workload and number of associations. */
const receptionAims: Readonly<Record<WorkloadName, Readonly<Record<number, number>>>> = {
  ct: { 1: 1.5, 4: 1.2 },
  small: { 1: 1.6, 4: 1.35 },
  large: { 1: 1.0, 4: 1.2 },
};

const wanted = process.argv.slice(2);
if (wanted.includes('--help')) {
  console.log(
    'npm run bench [-- receive|deliver] [ct|small|large]\n\nBENCH_DIR: a folder on a real disk',
  );
  process.exit(0);
}
const chosen = <Name extends string>(names: readonly Name[]): readonly Name[] => {
  const some = names.filter((name) => wanted.includes(name));
  return some.length > 0 ? some : names;
};

const base = resolve(process.env['BENCH_DIR'] ?? '.cache');
await mkdir(base, { recursive: true });
const folder = await mkdtemp(join(base, 'bench-data-'));
process.on('SIGINT', () => process.exit(130));
try {
  console.log(`disk: ${await describeDisk(folder)}`);
  console.log(`node ${process.versions.node}, each figure the median of ${rounds} runs\n`);
  const parts = chosen(['receive', 'deliver'] as const);
  for (const name of chosen(workloadNames)) {
    const workload = await generateWorkload(name, join(folder, name));
    if (parts.includes('receive'))
      for (const n of [1, 4]) await compareReception(name, workload, n);
    if (parts.includes('deliver') && name !== 'large') await compareDelivery(workload);
    await rm(join(folder, name), { recursive: true });
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function compareReception(name: WorkloadName, workload: Workload, n: number): Promise<void> {
  const scratch = (): Promise<string> => mkdtemp(join(folder, 'receiver-'));
  const contenders: Readonly<Record<string, () => Promise<Receiver>>> = {
    drawbridge: async () => drawbridge(await scratch()),
    'storescp +B': () => storescp('bitPreserving', n),
    'storescp --ignore': () => storescp('ignore', n),
    'write + fsync': async () => writeAndSync(await scratch()),
  };
  const seconds: Record<string, number[]> = {};
  const peaks: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const [contender, start] of Object.entries(contenders)) {
      const receiver = await start();
      // What the last one left in the page cache must not be written at this one's expense.
      execFileSync('sync');
      const begun = performance.now();
      await receiver.take(workload, n);
      (seconds[contender] ??= []).push((performance.now() - begun) / 1000);
      const peak = receiver.peakBytes();
      if (peak !== undefined) peaks.push(peak);
      await receiver.stop();
    }
  }
  const peer = median(seconds['storescp +B'] ?? []);
  const aim = receptionAims[name][n];
  console.log(
    `receive ${workload.description}, ${n} association${n > 1 ? 's' : ''} (to the last C-STORE-RSP)`,
  );
  for (const [contender, values] of Object.entries(seconds)) {
    const ratio = median(values) / peer;
    const verdict =
      contender === 'drawbridge' && aim !== undefined ? aimOf(ratio <= aim, `≤ ${aim}`) : '';
    print(contender, median(values), workload, `${ratio.toFixed(2)} × storescp +B${verdict}`);
  }
  console.log(`  peak RSS of drawbridge ${megabytes(Math.max(...peaks))}\n`);
}

async function compareDelivery(workload: Workload): Promise<void> {
  const contenders: Readonly<Record<string, Delivery>> = {
    'drawbridge, 1 association': throughDrawbridge(1),
    'drawbridge, 4 associations': throughDrawbridge(4),
    'loader, 4 × 50': byLoader({ connections: 4, batch: 50 }),
    'loader, 4 × 25': byLoader({ connections: 4, batch: 25 }),
    'loader, 1 × 50': byLoader({ connections: 1, batch: 50 }),
    'storescu to Orthanc, 1': byStoreScu(1),
    'storescu to Orthanc, 4': byStoreScu(4),
  };
  const seconds: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round += 1) {
    for (const [contender, deliver] of Object.entries(contenders)) {
      // A fresh Orthanc each time: its index slows down as it fills.
      const orthanc = await startOrthanc();
      const scratch = await mkdtemp(join(folder, 'delivery-'));
      execFileSync('sync');
      (seconds[contender] ??= []).push(await deliver(workload, orthanc, scratch));
      await orthanc.stop();
      await rm(scratch, { recursive: true, force: true });
    }
  }
  const of = (prefix: string): number =>
    Math.min(
      ...Object.entries(seconds)
        .filter(([name]) => name.startsWith(prefix))
        .map(([, values]) => median(values)),
    );
  console.log(`deliver ${workload.description} (until Orthanc holds everything)`);
  for (const [contender, values] of Object.entries(seconds)) {
    print(contender, median(values), workload, '');
  }
  const ours = of('drawbridge');
  const ofLoader = of('loader') / ours;
  const ofStoreScu = of('storescu to Orthanc, 1') / ours;
  console.log(
    `  ${ofLoader.toFixed(2)} × the best loader's speed${aimOf(ofLoader >= 0.9, '≥ 0.9')}`,
  );
  console.log(
    `  ${ofStoreScu.toFixed(2)} × the speed of storescu straight into Orthanc${aimOf(ofStoreScu >= 2.5, '≥ 2.5')}`,
  );
  console.log(`  peak RSS of drawbridge ${megabytes(Math.max(...bridgePeaks.splice(0)))}\n`);
}

function print(name: string, seconds: number, { files, bytes }: Workload, note: string): void {
  const rate = `${(files.length / seconds).toFixed(0)} obj/s`.padStart(12);
  const speed = `${megabytes(bytes / seconds)}/s`.padStart(12);
  console.log(`  ${name.padEnd(28)}${seconds.toFixed(2).padStart(8)} s${rate}${speed}  ${note}`);
}

function aimOf(met: boolean, aim: string): string {
  return `  (aim ${aim}: ${met ? 'met' : 'NOT met'})`;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(0)} MB`;
}
