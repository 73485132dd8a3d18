import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { DirectorySpool } from '../../src/spool/directory-spool.ts';
import { nodeFileOperations } from '../../src/spool/file-operations.ts';
import type { FileOperations } from '../../src/spool/file-operations.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import {
  filesIn,
  leaseAll,
  newSpool,
  spoolWithOne,
  store,
  temporaryFolder,
} from './spool-fixture.ts';

const hour = 3_600_000;
const mebibyte = 1024 * 1024;

async function deliverAll(spool: DirectorySpool): Promise<void> {
  for (const entry of leaseAll(spool)) await spool.settle(entry);
}

describe('kept objects', () => {
  it('stay after delivery for their owner only, and count neither as waiting nor against the size', async () => {
    const { spool, folder, entry } = await spoolWithOne({ keepMs: hour, maxBytes: 500 });
    await deliverAll(spool);

    const [name = ''] = filesIn(folder, 'kept');
    expect(name).toMatch(new RegExp(`^\\d{13}_${entry.id}\\.dcm$`));
    expect(statSync(join(folder, 'kept', name)).mode & 0o777).toBe(0o600);
    expect(filesIn(folder, 'ready')).toEqual([]);
    expect(spool.depth()).toMatchObject({ entries: 0, bytes: 0, oldestArrivedAt: undefined });
    await store(spool, '1.2.3.5');
  });

  it('are none without a time to keep them', async () => {
    const { spool, folder } = await spoolWithOne({ keepMs: 0 });
    await deliverAll(spool);
    expect([filesIn(folder, 'ready'), filesIn(folder, 'kept')]).toEqual([[], []]);
  });

  it('go when their time since delivery is over, however old they were then', async () => {
    vi.useFakeTimers({ now: 1_763_717_400_000, toFake: ['setInterval', 'clearInterval', 'Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const { spool, folder } = await spoolWithOne({ keepMs: hour });
    vi.setSystemTime(1_763_717_400_000 + 5 * hour);
    await deliverAll(spool);
    await vi.advanceTimersByTimeAsync(hour - 10 * 60_000);
    expect(filesIn(folder, 'kept')).toHaveLength(1);

    await vi.waitFor(async () => {
      await vi.advanceTimersByTimeAsync(10 * 60_000);
      expect(filesIn(folder, 'kept')).toEqual([]);
    });
  });

  it('are swept at the start too, by the time of their delivery, and leave foreign files alone', async () => {
    let now = 1_763_717_400_000;
    const first = await spoolWithOne({ keepMs: hour, now: () => now });
    await deliverAll(first.spool);
    now += hour / 2;
    await store(first.spool, '1.2.3.5');
    await deliverAll(first.spool);
    await first.spool.close();
    writeFileSync(join(first.folder, 'kept', 'DOE^JOHN.dcm'), 'mine');
    now += hour / 2 + 1;
    const { folder } = first;
    const again = newSpool({ folder, keepMs: hour, now: () => now });
    await again.open();

    await vi.waitFor(() => expect(filesIn(folder, 'kept')).toHaveLength(2));
    expect(filesIn(folder, 'kept')).toContain('DOE^JOHN.dcm');
    expect((await again.desk.list({}, { limit: 9, offset: 0 })).total).toBe(1);
    await again.close();
    // Who only looks sweeps nothing.
    now += 100 * hour;
    const looking = newSpool({ folder, now: () => now });
    await looking.open();
    await looking.close();
    expect(filesIn(folder, 'kept')).toHaveLength(2);
  });

  it('replay sends them once more, by study and arrival, and keeps them again', async () => {
    let now = 1_763_717_400_000;
    const { spool, folder, entry } = await spoolWithOne({ keepMs: hour, now: () => (now += 10) });
    const other = await store(spool, '1.2.3.5', { study: '1.7' });
    await deliverAll(spool);

    expect(await spool.desk.replay({ studyInstanceUid: '1.2.99' })).toMatchObject({ entries: 0 });
    expect(await spool.desk.replay({ arrivedFrom: now + 1 })).toMatchObject({ entries: 0 });
    const effect = await spool.desk.replay({ studyInstanceUid: '1.2.3', arrivedUntil: now });
    expect(effect).toEqual({ entries: 1, bytes: entry.bytes, busy: 0 });
    expect(spool.depth().entries).toBe(1);
    expect(filesIn(folder, 'kept')).toHaveLength(1);

    expect(leaseAll(spool).map(({ id }) => id)).toEqual([entry.id]);
    await spool.settle(entry);
    expect(filesIn(folder, 'kept')).toHaveLength(2);
    expect((await spool.desk.drop({ ids: [other.id] })).entries).toBe(1);
    expect(filesIn(folder, 'kept')).toHaveLength(1);
  });

  it('are in the queue again, and only there, when a power cut showed a replay twice', async () => {
    const { spool, folder, entry } = await spoolWithOne({ keepMs: hour });
    await spool.close();
    for (const name of [`kept/1763717400000_${entry.id}.dcm`, `failed/${entry.id}.dcm`]) {
      writeFileSync(join(folder, name), 'the same');
    }
    const again = newSpool({ folder });
    await again.open();

    expect([filesIn(folder, 'kept'), filesIn(folder, 'failed')]).toEqual([[], []]);
    expect(again.depth()).toMatchObject({ entries: 1, failedEntries: 0 });
  });

  it('C04 deliver all the same when a full disk has no room for a longer folder', async () => {
    const files: FileOperations = {
      ...nodeFileOperations,
      rename: (from, to) => {
        if (to.includes('/kept/')) throw Object.assign(new Error('no'), { code: 'ENOSPC' });
        nodeFileOperations.rename(from, to);
      },
    };
    const { spool, folder } = await spoolWithOne({ keepMs: hour, files });
    await deliverAll(spool);
    expect([filesIn(folder, 'ready'), filesIn(folder, 'kept')]).toEqual([[], []]);
    expect(spool.depth().entries).toBe(0);
  });
});

describe('kept objects on a disk that fills up', () => {
  /** A disk on which every kept file takes this much. */
  function diskWith(
    folder: string,
    { size, each }: { readonly size: number; readonly each: number },
  ) {
    const files: FileOperations = {
      ...nodeFileOperations,
      freeBytes: () => Promise.resolve(size - each * filesIn(folder, 'kept').length),
    };
    return files;
  }

  it('C05 go first, oldest delivery first, before any object is refused; and a line says so', async () => {
    const folder = temporaryFolder();
    const log = recordingLogger();
    let now = 1_763_717_400_000;
    const spool = newSpool({
      ...{ folder, log, keepMs: hour, now: () => (now += 1_000), minFreeBytes: 100 * mebibyte },
      files: diskWith(folder, { size: 400 * mebibyte, each: 20 * mebibyte }),
    });
    await spool.open();
    for (let number = 0; number < 60; number += 1) {
      await store(spool, `1.2.${number}`);
      await deliverAll(spool);
    }

    // Never more than the disk holds beside the reserve, and the latest are there.
    const kept = (await spool.desk.list({}, { limit: 100, offset: 0 })).entries;
    expect(kept.length).toBeLessThanOrEqual(15);
    expect(kept.at(-1)?.arrivedAt).toBeGreaterThan(now - 10_000);
    expect(log.lines.some((line) => /^warn .*"entries".* before their time/.test(line))).toBe(true);
  });

  it('C05 go even when bytes on their way in, and not the disk, reached the reserve', async () => {
    const folder = temporaryFolder();
    const spool = newSpool({
      ...{ folder, keepMs: hour, minFreeBytes: mebibyte, now: () => 1_763_717_400_000 },
      files: diskWith(folder, { size: 70 * mebibyte, each: 4 * mebibyte }),
    });
    await spool.open();
    await store(spool, '1.2.1');
    await deliverAll(spool);
    await store(spool, '1.2.2', { data: Buffer.alloc(80 * mebibyte), chunkBytes: mebibyte });
    expect(filesIn(folder, 'kept')).toEqual([]);
  });
});
