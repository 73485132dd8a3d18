import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GateBehaviour } from '../peers/gate.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { newUid } from '../support/dicom-object.ts';
import { startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { healthStatus } from './support/health.ts';
import { differences } from './support/differences.ts';
import { newObject } from './support/sent-object.ts';
import type { SentObject } from './support/sent-object.ts';
import { nothing, spoolContents, untilDelivered } from './support/spool-contents.ts';
import { StubbornDevice } from './support/stubborn-device.ts';

/** An answer that promises everything. */
const yes = { kind: 'answer', status: 200 } as const;

describe.skipIf(peersSkipped)('while the archive side is in trouble', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let bridge: BridgeProcess | undefined;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
  });
  afterAll(() => peers.stop());
  beforeEach(() => archive.orthanc.clear());
  afterEach(async () => {
    archive.gate.setBehaviour({ kind: 'pass' });
    archive.identityProvider.setTokenTtl(300);
    await bridge?.stop();
    bridge = undefined;
  });

  it.each([
    {
      trouble: 'Orthanc was killed and the gate says 502',
      begin: () => archive.orthanc.kill(),
      end: () => archive.orthanc.restart(),
    },
    {
      trouble: 'nobody listens at its address',
      begin: () => archive.gate.down(),
      end: () => archive.gate.up(),
    },
  ])('C15 objects are taken while $trouble, and delivered afterwards', async ({ begin, end }) => {
    bridge = await startBridgeTo(archive);
    const objects = newStudies();
    const device = new StubbornDevice(bridge, objects);

    const sending = device.run(2);
    await device.untilAcknowledged(20);
    await begin();
    await sending;
    const duringTheOutage = await spoolContents(bridge);
    const ready = await healthStatus(bridge, 'ready');
    await end();
    await untilDelivered(bridge);

    expect(device.refusals).toEqual([]);
    expect(duringTheOutage.ready.length).toBeGreaterThan(0);
    expect(ready).toBe(200);
    await expectAllArrived(bridge, objects);
  });

  it('C23 objects are taken while there is no token to be had, and delivered afterwards', async () => {
    await archive.identityProvider.down();
    bridge = await startBridgeTo(archive);
    const objects = newStudies();
    const device = new StubbornDevice(bridge, objects);

    await device.run(2);
    await untilLogged(bridge, 'batch not delivered');
    const waiting = await spoolContents(bridge);
    await archive.identityProvider.up();
    await untilDelivered(bridge);

    expect(device.refusals).toEqual([]);
    expect(waiting).toMatchObject({ incoming: [], failed: [] });
    expect(waiting.ready).toHaveLength(objects.length);
    await expectAllArrived(bridge, objects);
  });

  it('C11 C25 a token revoked while batches are under way costs one new token', async () => {
    bridge = await startBridgeTo(archive);
    const objects = newStudies();
    const device = new StubbornDevice(bridge, objects, { objectsPerAssociation: 5 });

    const sending = device.run(4);
    await expect.poll(() => archive.orthanc.instances(), { timeout: 20_000 }).not.toHaveLength(0);
    const tokensBefore = archive.identityProvider.requests.token;
    archive.gate.revoke();
    await sending;
    await untilDelivered(bridge);

    expect(archive.identityProvider.requests.token).toBe(tokensBefore + 1);
    await expectAllArrived(bridge, objects);
  });

  it('C25 tokens that live for seconds are renewed as they end', async () => {
    archive.identityProvider.setTokenTtl(2);
    bridge = await startBridgeTo(archive);
    const objects = newStudies();
    const tokensBefore = archive.identityProvider.requests.token;

    for (let third = 0; third < 3; third += 1) {
      const device = new StubbornDevice(bridge, objects.slice(third * 20, (third + 1) * 20));
      await device.run(1);
      await untilDelivered(bridge);
      // Tokens are judged by their own expiry: only time can end one.
      if (third < 2) await delay(2100);
    }

    expect(archive.identityProvider.requests.token).toBeGreaterThanOrEqual(tokensBefore + 3);
    expect(bridge.log).not.toContain('not delivered');
    await expectAllArrived(bridge, objects);
  });

  it.each([401, 403, 404, 405, 415])(
    'C11 C12 an archive that answers %i to everything holds the queue and condemns no object',
    async (status) => {
      bridge = await startBridgeTo(archive);
      const objects = newStudies();
      const device = new StubbornDevice(bridge, objects);
      archive.gate.setBehaviour({ kind: 'answer', status });

      await device.run(2);
      await untilLogged(bridge, 'delivery is on hold', 3);
      const held = await spoolContents(bridge);
      archive.gate.setBehaviour({ kind: 'pass' });
      await untilDelivered(bridge);

      expect(held.ready).toHaveLength(objects.length);
      await expectAllArrived(bridge, objects);
    },
  );

  it('C14 a 503 with Retry-After is left alone for as long as it asks', async () => {
    bridge = await startBridgeTo(archive, { STOW_CONCURRENCY: '1' });
    const { gate } = archive;
    const objects = newStudies();
    const device = new StubbornDevice(bridge, objects);
    const before = gate.counters.accepted;
    gate.setBehaviour({ kind: 'answer', status: 503, headers: { 'retry-after': '2' } }, 1);

    const sending = device.run(2);
    await expect.poll(() => gate.counters.accepted, { interval: 5 }).toBe(before + 1);
    const refusedAt = performance.now();
    await expect
      .poll(() => gate.counters.accepted, { interval: 5, timeout: 10_000 })
      .toBeGreaterThan(before + 1);
    const waitedMs = performance.now() - refusedAt;
    await sending;
    await untilDelivered(bridge);

    expect(waitedMs).toBeGreaterThan(1900);
    await expectAllArrived(bridge, objects);
  });

  it.each<{ readonly what: string; readonly fault: GateBehaviour; readonly times: number }>([
    { what: 'answers that never arrive', fault: { kind: 'cut-answer' }, times: 10 },
    { what: 'requests that are cut off', fault: { kind: 'cut-request' }, times: 10 },
    { what: 'silences', fault: { kind: 'stall' }, times: 4 },
    { what: 'answers of 500', fault: { kind: 'answer', status: 500 }, times: 10 },
    { what: 'answers in HTML', fault: { ...yes, body: '<html>welcome</html>' }, times: 10 },
    { what: 'answers that name nobody', fault: { ...yes, body: '{}' }, times: 10 },
  ])('C02 C15 C17 every object arrives once after $times $what', async ({ fault, times }) => {
    bridge = await startBridgeTo(archive, { UPSTREAM_TIMEOUT: '500ms' });
    const objects = newStudies();
    const device = new StubbornDevice(bridge, objects);
    archive.gate.setBehaviour(fault, times);

    await device.run(2);
    await untilDelivered(bridge);

    await expectAllArrived(bridge, objects);
  });

  async function expectAllArrived(
    running: BridgeProcess,
    objects: readonly SentObject[],
  ): Promise<void> {
    expect(await differences(archive.orthanc, objects)).toEqual([]);
    expect(await archive.orthanc.instances()).toHaveLength(objects.length);
    expect(await spoolContents(running)).toEqual(nothing);
  }
});

function newStudies(): readonly SentObject[] {
  return Array.from({ length: 6 }, () => newUid()).flatMap((study) =>
    Array.from({ length: 10 }, () => newObject({ study, pixelBytes: 20_000 })),
  );
}

async function untilLogged(bridge: BridgeProcess, text: string, times = 1): Promise<void> {
  await expect
    .poll(() => bridge.log.split(text).length - 1, { timeout: 20_000 })
    .toBeGreaterThanOrEqual(times);
}
