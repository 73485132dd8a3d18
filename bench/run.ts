import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { bestOf, compareDeliveries } from './compare-deliveries.ts';
import { drawbridge, storescp, writeAndSync } from './contenders.ts';
import type { Receiver } from './contenders.ts';
import { bridgePeaks, byLoader, byStoreScu, byTwoPeers, throughDrawbridge } from './delivery.ts';
import { compareFront } from './front.ts';
import { compareRecovery } from './recovery.ts';
import { aimOf, megabytes, print } from './report.ts';
import { compareOverWan } from './wan.ts';
import { describeDisk, generateWorkload, median, workloadNames } from './workload.ts';
import type { Workload, WorkloadName } from './workload.ts';

const rounds = 3;

/** Most that the bridge may take in terms of `storescp +B`, by workload and number of associations. */
const receptionAims: Readonly<Record<WorkloadName, Readonly<Record<number, number>>>> = {
  ct: { 1: 1.5, 4: 1.2 },
  small: { 1: 1.6, 4: 1.35 },
  large: { 1: 1.0, 4: 1.2 },
};

const partNames = ['receive', 'deliver', 'wan', 'recovery', 'front'] as const;
type Part = (typeof partNames)[number];

/** What each part is about: a long line matters most to CT, a long queue is one of small objects. */
const workloadsOf: Readonly<Record<Part, readonly WorkloadName[]>> = {
  receive: ['ct', 'small', 'large'],
  deliver: ['ct', 'small'],
  wan: ['ct'],
  recovery: ['small'],
  // It has data of its own.
  front: [],
};

const wanted = process.argv.slice(2);
if (wanted.includes('--help')) {
  console.log(
    'npm run bench [-- receive|deliver|wan|recovery|front] [ct|small|large]\n\nBENCH_DIR: a folder on a real disk',
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
  const parts = chosen(partNames);
  for (const name of chosen(workloadNames)) {
    const has = (part: Part): boolean => parts.includes(part) && workloadsOf[part].includes(name);
    if (!partNames.some(has)) continue;
    const workload = await generateWorkload(name, join(folder, name));
    if (has('receive')) for (const n of [1, 4]) await compareReception(name, workload, n);
    if (has('deliver')) await compareDelivery(workload);
    if (has('wan')) await compareOverWan(workload, { rounds, folder });
    if (has('recovery')) await compareRecovery(workload, { rounds, folder });
    await rm(join(folder, name), { recursive: true });
  }
  const isOfOneWorkload = workloadNames.some((name) => wanted.includes(name));
  if (parts.includes('front') && !isOfOneWorkload) await compareFront({ rounds, folder });
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
  const medians = await compareDeliveries(
    workload,
    {
      'drawbridge, 1 association': throughDrawbridge(1),
      'drawbridge, 4 associations': throughDrawbridge(4),
      'loader, 4 × 50': byLoader({ connections: 4, batch: 50 }),
      'loader, 4 × 25': byLoader({ connections: 4, batch: 25 }),
      'loader, 1 × 50': byLoader({ connections: 1, batch: 50 }),
      'storescp +B beside a loader': byTwoPeers(1),
      'storescu to Orthanc, 1': byStoreScu(1),
      'storescu to Orthanc, 4': byStoreScu(4),
    },
    {
      title: `deliver ${workload.description} (until Orthanc holds everything)`,
      rounds,
      folder,
    },
  );
  const ours = bestOf(medians, 'drawbridge');
  const ofLoader = bestOf(medians, 'loader') / ours;
  const ofStoreScu = bestOf(medians, 'storescu to Orthanc, 1') / ours;
  console.log(
    `  ${ofLoader.toFixed(2)} × the best loader's speed${aimOf(ofLoader >= 0.9, '≥ 0.9')}`,
  );
  const ofBoth = bestOf(medians, 'storescp +B beside') / ours;
  console.log(`  ${ofBoth.toFixed(2)} × the speed of two programs that share the work`);
  console.log(
    `  ${ofStoreScu.toFixed(2)} × the speed of storescu straight into Orthanc${aimOf(ofStoreScu >= 2.5, '≥ 2.5')}`,
  );
  console.log(`  peak RSS of drawbridge ${megabytes(Math.max(...bridgePeaks.splice(0)))}\n`);
}
