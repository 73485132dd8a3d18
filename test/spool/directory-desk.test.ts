import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it, vi } from 'vitest';
import { SpoolUnavailableError } from '../../src/errors/spool-errors.ts';
import type { DirectorySpool } from '../../src/spool/directory-spool.ts';
import { nodeFileOperations } from '../../src/spool/file-operations.ts';
import type { FileOperations } from '../../src/spool/file-operations.ts';
import type { QueuedEntry } from '../../src/spool/queue-desk.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { uid } from '../support/uid.ts';
import {
  arriving,
  everything,
  filesIn,
  identityOf,
  leaseAll,
  newSpool,
  readAll,
  spoolWithOne,
  store,
} from './spool-fixture.ts';

const reason = { code: 'refused', message: 'no', httpStatus: 409, attempts: 3 };
const page = { limit: 100, offset: 0 };
const hour = 3_600_000;

async function listed(spool: DirectorySpool): Promise<readonly QueuedEntry[]> {
  return (await spool.desk.list({}, page)).entries;
}
const standing = (entries: readonly QueuedEntry[]): readonly (readonly [string, string])[] =>
  entries.map(({ id, state }) => [id, state]);

describe('queue desk: looking', () => {
  it('shows each entry where it stands, oldest first', async () => {
    const spool = newSpool({ keepMs: hour });
    await spool.open();
    const entries = [];
    for (const sop of ['1.1', '1.2', '1.3', '1.4', '1.5']) entries.push(await store(spool, sop));
    const [kept, failed, delayed, sending, waiting] = entries.map(({ id }) => id);
    leaseAll(spool);
    const [a, b, c, , e] = entries;
    if (!a || !b || !c || !e) throw new Error('five were stored');
    await spool.settle(a);
    await spool.setAside(b, reason);
    const notBefore = Date.now() + hour;
    spool.release(c, { notBefore });
    spool.release(e, { notBefore: 0 });

    const entriesSeen = await listed(spool);
    expect(standing(entriesSeen)).toEqual([
      [kept, 'kept'],
      [failed, 'failed'],
      [delayed, 'delayed'],
      [sending, 'sending'],
      [waiting, 'waiting'],
    ]);
    expect(entriesSeen[1]?.reason).toMatchObject(reason);
    expect(entriesSeen[1]?.reason?.setAsideAt).toMatch(/^20\d\d-.*Z$/);
    expect(entriesSeen[2]?.notBefore).toBe(notBefore);
    expect(entriesSeen[0]?.deliveredAt).toBeGreaterThanOrEqual(a.arrivedAt);
  });

  it('filters by study, state, time, destination and name, and pages through what is left', async () => {
    let now = 1_763_717_400_000;
    const spool = newSpool({ now: () => (now += 1_000) });
    await spool.open();
    const entries = [];
    for (let number = 0; number < 10; number += 1) {
      entries.push(await store(spool, `1.9.${number}`, { study: number < 6 ? '1.6' : '1.4' }));
    }
    const idsOf = async (filter: object, window = page): Promise<readonly string[]> =>
      (await spool.desk.list(filter, window)).entries.map(({ id }) => id);
    const ids = entries.map(({ id }) => id);

    expect(await idsOf({ studyInstanceUid: '1.6' })).toEqual(ids.slice(0, 6));
    expect(await idsOf({ studyInstanceUid: '1.6' }, { limit: 2, offset: 3 })).toEqual(
      ids.slice(3, 5),
    );
    expect(await idsOf({ studyInstanceUid: 'DOE^JOHN' })).toEqual([]);
    expect(await idsOf({ states: ['failed', 'kept'] })).toEqual([]);
    expect(await idsOf({ destination: 'main', states: ['waiting'] })).toEqual(ids);
    expect(await idsOf({ destination: 'other' })).toEqual([]);
    expect(await idsOf({ ids: [ids[7]] })).toEqual([ids[7]]);
    const { arrivedAt: arrivedFrom = 0 } = entries[2] ?? {};
    const { arrivedAt: arrivedUntil = 0 } = entries[4] ?? {};
    expect(await idsOf({ arrivedFrom, arrivedUntil })).toEqual(ids.slice(2, 5));
    expect(
      await spool.desk.list({ studyInstanceUid: '1.4' }, { limit: 1, offset: 0 }),
    ).toMatchObject({
      total: 4,
      totalBytes: entries.slice(6).reduce((sum, { bytes }) => sum + bytes, 0),
    });
  });

  it('says what the head of a file says, and nothing of what it cannot read', async () => {
    const spool = newSpool();
    await spool.open();
    const plain = await store(spool, '1.2.3.4', { data: headOf('MR', '1.2.3', '1.2.3.1') });
    const broken = await store(spool, '1.2.3.5', { data: randomBytes(3_000) });

    expect(await spool.desk.show(plain.id)).toMatchObject({
      id: plain.id,
      state: 'waiting',
      sopInstanceUid: '1.2.3.4',
      sopClassUid: '1.2.840.10008.5.1.4.1.1.2',
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      studyInstanceUid: '1.2.3',
      seriesInstanceUid: '1.2.3.1',
      modality: 'MR',
      callingAeTitle: 'CT1',
      calledAeTitle: 'DRAWBRIDGE',
    });
    expect(await spool.desk.show(broken.id)).toMatchObject({
      sopInstanceUid: '1.2.3.5',
      studyInstanceUid: undefined,
      modality: undefined,
    });
  });

  it('reads the head of a deflated data set, though not its end', async () => {
    const spool = newSpool();
    await spool.open();
    const dataSet = Buffer.concat([headOf('CT', '1.2.3', '1.2.3.1'), pixels(40_000_000)]);
    const writer = await spool.receive({
      ...arriving('1.2.3.4'),
      transferSyntaxUid: uid('1.2.840.10008.1.2.1.99'),
    });
    await writer.write([deflateRawSync(dataSet)]);
    const { id } = await writer.commit(identityOf('1.2.3.4'));

    expect(await spool.desk.show(id)).toMatchObject({
      studyInstanceUid: '1.2.3',
      seriesInstanceUid: '1.2.3.1',
      modality: 'CT',
    });
  });

  it.each(['../../etc/passwd', '', '..', 'DOE^JOHN', '/etc/passwd'])(
    'B05 knows no entry named %j, and opens no file for it',
    async (name) => {
      const { spool } = await spoolWithOne();
      expect(await spool.desk.show(name)).toBeUndefined();
      expect(await spool.desk.open(name)).toBeUndefined();
      expect(await spool.desk.drop({ ids: [name] })).toEqual({ entries: 0, bytes: 0, busy: 0 });
    },
  );

  it('C29 gives every byte of an entry that was delivered while it was copied', async () => {
    const data = randomBytes(700_000);
    const { spool, folder, entry } = await spoolWithOne({ data });
    const source = await spool.desk.open(entry.id);
    if (!source) throw new Error('it is there');
    leaseAll(spool);
    await spool.settle(entry);

    expect(filesIn(folder, 'ready')).toEqual([]);
    const file = await readAll(source.read());
    expect(file.length).toBe(entry.bytes);
    expect(file.subarray(-data.length).equals(data)).toBe(true);
    source.close();
    source.close();
    expect(await spool.desk.open(entry.id)).toBeUndefined();
  });

  it('shows and opens what is in failed/ and what is kept', async () => {
    const { spool, entry } = await spoolWithOne({ keepMs: hour });
    leaseAll(spool);
    await spool.setAside(entry, reason);
    expect(await spool.desk.show(entry.id)).toMatchObject({ state: 'failed', reason });
    await spool.desk.retry({});
    leaseAll(spool);
    await spool.settle(entry);
    expect(await spool.desk.show(entry.id)).toMatchObject({ state: 'kept' });
    const source = await spool.desk.open(entry.id);
    expect((await readAll(source?.read() ?? nothing())).length).toBe(entry.bytes);
    source?.close();
  });

  it('lists a failed entry whose reason or whose file was taken away by hand', async () => {
    const { spool, folder, entry } = await spoolWithOne();
    leaseAll(spool);
    await spool.setAside(entry, reason);
    writeFileSync(join(folder, 'failed', `${entry.id}.json`), '{"cut');
    expect((await listed(spool))[0]).not.toHaveProperty('reason');
    rmSync(join(folder, 'failed', `${entry.id}.dcm`));

    expect(standing(await listed(spool))).toEqual([[entry.id, 'failed']]);
    expect(await spool.desk.show(entry.id)).toBeUndefined();
    expect((await spool.desk.retry({})).entries).toBe(0);
    expect((await spool.desk.drop({})).entries).toBe(1);
    expect(spool.depth().failedEntries).toBe(0);
    expect(filesIn(folder, 'failed')).toEqual([]);
  });
});

describe('queue desk: orders', () => {
  it('retry puts what failed back where it was in the order, and its reason goes', async () => {
    const { spool, folder, entry: first } = await spoolWithOne();
    leaseAll(spool);
    await spool.setAside(first, reason);
    const second = await store(spool, '1.2.3.5');

    expect(await spool.desk.retry({})).toEqual({ entries: 1, bytes: first.bytes, busy: 0 });
    expect(filesIn(folder, 'failed')).toEqual([]);
    expect(spool.depth()).toMatchObject({ entries: 2, failedEntries: 0 });
    expect(leaseAll(spool).map(({ id }) => id)).toEqual([first.id, second.id]);
  });

  it('retry makes what was put off due at once, and wakes who waits', async () => {
    const { spool, entry } = await spoolWithOne();
    leaseAll(spool);
    spool.release(entry, { notBefore: Date.now() + hour });
    const { signal } = new AbortController();
    const due = spool.whenDue({ signal });

    expect(await spool.desk.retry({})).toMatchObject({ entries: 1, busy: 0 });
    await due;
    expect(spool.lease(everything)?.entries).toMatchObject([{ id: entry.id }]);
    expect(await spool.desk.retry({})).toEqual({ entries: 0, bytes: 0, busy: 1 });
  });

  it('retry is durable where it arrives before where it left, and the reason goes last', async () => {
    const events: string[] = [];
    const { spool, entry } = await spoolWithOne({ files: recordingMoves(events) });
    leaseAll(spool);
    await spool.setAside(entry, reason);
    events.length = 0;
    await spool.desk.retry({});
    expect(events).toEqual(['rename failed ready', 'fsync ready', 'fsync failed', 'unlink failed']);
  });

  it('drop removes for good, syncs the folder before it says so, and leaves what is being sent', async () => {
    const events: string[] = [];
    const { spool, folder, entry: sending } = await spoolWithOne({ files: recordingMoves(events) });
    leaseAll(spool);
    await store(spool, '1.2.3.5');
    const delayed = await store(spool, '1.2.3.6', { study: '1.7' });
    spool.flush();
    spool.lease({ maxInstances: 1, maxBytes: 1 });
    const held = spool.lease({ maxInstances: 1, maxBytes: 1 })?.entries[0] ?? delayed;
    spool.release(held, { notBefore: Date.now() + hour });
    events.length = 0;

    const effect = await spool.desk.drop({});
    expect(effect).toMatchObject({ entries: 1, busy: 2 });
    expect(events).toEqual(['unlink ready', 'fsync ready']);
    expect(filesIn(folder, 'ready')).toContain(`${sending.id}.dcm`);
    expect(filesIn(folder, 'ready')).toHaveLength(2);
    expect(spool.depth().entries).toBe(2);
  });

  it('drop of the first of its instance lets the next one go, and of a later one keeps the first', async () => {
    const spool = newSpool();
    await spool.open();
    const same = [];
    for (let count = 0; count < 4; count += 1) same.push(await store(spool, '1.2.3.4'));
    const [first, second, third, fourth] = same.map(({ id }) => id);

    await spool.desk.drop({ ids: [third ?? ''] });
    expect(leaseAll(spool).map(({ id }) => id)).toEqual([first]);
    if (same[0]) spool.release(same[0], { notBefore: 0 });
    await spool.desk.drop({ ids: [first ?? ''] });
    expect(leaseAll(spool).map(({ id }) => id)).toEqual([second]);
    if (same[1]) await spool.settle(same[1]);
    expect(leaseAll(spool).map(({ id }) => id)).toEqual([fourth]);
    expect(spool.depth().entries).toBe(1);
  });

  it('B08 retry puts an older object of an instance before those that follow', async () => {
    const { spool, entry: oldest } = await spoolWithOne();
    leaseAll(spool);
    await spool.setAside(oldest, reason);
    const [first, second] = [await store(spool, '1.2.3.4'), await store(spool, '1.2.3.4')];
    await spool.desk.retry({});

    for (const expected of [first, oldest, second]) {
      expect(leaseAll(spool).map(({ id }) => id)).toEqual([expected.id]);
      await spool.settle(expected);
    }
  });

  it('leaves alone what is being set aside at this moment', async () => {
    const gate = new SyncGate();
    const { spool, folder, entry } = await spoolWithOne({ files: gate.files });
    leaseAll(spool);
    gate.close();
    const settingAside = spool.setAside(entry, reason);
    await vi.waitFor(() => expect(filesIn(folder, 'failed')).toContain(`${entry.id}.dcm`));

    expect(standing(await listed(spool))).toEqual([[entry.id, 'sending']]);
    expect(await spool.desk.retry({})).toEqual({ entries: 0, bytes: 0, busy: 1 });
    gate.open();
    await settingAside;
    expect(standing(await listed(spool))).toEqual([[entry.id, 'failed']]);
    expect(spool.depth()).toMatchObject({ entries: 0, failedEntries: 1 });
  });

  it('carries out one order after the other, and the last before the spool closes', async () => {
    const gate = new SyncGate();
    const { spool, folder } = await spoolWithOne({ files: gate.files });
    const { desk } = spool;
    gate.close();
    const orders = [desk.pause('main'), desk.resume('main'), desk.drop({})];
    await vi.waitFor(() => expect(filesIn(folder, 'paused')).toEqual(['main']));
    gate.open();
    const closing = spool.close();
    await Promise.allSettled(orders);

    expect(desk.paused()).toEqual([]);
    expect(filesIn(folder, 'paused')).toEqual([]);
    await closing;
  });

  it('drop puts back what a failing disk does not let go', async () => {
    let broken = false;
    const files: FileOperations = {
      ...nodeFileOperations,
      unlink: (path) =>
        broken
          ? Promise.reject(Object.assign(new Error('no'), { code: 'EIO' }))
          : nodeFileOperations.unlink(path),
    };
    const { spool, entry } = await spoolWithOne({ files });
    broken = true;
    await expect(spool.desk.drop({})).rejects.toThrow(SpoolUnavailableError);
    expect(leaseAll(spool).map(({ id }) => id)).toEqual([entry.id]);
    expect(spool.depth().entries).toBe(1);
  });

  it('drops thousands out of one study without holding up the process', async () => {
    const spool = newSpool();
    await spool.open();
    for (let number = 0; number < 2_500; number += 1) await store(spool, `1.2.${number}`);
    const effect = await spool.desk.drop({ studyInstanceUid: '1.2.3' });
    expect(effect).toMatchObject({ entries: 2_500, busy: 0 });
    expect(spool.depth()).toMatchObject({ entries: 0, bytes: 0 });
    expect(leaseAll(spool)).toEqual([]);
  });

  it('takes no order once the spool is closed', async () => {
    const { spool } = await spoolWithOne();
    const { desk } = spool;
    await spool.close();
    await expect(desk.drop({})).rejects.toThrow(SpoolUnavailableError);
    expect(() => spool.desk).toThrow(SpoolUnavailableError);
  });
});

describe('queue desk: pause', () => {
  it('hands out nothing for the destination until resume, and wakes nobody for it', async () => {
    const { spool, entry } = await spoolWithOne();
    await spool.desk.pause('main');
    await store(spool, '1.2.3.5');
    expect(leaseAll(spool)).toEqual([]);
    const controller = new AbortController();
    let woken = false;
    const waiting = spool.whenDue(controller).then(() => (woken = true));
    spool.flush();
    await store(spool, '1.2.3.6');
    await new Promise(setImmediate);
    expect(woken).toBe(false);

    await spool.desk.resume('main');
    await waiting;
    expect(leaseAll(spool).map(({ id }) => id)[0]).toBe(entry.id);
    controller.abort();
  });

  it('lets what is in flight finish, and what comes back stays', async () => {
    const { spool, entry } = await spoolWithOne();
    const other = await store(spool, '1.2.3.5');
    leaseAll(spool);
    await spool.desk.pause('main');
    await spool.settle(entry);
    spool.release(other, { notBefore: 0 });

    expect(leaseAll(spool)).toEqual([]);
    expect(standing(await listed(spool))).toEqual([[other.id, 'waiting']]);
    await spool.desk.resume('main');
    expect(leaseAll(spool)).toHaveLength(1);
  });

  it('holds after a restart, and says so loudly', async () => {
    const { spool, folder } = await spoolWithOne();
    await spool.desk.pause('main');
    await spool.desk.pause('main');
    await spool.close();
    const log = recordingLogger();
    const again = newSpool({ folder, log });
    await again.open();

    expect(again.desk.paused()).toEqual(['main']);
    expect(leaseAll(again)).toEqual([]);
    expect(log.lines.filter((line) => /^warn .*"main".*pause/.test(line))).toHaveLength(1);
    await again.desk.resume('main');
    expect(filesIn(folder, 'paused')).toEqual([]);
    expect(leaseAll(again)).toHaveLength(1);
  });

  it('makes no file of a name that is none', async () => {
    const { spool, folder } = await spoolWithOne();
    await expect(spool.desk.pause('../ready/x')).rejects.toThrow('destination');
    expect(filesIn(folder, 'paused')).toEqual([]);
  });
});

/** The real file system, writing down moves, removals and folder syncs. */
function recordingMoves(events: string[]): FileOperations {
  const real = nodeFileOperations;
  const folders = new Map<number, string>();
  const folderOf = (path: string): string => path.split('/').at(-2) ?? '';
  return {
    ...real,
    openExisting: (path) => {
      const fd = real.openExisting(path);
      folders.set(fd, path.split('/').at(-1) ?? '');
      return fd;
    },
    rename: (from, to) => {
      real.rename(from, to);
      events.push(`rename ${folderOf(from)} ${folderOf(to)}`);
    },
    unlink: async (path) => {
      await real.unlink(path);
      events.push(`unlink ${folderOf(path)}`);
    },
    fsync: async (fd) => {
      await real.fsync(fd);
      events.push(`fsync ${folders.get(fd)}`);
    },
  };
}

/** The real file system, on which a folder sync can be made to wait. */
class SyncGate {
  #opened = Promise.resolve();
  #open: () => void = () => undefined;
  readonly files: FileOperations = {
    ...nodeFileOperations,
    fsync: async (fd) => {
      await this.#opened;
      await nodeFileOperations.fsync(fd);
    },
  };

  close(): void {
    this.#opened = new Promise((resolve) => (this.#open = resolve));
  }

  open(): void {
    this.#open();
  }
}

/** Modality, Study and Series Instance UID in Explicit VR Little Endian. */
function headOf(modality: string, study: string, series: string): Buffer {
  return Buffer.concat([
    element(0x0008, 0x0060, 'CS', modality.padEnd(modality.length + (modality.length % 2))),
    element(0x0020, 0x000d, 'UI', study.length % 2 ? `${study}\0` : study),
    element(0x0020, 0x000e, 'UI', series.length % 2 ? `${series}\0` : series),
  ]);
}

function element(group: number, number: number, vr: string, value: string): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt16LE(group, 0);
  head.writeUInt16LE(number, 2);
  head.write(vr, 4, 'latin1');
  head.writeUInt16LE(value.length, 6);
  return Buffer.concat([head, Buffer.from(value, 'latin1')]);
}

function pixels(bytes: number): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16LE(0x7fe0, 0);
  head.writeUInt16LE(0x0010, 2);
  head.write('OW', 4, 'latin1');
  head.writeUInt32LE(bytes, 8);
  return Buffer.concat([head, Buffer.alloc(bytes)]);
}

async function* nothing(): AsyncGenerator<Buffer> {
  // There is nothing.
}
