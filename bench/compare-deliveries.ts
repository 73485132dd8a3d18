import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startOrthanc } from '../test/peers/orthanc.ts';
import type { Delivery } from './delivery.ts';
import { print } from './report.ts';
import { median } from './workload.ts';
import type { Workload } from './workload.ts';

/**
 * Measures deliveries of one workload in turn, and prints a line for each.
 *
 * @returns the median seconds of each, in the order of `contenders`.
 */
export async function compareDeliveries(
  workload: Workload,
  contenders: Readonly<Record<string, Delivery>>,
  options: { readonly title: string; readonly rounds: number; readonly folder: string },
): Promise<ReadonlyMap<string, number>> {
  const { title, rounds, folder } = options;
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
  console.log(title);
  const medians = Object.entries(seconds).map(([name, values]) => [name, median(values)] as const);
  for (const [contender, value] of medians) print(contender, value, workload, '');
  return new Map(medians);
}

/** The fastest of those whose name begins so. */
export function bestOf(medians: ReadonlyMap<string, number>, prefix: string): number {
  return Math.min(...[...medians].flatMap(([name, s]) => (name.startsWith(prefix) ? [s] : [])));
}
