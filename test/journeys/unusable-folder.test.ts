import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { verify } from '../../src/dimse/verification-user.ts';
import { temporaryFolder } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import { healthStatus } from './support/health.ts';
import { send, targetOf } from './support/send.ts';
import { newObject } from './support/sent-object.ts';
import { canMountDisk, mountSmallDisk } from './support/small-disk.ts';
import type { SmallDisk } from './support/small-disk.ts';
import { spoolFolder } from './support/spool-contents.ts';

/** Nobody listens there: what is received stays in `ready/`. */
const archiveThatIsAway = { UPSTREAM_URL: 'http://127.0.0.1:1/dicom-web', SPOOL_MIN_FREE: '0' };

describe.skipIf(!canMountDisk)('a file system that becomes read-only', () => {
  let disk: SmallDisk;
  beforeEach(async () => {
    disk = await mountSmallDisk('16m');
  });
  afterEach(() => disk.remove());

  it('C07 while the bridge runs: A700H and not fit to receive, until it can be written again', async () => {
    const bridge = await startBridgeProcess({ ...archiveThatIsAway, DATA_DIR: disk.path });
    onTestFinished(() => bridge.stop());
    await send(bridge, [newObject()]);

    disk.setReadOnly(true);
    const refused = await send(bridge, [newObject(), newObject()]);
    const health = await healthStatus(bridge, 'ingest');
    await verify(targetOf(bridge));
    disk.setReadOnly(false);
    await expect.poll(() => healthStatus(bridge, 'ingest')).toBe(200);
    const taken = await send(bridge, [newObject()]);

    expect(refused).toMatchObject([
      { kind: 'refused', status: 0xa700 },
      { kind: 'refused', status: 0xa700 },
    ]);
    expect(health).toBe(503);
    expect(taken).toEqual([{ kind: 'stored', status: 0 }]);
    expect(await spoolFolder(bridge, 'ready')).toHaveLength(2);
  });

  it('C07 before the bridge starts: it does not start, and says why', async () => {
    disk.setReadOnly(true);

    const starting = startBridgeProcess({ ...archiveThatIsAway, DATA_DIR: disk.path });

    await expect(starting).rejects.toThrow(/cannot start: .*EROFS/);
  });
});

describe('a folder that is not for the bridge', () => {
  it.skipIf(process.getuid?.() !== 0)(
    'C07 one of another user: it does not start, and says why',
    async () => {
      const folder = await temporaryFolder('not-ours');
      onTestFinished(() => folder.remove());
      const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

      const starting = startBridgeProcess({ ...archiveThatIsAway, DATA_DIR: folder.path }, nobody);

      await expect(starting).rejects.toThrow(/cannot start: .*EACCES/);
    },
  );

  it('C08 one that another bridge owns: it does not start, and names the owner', async () => {
    const owner = await startBridgeProcess(archiveThatIsAway);
    onTestFinished(() => owner.stop());

    const second = startBridgeProcess({ ...archiveThatIsAway, DATA_DIR: owner.dataDir });

    await expect(second).rejects.toThrow(String(owner.pid));
    expect(await send(owner, [newObject()])).toEqual([{ kind: 'stored', status: 0 }]);
  });
});
