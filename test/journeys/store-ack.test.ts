import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { associate } from '../../src/dimse/associate.ts';
import { storeRequest } from '../../src/dimse/store-user.ts';
import { PeerGroup, peersSkipped, temporaryFolder } from '../peers/peer.ts';
import type { TemporaryFolder } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { buildPart10, newUid } from '../support/dicom-object.ts';
import { startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences } from './support/differences.ts';
import { send, targetOf } from './support/send.ts';
import { newObject } from './support/sent-object.ts';
import type { SentObject } from './support/sent-object.ts';
import {
  nothing,
  setAsideObjects,
  spoolContents,
  untilDelivered,
} from './support/spool-contents.ts';
import { storescu } from './support/storescu.ts';

const dicomJson = { 'content-type': 'application/dicom+json' };

describe.skipIf(peersSkipped)('STORE_ACK=archived: the device waits for the archive', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let folder: TemporaryFolder;
  let bridge: BridgeProcess;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
  });
  afterAll(() => peers.stop());
  beforeEach(async () => {
    folder = await temporaryFolder('store-ack');
    await archive.orthanc.clear();
    bridge = await startBridgeTo(archive, { STORE_ACK: 'archived' });
  });
  afterEach(async () => {
    archive.gate.setBehaviour({ kind: 'pass' });
    await bridge.stop();
    await folder.remove();
  });

  it('answers 0000H only when Orthanc has the object, on one association after the other', async () => {
    const objects = objectsOfAStudy(20);
    const begun = performance.now();

    const held: boolean[] = [];
    for (const object of objects) {
      expect(await send(bridge, [object])).toEqual([{ kind: 'stored', status: 0 }]);
      held.push((await archive.orthanc.instances()).includes(object.sopInstanceUid));
    }

    expect(held).toEqual(objects.map(() => true));
    // Nobody waited for company: 250 ms an object would be five seconds.
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(await differences(archive.orthanc, objects)).toEqual([]);
    expect(await spoolContents(bridge)).toEqual(nothing);
  });

  it('serves eight associations at once, in batches where they come together', async () => {
    const objects = objectsOfAStudy(8 * 15);
    const shares = Array.from({ length: 8 }, (_, n) => objects.slice(15 * n, 15 * (n + 1)));
    const before = archive.gate.counters.accepted;

    const results = await Promise.all(shares.map((share) => send(bridge, share)));

    expect(results.flat()).toEqual(shares.flat().map(() => ({ kind: 'stored', status: 0 })));
    expect(archive.gate.counters.accepted - before).toBeLessThan(objects.length);
    expect(await archive.orthanc.instances()).toHaveLength(objects.length);
    expect(await differences(archive.orthanc, objects)).toEqual([]);
  });

  it('is told to try again in seconds while Orthanc is away; the object is delivered later', async () => {
    await archive.orthanc.kill();
    const object = newObject();
    const begun = performance.now();

    const first = await send(bridge, [object]);
    const tookMs = performance.now() - begun;
    const waiting = await spoolContents(bridge);
    await archive.orthanc.restart();
    await untilDelivered(bridge);
    const again = await send(bridge, [object]);

    expect(first).toMatchObject([{ kind: 'refused', status: 0xa700 }]);
    expect(first[0]).toHaveProperty('errorComment');
    expect(tookMs).toBeLessThan(5000);
    expect(waiting.ready).toHaveLength(1);
    expect(again).toEqual([{ kind: 'stored', status: 0 }]);
    expect(await archive.orthanc.instances()).toEqual([object.sopInstanceUid]);
    expect(await differences(archive.orthanc, [object])).toEqual([]);
    expect(await spoolContents(bridge)).toEqual(nothing);
  });

  it.each([401, 403, 404, 500, 503, 507])(
    'C11 C12 C15 is told to try again when the archive answers %i, which is our trouble',
    async (status) => {
      archive.gate.setBehaviour({ kind: 'answer', status });
      const begun = performance.now();

      const results = await send(bridge, [newObject()]);

      expect(results).toMatchObject([{ kind: 'refused', status: 0xa700 }]);
      expect(performance.now() - begun).toBeLessThan(5000);
      archive.gate.setBehaviour({ kind: 'pass' });
      await untilDelivered(bridge);
      expect(await archive.orthanc.instances()).toHaveLength(1);
    },
  );

  it.each([0xa900, 0xc000, 0x0122, 0x0124])(
    'C18 is told the Failure Reason %i as the archive gave it; the object stands in failed/',
    async (reason) => {
      const object = newObject();
      answerOnce(409, '00081198', object, { '00081197': { vr: 'US', Value: [reason] } });

      const results = await send(bridge, [object]);

      expect(results).toMatchObject([{ kind: 'refused', status: reason }]);
      const [setAside] = await setAsideObjects(bridge);
      expect(setAside).toMatchObject({
        sopInstanceUid: object.sopInstanceUid,
        reason: { code: 'refused', failureReason: reason },
      });
    },
  );

  it('C19 is told the Warning Reason as the archive gave it', async () => {
    const object = newObject();
    answerOnce(202, '00081199', object, { '00081196': { vr: 'US', Value: [0xb007] } });

    expect(await send(bridge, [object])).toEqual([{ kind: 'stored', status: 0xb007 }]);
    expect(await spoolContents(bridge)).toEqual(nothing);
  });

  it('is answered A700H after the timeout, and its resend is one object in the end', async () => {
    await bridge.restart({ STORE_ACK: 'archived', ARCHIVE_ACK_TIMEOUT: '1s' });
    archive.gate.setBehaviour({ kind: 'stall' });
    const object = newObject();

    const results = [
      ...(await send(bridge, [object])),
      // Behind the first, which is still under way.
      ...(await send(bridge, [object])),
    ];
    await bridge.kill();
    archive.gate.setBehaviour({ kind: 'pass' });
    await bridge.restart({ STORE_ACK: 'archived' });
    await untilDelivered(bridge);

    expect(results).toMatchObject([
      { kind: 'refused', status: 0xa700 },
      { kind: 'refused', status: 0xa700 },
    ]);
    expect(await archive.orthanc.instances()).toEqual([object.sopInstanceUid]);
    expect(bridge.log).not.toContain('two different contents');
  });

  it('may hang up while it waits: its place is free at once, and the object is delivered', async () => {
    await bridge.restart({ STORE_ACK: 'archived', DIMSE_MAX_ASSOCIATIONS: '1' });
    archive.gate.setBehaviour({ kind: 'stall' });
    const object = newObject();
    const contexts = [
      { id: 1, abstractSyntax: object.sopClassUid, transferSyntaxes: [object.transferSyntaxUid] },
    ];
    const association = await associate(targetOf(bridge), contexts);
    await association.send({
      contextId: 1,
      command: storeRequest(object, 1),
      dataSet: object.bytes,
    });
    await expect.poll(async () => (await spoolContents(bridge)).ready).toHaveLength(1);

    association.abort();
    await association.closed;

    await expect
      .poll(() => associate(targetOf(bridge), contexts).then((next) => next.release()), {
        timeout: 3000,
      })
      .toBeUndefined();
    expect(bridge.log).toContain('association ends');
    await bridge.kill();
    archive.gate.setBehaviour({ kind: 'pass' });
    await bridge.restart();
    await untilDelivered(bridge);
    expect(await archive.orthanc.instances()).toEqual([object.sopInstanceUid]);
  });

  it('C28 is still answered when the bridge is asked to stop while the archive works', async () => {
    const objects = objectsOfAStudy(4);

    const sending = send(bridge, objects);
    await expect.poll(() => archive.orthanc.instances()).not.toHaveLength(0);
    const ended = await bridge.terminate();
    const results = await sending;

    expect(ended).toMatchObject({ code: 0 });
    expect(results).toEqual(objects.map(() => ({ kind: 'stored', status: 0 })));
    expect(await differences(archive.orthanc, objects)).toEqual([]);
  });

  it("DCMTK's storescu sees success, and the refusal with its status", async () => {
    const file = path.join(folder.path, 'object.dcm');
    await writeFile(file, buildPart10({ sop: newUid() }));

    const stored = await storescu(bridge.dimsePort, [], [file]);
    const held = await archive.orthanc.instances();
    archive.gate.setBehaviour({ kind: 'answer', status: 503 });
    const refused = await storescu(bridge.dimsePort, [], [file]);

    expect(stored, stored.stderr).toMatchObject({ code: 0 });
    expect(held).toHaveLength(1);
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toMatch(/A700|OutOfResources/i);
  });

  /** One answer in the archive's place, about this object. */
  function answerOnce(status: number, list: string, object: SentObject, facts: object): void {
    const item = { '00081155': { vr: 'UI', Value: [object.sopInstanceUid] }, ...facts };
    const body = JSON.stringify({ [list]: { vr: 'SQ', Value: [item] } });
    archive.gate.setBehaviour({ kind: 'answer', status, headers: dicomJson, body }, 1);
  }
});

function objectsOfAStudy(count: number): readonly SentObject[] {
  const study = newUid();
  return Array.from({ length: count }, () => newObject({ study, pixelBytes: 20_000 }));
}
