import { spawnSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startFaultProxy } from '../peers/fault-proxy.ts';
import type { FaultProxy } from '../peers/fault-proxy.ts';
import { OwnedProcess } from '../peers/owned-process.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { newUid } from '../support/dicom-object.ts';
import { archiveSettings, startArchiveSide } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences } from './support/differences.ts';
import { send } from './support/send.ts';
import { newObject } from './support/sent-object.ts';
import type { SentObject } from './support/sent-object.ts';
import { nothing, spoolContents, spoolFolder, untilDelivered } from './support/spool-contents.ts';
import { StubbornDevice } from './support/stubborn-device.ts';

describe.skipIf(peersSkipped)('kill -9 at a chosen moment', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let line: FaultProxy;
  let bridge: BridgeProcess;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
    line = await peers.start(startFaultProxy(archive.gate.url));
  });
  afterAll(() => peers.stop());
  beforeEach(async () => {
    await archive.orthanc.clear();
    // strace counts the calls of each thread by themselves.
    const oneThread = ['env', 'UV_THREADPOOL_SIZE=1'];
    const settings = { ...archiveSettings(archive), UPSTREAM_URL: line.url };
    bridge = await startBridgeProcess(settings, oneThread);
  });
  afterEach(async () => {
    await line.resume();
    await bridge.stop();
  });

  describe('of an upload', () => {
    it('C02 before it is sent: everything is sent after the restart', async () => {
      const objects = newStudy(3);
      await line.refuse();
      await send(bridge, objects);

      await bridge.kill();
      await line.resume();

      await expectOnceEach(objects);
    });

    it('C02 in the middle of its body: it is sent anew', async () => {
      const objects = newStudy(3);
      // More than the head of the request, less than its body; from there on nothing moves.
      line.stallAfter(100_000, 'request');
      await send(bridge, objects);
      await expect.poll(() => line.isStalled).toBe(true);
      const before = await archive.orthanc.instances();

      await bridge.kill();
      await line.resume();

      expect(before).toEqual([]);
      await expectOnceEach(objects);
    });

    it('C02 when the archive has it and its answer is on the way: it is stored once', async () => {
      const objects = newStudy(3);
      line.stallAfter(0, 'answer');
      await send(bridge, objects);
      await expect.poll(() => archive.orthanc.instances()).toHaveLength(objects.length);
      const waiting = await spoolFolder(bridge, 'ready');

      await bridge.kill();
      await line.resume();

      expect(waiting).toHaveLength(objects.length);
      await expectOnceEach(objects);
    });

    it.skipIf(!canTrace()).each([0, 1, 2])(
      'C02 when its answer is there and %i of three objects have left the spool: they are stored once',
      async (removed) => {
        const objects = newStudy(3);
        line.stallAfter(0, 'answer');
        await send(bridge, objects);
        await expect.poll(() => archive.orthanc.instances()).toHaveLength(objects.length);
        const trap = await killAt(bridge, { call: 'unlink', occurrence: removed + 1 });

        await line.resume();
        await trap.sprung;

        expect(await spoolFolder(bridge, 'ready')).toHaveLength(objects.length - removed);
        await expectOnceEach(objects);
      },
    );
  });

  it.skipIf(!canTrace()).each(['fdatasync', 'rename', 'fsync'])(
    'C01 of a reception, as it calls %s: the device has no answer, sends again, and nothing is lost',
    async (call) => {
      const objects = newStudy(12);
      await line.refuse();
      const [first, ...others] = objects as [SentObject, ...SentObject[]];
      await send(bridge, [first]);
      const trap = await killAt(bridge, { call, occurrence: 1 });

      const device = new StubbornDevice(bridge, others);
      let restarted = Promise.resolve();
      device.whenBridgeIsUp = () => restarted;
      const sending = device.run(1);
      restarted = trap.sprung.then(() => bridge.restart());
      await restarted;
      await sending;
      await line.resume();
      await untilDelivered(bridge);

      expect(device.brokenAssociations).toBeGreaterThan(0);
      expect(device.acknowledged).toHaveLength(others.length);
      expect(await differences(archive.orthanc, objects)).toEqual([]);
      expect(await spoolContents(bridge)).toEqual(nothing);
    },
  );

  async function expectOnceEach(objects: readonly SentObject[]): Promise<void> {
    await bridge.restart();
    await untilDelivered(bridge);
    expect(await differences(archive.orthanc, objects)).toEqual([]);
    expect(await archive.orthanc.instances()).toHaveLength(objects.length);
    expect(await spoolContents(bridge)).toEqual(nothing);
  }
});

/** Kills the process when it begins a system call, before the kernel has done it. */
async function killAt(
  { pid }: { readonly pid: number },
  { call, occurrence }: { readonly call: string; readonly occurrence: number },
): Promise<{ readonly sprung: Promise<void> }> {
  const inject = `inject=${call}:signal=KILL:when=${occurrence}`;
  const strace = new OwnedProcess('strace', ['-f', '-p', String(pid), '-e', inject]);
  await expect.poll(() => strace.stderr).toContain(`Process ${pid} attached`);
  return { sprung: strace.ended.then(() => undefined) };
}

function newStudy(count: number): readonly SentObject[] {
  const study = newUid();
  return Array.from({ length: count }, () => newObject({ study, pixelBytes: 100_000 }));
}

/** Containers may forbid it. */
function canTrace(): boolean {
  return spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
}
