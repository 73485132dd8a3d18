import { readFile, readdir } from 'node:fs/promises';

/**
 * The most memory a process and its descendants have ever held, each at its own worst moment: the
 * sum of VmHWM over the process tree.
 */
export async function peakBytes(pid: number): Promise<number> {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = await statusNumber(Number(name), 'PPid');
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  let sum = 0;
  for (const each of parents.keys()) {
    if (isInTree(each, pid, parents)) sum += ((await statusNumber(each, 'VmHWM')) ?? 0) * 1024;
  }
  if (sum === 0) throw new Error(`process ${pid} is gone`);
  return sum;
}

function isInTree(pid: number, root: number, parents: ReadonlyMap<number, number>): boolean {
  for (let at: number | undefined = pid; at !== undefined; at = parents.get(at)) {
    if (at === root) return true;
  }
  return false;
}

async function statusNumber(pid: number, field: string): Promise<number | undefined> {
  // The process may have ended since it was listed.
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  const value = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1];
  return value === undefined ? undefined : Number(value);
}
