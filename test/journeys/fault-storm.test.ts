import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFaultProxy } from '../peers/fault-proxy.ts';
import type { FaultProxy } from '../peers/fault-proxy.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { newUid } from '../support/dicom-object.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { stormSeeds, suite } from '../support/suite.ts';
import { startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences } from './support/differences.ts';
import { dataSetOf, newObject } from './support/sent-object.ts';
import { canMountDisk, mountSmallDisk } from './support/small-disk.ts';
import type { SmallDisk } from './support/small-disk.ts';
import {
  nothing,
  setAsideObjects,
  spoolContents,
  untilDelivered,
} from './support/spool-contents.ts';
import { sendStorm } from './support/storm-device.ts';
import type { StormObject } from './support/storm-device.ts';
import { drawFaults } from './support/storm-faults.ts';
import type { Fault, StormField } from './support/storm-faults.ts';
import { StubbornDevice } from './support/stubborn-device.ts';

const isLong = suite === 'storm';
const objectCount = isLong ? 2000 : 300;
// At least one of each kind.
const faultCount = isLong ? 20 : 15;
const seeds = isLong ? stormSeeds : [1, 2];

/** A device that was refused tries again soon, but not at once. */
const resendAfterMs = 25;

/** How much longer than drawn a fault lasts until a request meets it. */
const patienceMs = 2000;

/** The archive says 400 to it, whatever comes with it: no such data set has this transfer syntax. */
const unwelcomeTransferSyntax = '1.2.840.10008.1.2.4.90';

describe.skipIf(peersSkipped)('a storm of faults', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let line: FaultProxy;
  let disk: SmallDisk | undefined;
  let bridge: BridgeProcess;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
    line = await peers.start(startFaultProxy(archive.gate.url));
  });
  afterAll(() => peers.stop());
  beforeEach(async () => {
    await archive.orthanc.clear();
    disk = canMountDisk ? await mountSmallDisk(isLong ? '64m' : '24m') : undefined;
    bridge = await startBridgeTo(archive, {
      UPSTREAM_URL: line.url,
      UPSTREAM_TIMEOUT: '1s',
      SPOOL_MIN_FREE: '0',
      SHUTDOWN_GRACE: '2s',
      ...(disk && { DATA_DIR: disk.path }),
    });
  });
  afterEach(async () => {
    await bridge.stop();
    await disk?.remove();
  });

  it.for(seeds)(
    `C01 C02 C04 C11 C12 C14 C15 C17 C23 C28 ${faultCount} faults among ${objectCount} objects: what was acknowledged is archived, or in failed/ with its reason (seed %i)`,
    { timeout: isLong ? 300_000 : 90_000 },
    async (seed, { onTestFailed }) => {
      const random = seededRandom(seed);
      const objects = makeObjects(random);
      const faults = drawFaults(random, {
        faults: faultCount,
        objects: objectCount,
        hasDisk: disk !== undefined,
      });
      const story: string[] = [];
      const begun = performance.now();
      const tell = (what: string): void => {
        story.push(`${Math.round(performance.now() - begun)} ms: ${what}`);
      };
      onTestFailed(() => {
        console.error([`storm, seed ${seed}:`, ...story, 'the bridge last said:'].join('\n'));
        console.error(bridge.log.split('\n').slice(-40).join('\n'));
      });
      const device = new StubbornDevice(bridge, objects, { send: sendStorm });
      device.whenBridgeIsUp = () => delay(resendAfterMs);

      const sending = device.run(4);
      await rage(faults, { ...archive, line, bridge, disk }, device, tell);
      await sending;
      tell(`every object acknowledged; A700H ${device.refusals.length} times`);
      await untilDelivered(bridge, 60_000);
      tell(`nothing waits; ${device.brokenAssociations} associations were broken`);
      console.info([`storm, seed ${seed}:`, ...story].join('\n'));

      expect(device.acknowledged).toHaveLength(objectCount);
      const [unwelcome, welcome] = [true, false].map((isUnwelcome) =>
        objects.filter((object) => object.isUnwelcome === isUnwelcome),
      ) as [StormObject[], StormObject[]];
      expect(sorted(await archive.orthanc.instances())).toEqual(sorted(uidsOf(welcome)));
      expect(await differences(archive.orthanc, welcome)).toEqual([]);
      await expectSetAside(unwelcome);
      const { incoming, ready } = await spoolContents(bridge);
      expect({ incoming, ready, failed: [] }).toEqual(nothing);
    },
  );

  /** Sent twice because the first answer was lost, an object stands there twice. */
  async function expectSetAside(unwelcome: readonly StormObject[]): Promise<void> {
    const setAside = await setAsideObjects(bridge);
    expect(sorted(new Set(uidsOf(setAside)))).toEqual(sorted(uidsOf(unwelcome)));
    const sent = new Map<string, Buffer>(
      unwelcome.map(({ sopInstanceUid, bytes }) => [sopInstanceUid, bytes]),
    );
    for (const { sopInstanceUid, reason, part10 } of setAside) {
      expect(reason).toMatchObject({ code: 'refused', httpStatus: 400, destination: 'main' });
      expect(dataSetOf(part10).equals(sent.get(sopInstanceUid) ?? Buffer.alloc(0))).toBe(true);
    }
  }
});

/** Lets every fault happen. Faults of one victim wait for each other, all others overlap. */
async function rage(
  faults: readonly Fault[],
  field: StormField,
  device: StubbornDevice<StormObject>,
  tell: (what: string) => void,
): Promise<void> {
  const turns = new Map<Fault['victim'], Promise<void>>();
  const all = faults.map((fault) => {
    const turn = (turns.get(fault.victim) ?? Promise.resolve())
      .then(() => device.untilAcknowledged(fault.afterObjects))
      .then(() => suffer(fault));
    turns.set(fault.victim, turn);
    return turn;
  });
  await Promise.all(all);

  async function suffer({ name, lastsMs, begin, end, met }: Fault): Promise<void> {
    tell(`${name}, for ${lastsMs} ms`);
    const before = met?.(field) ?? 0;
    await begin(field);
    await delay(lastsMs);
    // A fault that nobody met would be none. When everything has arrived, nobody will.
    for (let waited = 0; met?.(field) === before && waited < patienceMs; waited += 20)
      await delay(20);
    await end(field);
    tell(`over: ${name}${met ? `, met ${met(field) - before} times` : ''}`);
  }
}

/** Of every size that is written differently, some urgent, some that the archive never takes. */
function makeObjects(random: () => number): readonly StormObject[] {
  let study = newUid();
  return Array.from({ length: objectCount }, (_, index) => {
    if (index % 40 === 0) study = newUid();
    const isLarge = random() < 0.03;
    const pixelBytes = 2 * Math.ceil(random() * (isLarge ? 1_000_000 : 20_000));
    // The first ones, so that no seed is without.
    const isUnwelcome = index === 0 || random() < 0.01;
    const isUrgent = index === 1 || random() < 0.05;
    const transferSyntax = isUnwelcome ? { transferSyntax: unwelcomeTransferSyntax } : {};
    return { ...newObject({ study, pixelBytes, ...transferSyntax }), isUrgent, isUnwelcome };
  });
}

function uidsOf(objects: readonly { readonly sopInstanceUid: string }[]): readonly string[] {
  return objects.map(({ sopInstanceUid }) => sopInstanceUid);
}

function sorted(texts: Iterable<string>): readonly string[] {
  return [...texts].sort();
}
