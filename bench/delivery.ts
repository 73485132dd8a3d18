import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { DicomWebArchive } from '../src/archive/dicomweb/dicomweb-archive.ts';
import type { Part10Source } from '../src/dicom/instance.ts';
import { decodeFileHeader } from '../src/dicom/part10.ts';
import { noAuthorization } from '../src/oauth/authorization-source.ts';
import { silentLogger } from '../src/telemetry/pino-logger.ts';
import type { Orthanc } from '../test/peers/orthanc.ts';
import { startBridgeProcess } from '../test/support/bridge-process.ts';
import { peakBytesOf, sendByStoreScu, storescp } from './contenders.ts';
import type { Workload } from './workload.ts';

/** Seconds from the first byte sent until Orthanc holds the whole workload. */
export type Delivery = (workload: Workload, orthanc: Orthanc, folder: string) => Promise<number>;

/** Peak resident memory of the bridges that delivered, in bytes. */
export const bridgePeaks: number[] = [];

export const throughDrawbridge =
  (associations: number): Delivery =>
  async (workload, orthanc, folder) => {
    const bridge = await startBridgeProcess({
      DATA_DIR: folder,
      UPSTREAM_URL: orthanc.dicomWebUrl,
    });
    try {
      return await timed(async () => {
        const held = untilHeld(orthanc, workload.files.length);
        await sendByStoreScu(workload, associations, bridge.dimsePort, 'DRAWBRIDGE');
        await held;
      });
    } finally {
      bridgePeaks.push(peakBytesOf(bridge.pid));
      await bridge.stop();
    }
  };

export const byStoreScu =
  (associations: number): Delivery =>
  (workload, orthanc) =>
    timed(async () => {
      await sendByStoreScu(workload, associations, orthanc.dicomPort, orthanc.aeTitle);
      await untilHeld(orthanc, workload.files.length);
    });

/** A loader that has the files already and nothing to promise: reads them and sends STOW-RS batches. */
export const byLoader =
  ({ connections, batch }: { readonly connections: number; readonly batch: number }): Delivery =>
  async (workload, orthanc) => {
    const archive = new DicomWebArchive({
      baseUrl: orthanc.dicomWebUrl,
      connections,
      timeoutMs: 60_000,
      authorization: noAuthorization(),
      log: silentLogger,
      now: Date.now,
    });
    const sources = await Promise.all(workload.files.map(sourceOf));
    const batches: Part10Source[][] = [];
    for (let at = 0; at < sources.length; at += batch) batches.push(sources.slice(at, at + batch));
    try {
      return await timed(async () => {
        await Promise.all(
          Array.from({ length: connections }, async () => {
            for (let next = batches.shift(); next !== undefined; next = batches.shift()) {
              const verdict = await archive.store(next, { signal: new AbortController().signal });
              if (verdict.kind !== 'each') throw new Error(`loader: ${verdict.message}`);
            }
          }),
        );
        await untilHeld(orthanc, workload.files.length);
      });
    } finally {
      await archive.close();
    }
  };

/**
 * The two halves of the work at the same time, by programs that do only one of them: `storescp` takes
 * the files in, a loader sends them out. On a machine whose processors are the limit, no bridge can be
 * faster than this by much, however well it sends.
 */
export const byTwoPeers =
  (associations: number): Delivery =>
  async (workload, orthanc, folder) => {
    const receiver = await storescp('bitPreserving', associations);
    try {
      return await timed(async () => {
        const load = byLoader({ connections: 4, batch: 50 });
        await Promise.all([receiver.take(workload, associations), load(workload, orthanc, folder)]);
      });
    } finally {
      await receiver.stop();
    }
  };

async function sourceOf(file: string): Promise<Part10Source> {
  const handle = await open(file);
  const head = Buffer.alloc(4096);
  await handle.read(head, 0, head.length, 0);
  await handle.close();
  const header = decodeFileHeader(head);
  const { sopClassUid, sopInstanceUid, transferSyntaxUid } = header ?? {};
  if (!sopClassUid || !sopInstanceUid || !transferSyntaxUid) {
    throw new Error(`${file} does not say which object it is`);
  }
  return {
    ...{ sopClassUid, sopInstanceUid, transferSyntaxUid },
    bytes: (await stat(file)).size,
    read: () => createReadStream(file, { highWaterMark: 256 * 1024 }),
  };
}

export async function timed(work: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await work();
  return (performance.now() - begun) / 1000;
}

/** Asks Orthanc every 20 ms how much it holds: the price is the same for every contender. */
export async function untilHeld(orthanc: Orthanc, count: number): Promise<void> {
  for (;;) {
    const answer = await fetch(`${orthanc.restUrl}/statistics`);
    const { CountInstances } = (await answer.json()) as { readonly CountInstances: number };
    if (CountInstances >= count) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
