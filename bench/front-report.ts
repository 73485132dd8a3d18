import type { WayName } from './front-ways.ts';
import { wayNames } from './front-ways.ts';
import { aimOf, megabytes } from './report.ts';
import { median } from './workload.ts';

/** One long answer. */
export interface Transfer {
  readonly seconds: number;
  readonly bytes: number;
  /** Of the process in between. */
  readonly cpuSeconds: number | undefined;
}

/** Many short ones. */
export interface Asked {
  /** For all of them. */
  readonly seconds: number;
  /** For each. */
  readonly times: readonly number[];
}

type ByWay<T> = Readonly<Record<WayName, readonly T[]>>;

/** @param aim - least share of nginx's speed. */
export function printTransfers(title: string, results: ByWay<Transfer>, aim?: number): void {
  const speeds = mapWays((name) => median(results[name].map((each) => each.bytes / each.seconds)));
  console.log(title);
  for (const name of wayNames) {
    const cpu = results[name].flatMap(({ cpuSeconds, bytes }) =>
      cpuSeconds === undefined ? [] : [(cpuSeconds / bytes) * 1e9],
    );
    const cost = cpu.length === 0 ? '' : `${median(cpu).toFixed(2)} s of CPU per GB`;
    const seconds = median(results[name].map((each) => each.seconds));
    line(name, `${seconds.toFixed(2)} s`, `${megabytes(speeds[name])}/s`, cost);
  }
  ratio(speeds.drawbridge / speeds.nginx, speeds.drawbridge / speeds.straight, aim);
}

/** @param aimMs - most that the slowest hundredth may take longer than without us. */
export function printLatencies(title: string, results: ByWay<Asked>, aimMs?: number): void {
  const rates = mapWays((name) =>
    median(results[name].map(({ times, seconds }) => times.length / seconds)),
  );
  const all = mapWays((name) => results[name].flatMap(({ times }) => times));
  console.log(title);
  for (const name of wayNames) {
    const [p50, p99] = [0.5, 0.99].map((share) => percentile(all[name], share).toFixed(1));
    line(name, `${rates[name].toFixed(0)} /s`, `p50 ${p50} ms`, `p99 ${p99} ms`);
  }
  ratio(rates.drawbridge / rates.nginx, rates.drawbridge / rates.straight);
  if (aimMs === undefined) return;
  const more = percentile(all.drawbridge, 0.99) - percentile(all.straight, 0.99);
  console.log(
    `  p99 is ${more.toFixed(1)} ms above straight${aimOf(more < aimMs, `< ${aimMs} ms`)}`,
  );
}

/** @param aim - least share of nginx's rate. */
export function printRates(title: string, results: ByWay<number>, aim: number): void {
  const rates = mapWays((name) => median(results[name]));
  console.log(title);
  for (const name of wayNames) line(name, `${rates[name].toFixed(0)} /s`);
  ratio(rates.drawbridge / rates.nginx, rates.drawbridge / rates.straight, aim);
}

function line(name: string, ...columns: readonly string[]): void {
  console.log(
    `  ${name.padEnd(12)}${columns.map((column) => `  ${column.padStart(12)}`).join('')}`,
  );
}

function ratio(ofNginx: number, ofStraight: number, aim?: number): void {
  const verdict = aim === undefined ? '' : aimOf(ofNginx >= aim, `≥ ${aim}`);
  console.log(`  ${ofNginx.toFixed(2)} × nginx${verdict}, ${ofStraight.toFixed(2)} × straight`);
}

function mapWays<T>(of: (name: WayName) => T): Readonly<Record<WayName, T>> {
  return { straight: of('straight'), nginx: of('nginx'), drawbridge: of('drawbridge') };
}

/** The value that a share of the others does not exceed. */
function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}
