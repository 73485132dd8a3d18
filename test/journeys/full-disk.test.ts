import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { verificationSopClass } from '../../src/dicom/sop-class.ts';
import { associate } from '../../src/dimse/associate.ts';
import { storeRequest } from '../../src/dimse/store-user.ts';
import type { SendResult } from '../../src/dimse/store-user.ts';
import { verify } from '../../src/dimse/verification-user.ts';
import { commandField } from '../../src/upper-layer/command-set.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { newUid } from '../support/dicom-object.ts';
import { startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences } from './support/differences.ts';
import { healthStatus } from './support/health.ts';
import { send, targetOf } from './support/send.ts';
import { newObject } from './support/sent-object.ts';
import type { SentObject } from './support/sent-object.ts';
import { canMountDisk, mountSmallDisk } from './support/small-disk.ts';
import type { SmallDisk } from './support/small-disk.ts';
import { nothing, spoolContents, untilDelivered } from './support/spool-contents.ts';

const MiB = 2 ** 20;

describe.skipIf(peersSkipped)('a spool that fills up', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let bridge: BridgeProcess | undefined;
  let isArchiveUp = true;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
  });
  afterAll(() => peers.stop());
  beforeEach(async () => {
    await archive.orthanc.clear();
    await archive.gate.down();
    isArchiveUp = false;
  });
  afterEach(async () => {
    if (!isArchiveUp) await archive.gate.up();
    await bridge?.stop();
    bridge = undefined;
  });

  describe.skipIf(!canMountDisk)('on a small disk of its own', () => {
    let disk: SmallDisk;

    beforeEach(async () => {
      disk = await mountSmallDisk('24m');
    });
    afterEach(async () => {
      await bridge?.stop();
      await disk.remove();
    });

    it('C04 answers A700H when the disk fills in the middle of an object, and recovers', async () => {
      bridge = await startBridgeTo(archive, { DATA_DIR: disk.path, SPOOL_MIN_FREE: '0' });
      const objects = newObjects(10, 5 * MiB);

      const results = await send(bridge, objects);

      const kept = acknowledgedOf(objects, results);
      // Four of a little more than 5 MiB fit into 24 MiB, and the fifth begins.
      expect(statuses(results)).toEqual([0, 0, 0, 0, ...Array<number>(6).fill(0xa700)]);
      expect(await spoolContents(bridge)).toMatchObject({ incoming: [], failed: [] });
      expect((await spoolContents(bridge)).ready).toHaveLength(kept.length);
      await expectRecovery(bridge, kept);
    });

    it('C04 says so on /health/ingest while somebody else has filled the disk', async () => {
      bridge = await startBridgeTo(archive, { DATA_DIR: disk.path, SPOOL_MIN_FREE: '0' });
      const kept = newObjects(2, MiB);
      await send(bridge, kept);
      await disk.fill();

      const results = await send(bridge, newObjects(2, MiB));
      // tmpfs counts its pages by CPU, and may find some more after it has said that it is full.
      await expect
        .poll(async () => {
          await disk.fill();
          return ingestHealth();
        })
        .toBe(503);
      const readyWhileFull = await healthStatus(bridge, 'ready');
      await disk.empty();

      expect(statuses(results)).toEqual([0xa700, 0xa700]);
      expect(readyWhileFull).toBe(200);
      expect((await spoolContents(bridge)).incoming).toEqual([]);
      await expectRecovery(bridge, kept);
    });

    it('C05 no byte of an object reaches a disk that is below the watermark', async () => {
      bridge = await startBridgeTo(archive, { DATA_DIR: disk.path, SPOOL_MIN_FREE: '12MiB' });
      await disk.take(14 * MiB);
      await expect.poll(() => ingestHealth(), { timeout: 5000 }).toBe(503);
      const freeBefore = await disk.freeBytes();

      const results = await send(bridge, newObjects(2, 4 * MiB));
      const freeAfter = await disk.freeBytes();
      await disk.empty();
      await expect.poll(() => ingestHealth(), { timeout: 5000 }).toBe(200);

      expect(statuses(results)).toEqual([0xa700, 0xa700]);
      expect(freeAfter).toBe(freeBefore);
      await expectRecovery(bridge, []);
    });

    it('C05 objects of no announced length do not use up the reserve either', async () => {
      bridge = await startBridgeTo(archive, { DATA_DIR: disk.path, SPOOL_MIN_FREE: '12MiB' });
      const objects = newObjects(6, 4 * MiB);

      const results = await send(bridge, objects);

      const kept = acknowledgedOf(objects, results);
      expect(kept.length).toBeGreaterThan(0);
      expect(new Set(statuses(results))).toEqual(new Set([0, 0xa700]));
      expect((await spoolContents(bridge)).ready).toHaveLength(kept.length);
      // What a file system rounds up, and keeps for itself, is not ours to count: a few pages a file.
      const rounding = kept.length * 4 * 4096;
      expect(await disk.freeBytes()).toBeGreaterThanOrEqual(12 * MiB - rounding);
      await expectRecovery(bridge, kept);
    });

    function ingestHealth(): Promise<number> | undefined {
      return bridge && healthStatus(bridge, 'ingest');
    }
  });

  it('C05 SPOOL_MAX_BYTES bounds what waits, and the association goes on', async () => {
    bridge = await startBridgeTo(archive, { SPOOL_MAX_BYTES: '10MiB' });
    const objects = newObjects(6, 3 * MiB);

    const results = await send(bridge, objects);

    const kept = acknowledgedOf(objects, results);
    expect(statuses(results)).toEqual([0, 0, 0, 0xa700, 0xa700, 0xa700]);
    expect(await spoolContents(bridge)).toMatchObject({ incoming: [], failed: [] });
    await expectRecovery(bridge, kept);
  });

  it('C05 a full spool still answers C-ECHO on the association it refused an object on', async () => {
    bridge = await startBridgeTo(archive, { SPOOL_MAX_BYTES: '1MiB' });
    const object = newObject({ pixelBytes: 2 * MiB });
    const association = await associate(targetOf(bridge), [
      { id: 1, abstractSyntax: object.sopClassUid, transferSyntaxes: [object.transferSyntaxUid] },
      { id: 3, abstractSyntax: verificationSopClass, transferSyntaxes: ['1.2.840.10008.1.2'] },
    ]);

    await association.send({
      contextId: 1,
      command: storeRequest(object, 1),
      dataSet: object.dataSet(),
    });
    const refusal = await association.receive();
    await association.send({
      contextId: 3,
      command: {
        commandField: commandField.cEchoRq,
        messageId: 2,
        affectedSopClassUid: verificationSopClass,
        hasDataSet: false,
      },
    });
    const echo = await association.receive();
    await association.release();

    expect(refusal?.command.status).toBe(0xa700);
    expect(echo?.command.status).toBe(0);
    expect(await spoolContents(bridge)).toEqual(nothing);
  });

  /** The archive comes back: what was acknowledged arrives, and there is room for more. */
  async function expectRecovery(
    running: BridgeProcess,
    kept: readonly SentObject[],
  ): Promise<void> {
    await verify(targetOf(running));
    await archive.gate.up();
    isArchiveUp = true;
    await untilDelivered(running);
    // What is free is looked up a few times a second, not for each question.
    await expect.poll(() => healthStatus(running, 'ingest')).toBe(200);

    const more = newObjects(2, MiB);
    // It looks at the disk four times a second; until then it may still say no.
    await expect.poll(async () => statuses(await send(running, more))).toEqual([0, 0]);
    await untilDelivered(running);

    expect(await differences(archive.orthanc, [...kept, ...more])).toEqual([]);
    expect(await archive.orthanc.instances()).toHaveLength(kept.length + more.length);
    expect(await spoolContents(running)).toEqual(nothing);
  }
});

function newObjects(count: number, pixelBytes: number): readonly SentObject[] {
  const study = newUid();
  return Array.from({ length: count }, () => newObject({ study, pixelBytes }));
}

function statuses(results: readonly SendResult[]): readonly (number | undefined)[] {
  return results.map((result) => ('status' in result ? result.status : undefined));
}

function acknowledgedOf(
  objects: readonly SentObject[],
  results: readonly SendResult[],
): readonly SentObject[] {
  return objects.filter((_object, index) => results[index]?.kind === 'stored');
}
