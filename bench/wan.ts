import type { Orthanc } from '../test/peers/orthanc.ts';
import { bestOf, compareDeliveries } from './compare-deliveries.ts';
import { startDelayedLine } from './delayed-line.ts';
import { byStoreScu, throughDrawbridge } from './delivery.ts';
import type { Delivery } from './delivery.ts';
import { aimOf, megabytes } from './report.ts';
import type { Workload } from './workload.ts';

/**
 * 1 MiB is what a well-tuned sender reaches; DCMTK by itself sets its buffers to 64 KiB, and would be
 * several times slower over a real line than it is here.
 */
const line = { delayMs: 25, windowBytes: 2 ** 20 };

/** The way into Orthanc, by HTTP and by DIMSE, leads over a slow line; asking how much it holds does not. */
const overTheLine =
  (deliver: Delivery): Delivery =>
  async (workload, orthanc, folder) => {
    const url = new URL(orthanc.dicomWebUrl);
    const http = await startDelayedLine(Number(url.port), line);
    const dimse = await startDelayedLine(orthanc.dicomPort, line);
    url.port = String(http.port);
    const far: Orthanc = { ...orthanc, dicomWebUrl: url.href, dicomPort: dimse.port };
    try {
      return await deliver(workload, far, folder);
    } finally {
      await http.stop();
      await dimse.stop();
    }
  };

/** LAN → bridge → WAN → Orthanc against `storescu` straight over the WAN. */
export async function compareOverWan(
  workload: Workload,
  options: { readonly rounds: number; readonly folder: string },
): Promise<void> {
  const medians = await compareDeliveries(
    workload,
    {
      'drawbridge, 1 association': overTheLine(throughDrawbridge(1)),
      'drawbridge, 4 associations': overTheLine(throughDrawbridge(4)),
      'storescu over the line, 1': overTheLine(byStoreScu(1)),
      'storescu over the line, 4': overTheLine(byStoreScu(4)),
    },
    {
      ...options,
      title: `wan ${workload.description}, ${2 * line.delayMs} ms RTT, at most ${line.windowBytes / 1024} KiB in flight per connection and direction (${megabytes((line.windowBytes / 2 / line.delayMs) * 1000)}/s each), no loss, no slow start (until Orthanc holds everything)`,
    },
  );
  const ours = bestOf(medians, 'drawbridge');
  const one = bestOf(medians, 'storescu over the line, 1') / ours;
  const four = bestOf(medians, 'storescu over the line, 4') / ours;
  console.log(`  ${one.toFixed(2)} × the speed of one storescu${aimOf(one >= 5, '≥ 5')}`);
  console.log(`  ${four.toFixed(2)} × the speed of four storescu${aimOf(four >= 1.5, '≥ 1.5')}\n`);
}
