import { mkdir, statfs, writeFile } from 'node:fs/promises';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { buildPart10, newUid } from '../test/support/dicom-object.ts';

/** A set of files that is sent as one piece of work. */
export interface Workload {
  readonly name: string;
  readonly description: string;
  readonly files: readonly string[];
  readonly bytes: number;
}

const shapes = {
  ct: { count: 400, pixelBytes: 524_288, description: '400 × 525 KB' },
  small: { count: 2000, pixelBytes: 10_000, description: '2,000 × 10 KB' },
  large: { count: 4, pixelBytes: 128 * 1024 * 1024, description: '4 × 128 MB' },
} as const;

export type WorkloadName = keyof typeof shapes;
export const workloadNames = Object.keys(shapes) as readonly WorkloadName[];

/** Writes the files of a workload: one study, one series. */
export async function generateWorkload(name: WorkloadName, folder: string): Promise<Workload> {
  const { count, pixelBytes, description } = shapes[name];
  await mkdir(folder, { recursive: true });
  const study = newUid();
  const series = newUid();
  const files: string[] = [];
  let bytes = 0;
  for (let index = 0; index < count; index += 1) {
    const file = join(folder, `${String(index).padStart(5, '0')}.dcm`);
    const object = buildPart10({ study, series, pixelBytes });
    await writeFile(file, object);
    files.push(file);
    bytes += object.length;
  }
  return { name, description, files, bytes };
}

const tmpfsMagic = 0x01021994;
const knownFileSystems: Readonly<Record<number, string>> = {
  0xef53: 'ext4',
  0x58465342: 'xfs',
  0x9123683e: 'btrfs',
  0x794c7630: 'overlay',
};

/**
 * Names the file system of a folder and measures its fdatasync.
 *
 * @throws Error on tmpfs: durability costs nothing there, and the figures would be lies.
 */
export async function describeDisk(folder: string): Promise<string> {
  const { type } = await statfs(folder);
  if (type === tmpfsMagic)
    throw new Error(`${folder} is tmpfs: set BENCH_DIR to a folder on a disk`);
  const handle = await open(join(folder, 'fdatasync-probe'), 'w');
  const times: number[] = [];
  for (let round = 0; round < 200; round += 1) {
    await handle.write(Buffer.alloc(4096, round), 0, 4096, round * 4096);
    const begun = performance.now();
    await handle.datasync();
    times.push(performance.now() - begun);
  }
  await handle.close();
  const name = knownFileSystems[type] ?? `type 0x${type.toString(16)}`;
  return `${name}, fdatasync of 4 KiB takes ${median(times).toFixed(2)} ms (median of 200)`;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
