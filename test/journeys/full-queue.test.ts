import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { PeerGroup, temporaryFolder } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { suite } from '../support/suite.ts';
import { startCountingSink } from './support/counting-sink.ts';
import { healthStatus } from './support/health.ts';
import { peakBytes } from './support/memory.ts';
import { stockedUid, stockSpool } from './support/stocked-spool.ts';

const concurrency = 3;
const batch = 50;
const objectBytes = 10_000;
const MB = 1e6;

describe('a bridge that starts on a full queue', () => {
  const peers = new PeerGroup();
  afterEach(() => peers.stop());

  it('is ready with 20,000 objects waiting, and sends the oldest first, without a burst', async () => {
    const { peak } = await startsOn(20_000, { cold: false, watched: 2_000 });
    expect(peak).toBeLessThan(200 * MB);
  }, 60_000);

  it.skipIf(suite !== 'large')(
    'is ready within 10 s and 250 MB with 200,000 objects of 10 KB on a cold disk (npm run test:large)',
    async () => {
      const { readyMs, residentBytes, peak } = await startsOn(200_000, {
        cold: true,
        watched: 20_000,
      });
      expect(readyMs).toBeLessThan(10_000);
      expect(residentBytes).toBeLessThan(250 * MB);
      expect(peak).toBeLessThan(250 * MB);
    },
    20 * 60_000,
  );

  async function startsOn(
    count: number,
    { cold, watched }: { readonly cold: boolean; readonly watched: number },
  ): Promise<{
    readonly readyMs: number;
    readonly residentBytes: number;
    readonly peak: number;
  }> {
    const folder = await temporaryFolder('full-queue');
    const remove = (): Promise<void> => folder.remove();
    await peers.start(Promise.resolve({ stop: remove, [Symbol.asyncDispose]: remove }));
    stockSpool(folder.path, { count, bytes: objectBytes });
    const sink = await peers.start(startCountingSink(20));
    const isCold = cold && dropCaches();

    const began = performance.now();
    const bridge = await peers.start(
      startBridgeProcess({
        DATA_DIR: folder.path,
        UPSTREAM_URL: sink.url,
        STOW_CONCURRENCY: `${concurrency}`,
        STOW_BATCH_INSTANCES: `${batch}`,
      }),
    );
    expect(await healthStatus(bridge, 'ready')).toBe(200);
    const readyMs = performance.now() - began;
    const residentBytes = resident(bridge.pid);

    await expect
      .poll(() => sink.requests.flat().length, { timeout: 5 * 60_000, interval: 100 })
      .toBeGreaterThanOrEqual(watched);
    const peak = await peakBytes(bridge.pid);
    await bridge.kill();

    // Requests that are under way together may arrive in another order; nothing more.
    const rank = new Map(Array.from({ length: count }, (_, index) => [stockedUid(index), index]));
    for (const [turn, uids] of sink.requests.entries()) {
      const ranks = uids.map((uid) => rank.get(uid) ?? NaN);
      expect(ranks).toEqual([...ranks].sort((a, b) => a - b));
      expect(Math.abs((ranks[0] ?? NaN) / batch - turn)).toBeLessThanOrEqual(concurrency);
    }
    expect(sink.mostAtOnce).toBe(concurrency);
    console.info(
      `${count} waiting, ${isCold ? 'cold' : 'warm'} disk: ready after ${Math.round(readyMs)} ms, ` +
        `resident ${Math.round(residentBytes / MB)} MB, peak ${Math.round(peak / MB)} MB`,
    );
    return { readyMs, residentBytes, peak };
  }
});

/** So that every name and inode comes from the disk again; only root can, and the report says which. */
function dropCaches(): boolean {
  try {
    execFileSync('sync');
    writeFileSync('/proc/sys/vm/drop_caches', '3');
    return true;
  } catch {
    return false;
  }
}

function resident(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
}
