import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { newUid } from '../support/dicom-object.ts';
import { startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences } from './support/differences.ts';
import { queueCommand, queueList, queueStates } from './support/queue-command.ts';
import { send } from './support/send.ts';
import { dataSetOf, newObject } from './support/sent-object.ts';
import { spoolFolder, untilDelivered } from './support/spool-contents.ts';

describe.skipIf(peersSkipped)('an operator with drawbridge queue', { timeout: 90_000 }, () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let bridge: BridgeProcess;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
  });
  afterAll(() => peers.stop());
  beforeEach(() => archive.orthanc.clear());
  afterEach(async () => {
    archive.gate.setBehaviour({ kind: 'pass' });
    await bridge.stop();
  });

  it('sees why an object was refused, and sends it again once that is mended', async () => {
    bridge = await startBridgeTo(archive);
    const object = newObject({ patientId: 'SECRET-PATIENT' });
    archive.gate.setBehaviour({ kind: 'answer', status: 400 });

    await send(bridge, [object]);
    await expect.poll(() => queueStates(bridge), { timeout: 10_000 }).toEqual({ failed: 1 });
    const { entries } = await queueList(bridge, '--state', 'failed');
    const shown = await queueCommand(bridge, 'show', entries[0]?.id ?? '');
    archive.gate.setBehaviour({ kind: 'pass' });
    const retried = await queueCommand(bridge, 'retry', '--state', 'failed');
    await untilDelivered(bridge);

    expect(entries[0]?.reason).toMatchObject({ code: 'refused', httpStatus: 400 });
    expect(shown.stdout).toMatch(/^HTTP status +400$/m);
    expect(shown.stdout).toContain(object.sopInstanceUid);
    expect(shown.stdout).toMatch(/^from +CT01$/m);
    expect(shown.stdout).not.toMatch(/SECRET-PATIENT|Test\^Object/);
    expect(retried).toMatchObject({ exitCode: 0, stderr: '' });
    expect(retried.stdout).toMatch(/^1 object .*due to be sent now/);
    expect(await differences(archive.orthanc, [object])).toEqual([]);
    expect(await spoolFolder(bridge, 'failed')).toEqual([]);
  });

  it('sees what waits while the archive is down, and that nobody knows for how long', async () => {
    bridge = await startBridgeTo(archive);
    const objects = newStudy(5);
    await archive.orthanc.kill();

    await send(bridge, objects);
    await expect
      .poll(async () => (await queueList(bridge)).bridge?.breaker, { timeout: 10_000 })
      .not.toBe('closed');
    const { total, secondsToEmpty } = await queueList(bridge);
    const words = await queueCommand(bridge, 'list');
    await archive.orthanc.restart();
    await untilDelivered(bridge);
    const afterwards = await queueList(bridge);

    expect({ total, secondsToEmpty }).toEqual({ total: 5, secondsToEmpty: null });
    expect(words.stdout).toContain('5 objects to send; time to empty: unknown.');
    expect(afterwards).toMatchObject({
      total: 0,
      secondsToEmpty: 0,
      bridge: { breaker: 'closed' },
    });
    expect(await differences(archive.orthanc, objects)).toEqual([]);
  });

  it('pauses delivery, also across a restart, and resumes it', async () => {
    bridge = await startBridgeTo(archive);
    const objects = newStudy(4);

    await queueCommand(bridge, 'pause');
    await send(bridge, objects.slice(0, 2));
    await bridge.restart();
    await send(bridge, objects.slice(2));
    // That is the moment at which a batch leaves; the list below takes longer than that.
    await expect.poll(() => bridge.log).toContain('association ends');
    const listed = await queueCommand(bridge, 'list');
    const sentOnPause = await archive.orthanc.instances();
    const { paused } = await queueList(bridge);
    const resumed = await queueCommand(bridge, 'resume', '--json');
    await untilDelivered(bridge);

    expect(sentOnPause).toEqual([]);
    expect(paused).toEqual(['main']);
    expect(listed.stdout).toContain('On pause: main');
    expect(listed.stdout).toContain('4 objects to send; time to empty: unknown.');
    expect(JSON.parse(resumed.stdout)).toEqual({ paused: [] });
    expect(await differences(archive.orthanc, objects)).toEqual([]);
  });

  it('reaches the queue of a bridge that was killed: lists, exports and drops', async () => {
    bridge = await startBridgeTo(archive);
    const objects = newStudy(3);
    await queueCommand(bridge, 'pause');
    await send(bridge, objects);
    await bridge.kill();
    const folder = await mkdtemp(path.join(tmpdir(), 'drawbridge-export-'));

    const listing = await queueList(bridge);
    const exported = await queueCommand(bridge, 'export', path.join(folder, 'rescue'));
    const unasked = await queueCommand(bridge, 'drop', '--all');
    const [first] = listing.entries;
    const dropped = await queueCommand(bridge, 'drop', first?.id.slice(0, 22) ?? '', '--yes');
    const left = await queueList(bridge);
    const files = await readdir(path.join(folder, 'rescue'));
    const copies = await Promise.all(
      objects.map(({ sopInstanceUid }) =>
        readFile(path.join(folder, 'rescue', `${sopInstanceUid}.dcm`)),
      ),
    );
    await rm(folder, { recursive: true });

    expect(listing).toMatchObject({ bridge: null, paused: ['main'], total: 3 });
    expect(exported.stdout).toMatch(/^3 objects .* copied to /);
    expect(files).toHaveLength(3);
    expect(
      objects.map(({ bytes }, index) => bytes.equals(dataSetOf(copies[index] ?? bytes))),
    ).toEqual([true, true, true]);
    expect(unasked.exitCode).toBe(64);
    expect(unasked.stderr).toMatch(/remove 3 objects \(.*\) for good, .*--yes/);
    expect(dropped).toMatchObject({ exitCode: 0, stderr: '' });
    expect(left.entries.map(({ id }) => id)).toEqual(listing.entries.slice(1).map(({ id }) => id));

    // The bridge comes back over what is left, still on pause, at the same place.
    await bridge.restart();
    expect(await queueList(bridge)).toMatchObject({ total: 2, paused: ['main'] });
    await queueCommand(bridge, 'resume');
    await untilDelivered(bridge);
    expect(await archive.orthanc.instances()).toHaveLength(2);
  });

  it('replays what was delivered when the archive has lost it', async () => {
    bridge = await startBridgeTo(archive, { SPOOL_KEEP: '1h' });
    const objects = newStudy(4);
    await send(bridge, objects);
    await untilDelivered(bridge);
    await expect.poll(() => queueStates(bridge)).toEqual({ kept: 4 });

    await archive.orthanc.clear();
    const nothing = await queueCommand(bridge, 'replay', '--older-than', '1h', '--json');
    const replayed = await queueCommand(bridge, 'replay', '--since', '1h', '--json');
    await expect.poll(() => archive.orthanc.instances(), { timeout: 15_000 }).toHaveLength(4);

    expect(JSON.parse(nothing.stdout)).toMatchObject({ entries: 0 });
    expect(JSON.parse(replayed.stdout)).toMatchObject({ entries: 4, busy: 0 });
    expect(await differences(archive.orthanc, objects)).toEqual([]);
  });

  it('is told when the spool is in use but nobody answers', async () => {
    bridge = await startBridgeTo(archive);
    await rm(path.join(bridge.dataDir, 'control.sock'));

    const { exitCode, stderr } = await queueCommand(bridge, 'list');

    expect(exitCode).toBe(1);
    expect(stderr).toContain(`a process (pid ${bridge.pid}) uses the spool`);
  });
});

function newStudy(count: number) {
  const study = newUid();
  return Array.from({ length: count }, () => newObject({ study }));
}
