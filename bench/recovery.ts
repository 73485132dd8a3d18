import { startBridgeProcess } from '../test/support/bridge-process.ts';
import { bestOf, compareDeliveries } from './compare-deliveries.ts';
import { sendByStoreScu } from './contenders.ts';
import { byLoader, timed, untilHeld } from './delivery.ts';
import type { Delivery } from './delivery.ts';
import { aimOf } from './report.ts';
import { median } from './workload.ts';
import type { Workload } from './workload.ts';

/** How long the archive stays away after the queue is filled: the breaker is well open by then. */
const outageMs = 5_000;

/** Seconds from the moment the archive was back until the bridge, which asks now and then, noticed. */
const noticed: number[] = [];

/** Fills the queue of a bridge whose archive is away, and drains it; from the first object that arrives. */
const drainAfterOutage: Delivery = async (workload, orthanc, folder) => {
  await orthanc.kill();
  const bridge = await startBridgeProcess({
    DATA_DIR: folder,
    UPSTREAM_URL: orthanc.dicomWebUrl,
    // As they are by themselves; the helper has shorter ones for tests.
    RETRY_MIN: '1s',
    RETRY_MAX: '5m',
  });
  try {
    await sendByStoreScu(workload, 4, bridge.dimsePort, 'DRAWBRIDGE');
    await new Promise((resolve) => setTimeout(resolve, outageMs));
    await orthanc.restart();
    noticed.push(await timed(() => untilHeld(orthanc, 1)));
    return await timed(() => untilHeld(orthanc, workload.files.length));
  } finally {
    await bridge.stop();
  }
};

/** The queue of a bridge after an outage against a loader that has all files in its hand. */
export async function compareRecovery(
  workload: Workload,
  options: { readonly rounds: number; readonly folder: string },
): Promise<void> {
  const medians = await compareDeliveries(
    workload,
    {
      'drawbridge, from its queue': drainAfterOutage,
      'loader, 4 × 50': byLoader({ connections: 4, batch: 50 }),
      'loader, 4 × 25': byLoader({ connections: 4, batch: 25 }),
      'loader, 1 × 50': byLoader({ connections: 1, batch: 50 }),
    },
    {
      ...options,
      title: `recovery ${workload.description} after an outage (from the first object that arrives until Orthanc holds everything)`,
    },
  );
  const ratio = bestOf(medians, 'loader') / bestOf(medians, 'drawbridge');
  const wait = median(noticed.splice(0));
  console.log(`  ${ratio.toFixed(2)} × the best loader's speed${aimOf(ratio >= 0.9, '≥ 0.9')}`);
  console.log(
    `  ${wait.toFixed(2)} s from the archive being back to the first object: the breaker asks at random intervals, longer the longer the outage (RETRY_MAX)\n`,
  );
}
