import { setTimeout as delay } from 'node:timers/promises';
import type { OwnedProcess } from './owned-process.ts';

/**
 * Waits until a process of ours answers. Neither Orthanc nor DCMTK says when it listens, so this is
 * the one place that polls: every 25 ms, 30 s at most, and no longer than the process lives.
 */
export async function untilReady(
  what: string,
  owned: OwnedProcess,
  isReady: () => Promise<boolean>,
): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (performance.now() < deadline) {
    if (owned.hasEnded) throw new Error(`${what} ended at once:\n${owned.stderr}${owned.stdout}`);
    if (await isReady().catch(() => false)) return;
    await delay(25);
  }
  throw new Error(`${what} did not answer within 30 s:\n${owned.stderr}`);
}
