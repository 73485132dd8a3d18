import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { newUid } from '../support/dicom-object.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { suite } from '../support/suite.ts';
import { startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences, missing } from './support/differences.ts';
import { newObject } from './support/sent-object.ts';
import type { SentObject } from './support/sent-object.ts';
import { nothing, spoolContents, untilDelivered } from './support/spool-contents.ts';
import { StubbornDevice } from './support/stubborn-device.ts';

const isStorm = suite === 'storm';
const kills = isStorm ? 10 : 3;
const objectCount = isStorm ? 1000 : 300;

/** Longer than receiving and delivering one object takes, so that any moment of both can be hit. */
const killJitterMs = 30;

describe.skipIf(peersSkipped)('kill -9 of the bridge while objects come and go', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let bridge: BridgeProcess;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
  });
  afterAll(() => peers.stop());
  beforeEach(async () => {
    await archive.orthanc.clear();
    bridge = await startBridgeTo(archive);
  });
  afterEach(() => bridge.stop());

  it.each(isStorm ? [1, 2, 3] : [1])(
    `C01 C02 ${kills} kills among ${objectCount} objects lose nothing that was acknowledged (seed %i)`,
    async (seed) => {
      const random = seededRandom(seed);
      const objects = makeStorm(random);
      const device = new StubbornDevice(bridge, objects);
      const resumed: number[] = [];
      let restarting = Promise.resolve();
      device.whenBridgeIsUp = () => restarting;
      const killAndRestart = async (): Promise<void> => {
        await bridge.kill();
        await bridge.restart();
        resumed.push(waitingAtStart(bridge));
      };

      const sending = device.run(4);
      for (const moment of killMoments(random)) {
        await device.untilAcknowledged(moment);
        await delay(random() * killJitterMs);
        restarting = killAndRestart();
        await restarting;
      }
      await sending;
      await untilDelivered(bridge, 60_000);

      expect(device.acknowledged).toHaveLength(objectCount);
      expect(await missing(archive.orthanc, device.acknowledged)).toEqual([]);
      expect(await archive.orthanc.instances()).toHaveLength(objectCount);
      const sample = objects.filter((_object, index) => index % 7 === 0);
      expect(await differences(archive.orthanc, sample)).toEqual([]);
      expect(await spoolContents(bridge)).toEqual(nothing);
      // The storm was one: associations broke, and what lay in the spool was taken up again.
      expect(device.brokenAssociations).toBeGreaterThanOrEqual(kills);
      expect(Math.max(...resumed)).toBeGreaterThan(0);
    },
    isStorm ? 300_000 : 90_000,
  );
});

/** Of every size that is written differently: in one piece, in several, and hardly anything. */
function makeStorm(random: () => number): readonly SentObject[] {
  let study = newUid();
  return Array.from({ length: objectCount }, (_, index) => {
    if (index % 40 === 0) study = newUid();
    const isLarge = random() < 0.03;
    const pixelBytes = 2 * Math.ceil(random() * (isLarge ? 2_000_000 : 40_000));
    return newObject({ study, pixelBytes });
  });
}

/** After how many acknowledgements to strike: any, but the last ones, when the storm is over. */
function killMoments(random: () => number): readonly number[] {
  const latest = objectCount * 0.9;
  return Array.from({ length: kills }, () => Math.floor(random() * latest)).sort((a, b) => a - b);
}

function waitingAtStart({ log }: BridgeProcess): number {
  const line = log.split('\n').find((each) => each.includes('"bridge is ready"')) ?? '{}';
  return (JSON.parse(line) as { readonly waiting?: number }).waiting ?? 0;
}
