import type { Workload } from './workload.ts';

/** Prints one contender's line. */
export function print(
  name: string,
  seconds: number,
  { files, bytes }: Pick<Workload, 'files' | 'bytes'>,
  note: string,
): void {
  const rate = `${(files.length / seconds).toFixed(0)} obj/s`.padStart(12);
  const speed = `${megabytes(bytes / seconds)}/s`.padStart(12);
  console.log(`  ${name.padEnd(28)}${seconds.toFixed(2).padStart(8)} s${rate}${speed}  ${note}`);
}

export function aimOf(met: boolean, aim: string): string {
  return `  (aim ${aim}: ${met ? 'met' : 'NOT met'})`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1_000_000).toFixed(0)} MB`;
}
