import { describe, expect, it } from 'vitest';
import { SpoolFullError, SpoolUnavailableError } from '../../src/errors/spool-errors.ts';
import { DirectorySync } from '../../src/spool/directory-sync.ts';
import { nodeFileOperations } from '../../src/spool/file-operations.ts';
import type { FileOperations } from '../../src/spool/file-operations.ts';
import {
  arriving,
  dataOf,
  everything,
  filesIn,
  identityOf,
  newSpool,
  store,
  temporaryFolder,
} from './spool-fixture.ts';

const reason = { code: 'refused', message: 'no', attempts: 1 };

/** The real file system, writing down when each call that matters began and returned. */
function recordingFiles(events: string[]): FileOperations {
  const real = nodeFileOperations;
  const names = new Map<number, string>();
  const short = (path: string): string => path.replace(/^.*\/(\w+)\/[^/]*(\.\w+)$/, '$1/*$2');
  const timed = async <T>(what: string, action: () => Promise<T>): Promise<T> => {
    events.push(`${what} begins`);
    const result = await action();
    events.push(`${what} returned`);
    return result;
  };
  return {
    ...real,
    create: (path) => {
      const fd = real.create(path);
      names.set(fd, short(path));
      return fd;
    },
    openExisting: (path) => {
      const fd = real.openExisting(path);
      names.set(fd, path.replace(/^.*\//, ''));
      return fd;
    },
    rename: (from, to) => {
      real.rename(from, to);
      events.push(`rename ${short(from)} ${short(to)}`);
    },
    unlink: (path) => timed(`unlink ${short(path)}`, () => real.unlink(path)),
    writev: (fd, chunks, position) =>
      timed(`write ${names.get(fd)}`, () => real.writev(fd, chunks, position)),
    fdatasync: (fd) => timed(`fdatasync ${names.get(fd)}`, () => real.fdatasync(fd)),
    fsync: (fd) => timed(`fsync ${names.get(fd)}`, () => real.fsync(fd)),
  };
}

describe('durability', () => {
  it('C01 syncs the file after its last write, renames it after that, and commits after the folder is synced', async () => {
    const events: string[] = [];
    const spool = newSpool({ files: recordingFiles(events) });
    await spool.open();
    events.length = 0;
    await store(spool, '1.2.3.4', { data: dataOf('x', 1_800_000) });
    events.push('commit resolved');

    expect(events.filter((event) => !event.startsWith('write'))).toEqual([
      'fdatasync incoming/*.part begins',
      'fdatasync incoming/*.part returned',
      'rename incoming/*.part ready/*.dcm',
      'fsync ready begins',
      'fsync ready returned',
      'commit resolved',
    ]);
    const lastWrite = events.lastIndexOf('write incoming/*.part returned');
    expect(lastWrite).toBeGreaterThan(0);
    expect(lastWrite).toBeLessThan(events.indexOf('fdatasync incoming/*.part begins'));
  });

  it('syncs every folder it creates in the one above', async () => {
    const events: string[] = [];
    const folder = temporaryFolder();
    const spool = newSpool({ folder: `${folder}/a/b`, files: recordingFiles(events) });
    await spool.open();
    const parents = events.filter((event) => /^fsync \S+ returned$/.test(event));
    expect(parents.map((event) => event.split(' ')[1])).toEqual([
      ...[folder.replace(/^.*\//, ''), 'a', 'b', 'b', 'b', 'b', 'b', 'b'],
    ]);
  });

  it('makes the reason durable before the object moves, and both folders after', async () => {
    const events: string[] = [];
    const spool = newSpool({ files: recordingFiles(events) });
    await spool.open();
    const entry = await store(spool, '1.2.3.4');
    spool.flush();
    spool.lease(everything);
    events.length = 0;
    await spool.setAside(entry, reason);
    expect(events.filter((event) => /returned|rename/.test(event))).toEqual([
      'write failed/*.json returned',
      'fdatasync failed/*.json returned',
      'rename ready/*.dcm failed/*.dcm',
      'fsync failed returned',
      'fsync ready returned',
    ]);
  });

  it('only unlinks when it settles', async () => {
    const events: string[] = [];
    const spool = newSpool({ files: recordingFiles(events) });
    await spool.open();
    const entry = await store(spool, '1.2.3.4');
    events.length = 0;
    await spool.settle(entry);
    expect(events).toEqual(['unlink ready/*.dcm begins', 'unlink ready/*.dcm returned']);
  });
});

describe('directory sync', () => {
  interface Controlled {
    readonly sync: DirectorySync;
    readonly running: { readonly end: (error?: Error) => void }[];
  }

  function controlled(): Controlled {
    const running: { readonly end: (error?: Error) => void }[] = [];
    const fsync = (): Promise<void> =>
      new Promise((resolve, reject) => {
        running.push({ end: (error) => (error ? reject(error) : resolve()) });
      });
    const files = { ...nodeFileOperations, fsync, close: () => undefined };
    return { running, sync: new DirectorySync({ files, fd: -1 }) };
  }

  it('C01 lets a commit ride only on an fsync that began after its rename', async () => {
    const { sync, running } = controlled();
    const order: string[] = [];
    const first = sync.sync().then(() => order.push('first'));
    const late = [1, 2, 3].map((n) => sync.sync().then(() => order.push(`late ${n}`)));

    expect(running).toHaveLength(1);
    running[0]?.end();
    await first;
    await new Promise(setImmediate);
    expect(order).toEqual(['first']);
    expect(running).toHaveLength(2);
    running[1]?.end();
    await Promise.all(late);
    expect(order).toEqual(['first', 'late 1', 'late 2', 'late 3']);
  });

  it('C04 fails those whose fsync failed, and only those', async () => {
    const { sync, running } = controlled();
    const first = sync.sync();
    const second = sync.sync();
    running[0]?.end(new Error('EIO'));
    await expect(first).rejects.toThrow('EIO');
    running[1]?.end();
    await expect(second).resolves.toBeUndefined();
  });

  it('waits for what runs before it closes', async () => {
    const { sync, running } = controlled();
    const done = [sync.sync(), sync.sync()];
    let closed = false;
    const closing = sync.close().then(() => (closed = true));
    running[0]?.end();
    await done[0];
    await new Promise(setImmediate);
    expect(closed).toBe(false);
    running[1]?.end();
    await closing;
  });
});

describe('a disk that fails', () => {
  const fault = (code: string): Error => Object.assign(new Error(`${code}: no`), { code });
  type Call = 'create' | 'writev' | 'fdatasync' | 'rename' | 'fsync';

  /** The real file system until `fail` names a call. */
  function failingFiles(state: { call?: Call; code: string }): FileOperations {
    const real = nodeFileOperations;
    const check = (call: Call): void => {
      if (state.call === call) throw fault(state.code);
    };
    return {
      ...real,
      create: (path) => {
        check('create');
        return real.create(path);
      },
      rename: (from, to) => {
        check('rename');
        real.rename(from, to);
      },
      writev: async (fd, chunks, position) => {
        check('writev');
        // Every write is a short one: the rest has to be asked for again.
        const [first = Buffer.alloc(0)] = chunks;
        const some = first.subarray(0, Math.ceil(first.length / 2));
        return real.writev(fd, [some], position);
      },
      fdatasync: async (fd) => {
        check('fdatasync');
        await real.fdatasync(fd);
      },
      fsync: async (fd) => {
        check('fsync');
        await real.fsync(fd);
      },
    };
  }

  const calls: readonly Call[] = ['create', 'writev', 'fdatasync', 'rename', 'fsync'];
  const kinds = [
    ['ENOSPC', SpoolFullError],
    ['EDQUOT', SpoolFullError],
    ['EIO', SpoolUnavailableError],
    ['EROFS', SpoolUnavailableError],
  ] as const;

  it.each(calls.flatMap((call) => kinds.map(([code, error]) => [call, code, error] as const)))(
    'C04 C07 leaves nothing behind when %s fails with %s, and goes on when it works again',
    async (call, code, errorClass) => {
      const folder = temporaryFolder();
      const state: { call?: Call; code: string } = { code };
      const spool = newSpool({ folder, files: failingFiles(state) });
      await spool.open();
      state.call = call;
      await expect(store(spool, '1.2.3.4', { data: dataOf('x', 1_500_000) })).rejects.toThrow(
        errorClass,
      );
      expect([filesIn(folder, 'incoming'), filesIn(folder, 'ready')]).toEqual([[], []]);
      expect(spool.depth().entries).toBe(0);
      if (call !== 'rename' && call !== 'fsync') expect(await spool.accepts()).toBe(false);

      delete state.call;
      expect(await spool.accepts()).toBe(true);
      await store(spool, '1.2.3.4', { data: dataOf('x', 100_000) });
      expect(filesIn(folder, 'ready')).toHaveLength(1);
      expect(filesIn(folder, 'incoming')).toEqual([]);
    },
  );

  it('names no path in what it says', async () => {
    const folder = temporaryFolder();
    const state: { call?: Call; code: string } = { code: 'EIO', call: 'rename' };
    const spool = newSpool({ folder, files: failingFiles(state) });
    await spool.open();
    const error: unknown = await store(spool, '1.2.3.4').catch((thrown: unknown) => thrown);
    expect(String(error)).toBe(
      'SpoolUnavailableError: the spool cannot make an object durable (EIO)',
    );
  });

  it('C07 says at the start that the folder cannot be used', async () => {
    const files: FileOperations = {
      ...nodeFileOperations,
      assertWritable: () => Promise.reject(fault('EACCES')),
    };
    const folder = temporaryFolder();
    await expect(newSpool({ folder, files }).open()).rejects.toThrow(SpoolUnavailableError);
    await newSpool({ folder }).open();
  });
});

describe('watermark', () => {
  it('C05 lets no byte reach the disk while free space is below the reserve', async () => {
    const folder = temporaryFolder();
    let free = 999;
    let now = 0;
    const files = { ...nodeFileOperations, freeBytes: () => Promise.resolve(free) };
    const spool = newSpool({ folder, files, minFreeBytes: 1_000, now: () => now });
    await spool.open();
    await expect(spool.receive(arriving('1.2.3.4'))).rejects.toThrow(SpoolFullError);
    expect(filesIn(folder, 'incoming')).toEqual([]);
    expect(await spool.accepts()).toBe(false);

    free = 1_000_000;
    now += 1_000;
    expect(await spool.accepts()).toBe(true);
    await store(spool, '1.2.3.4');
  });

  it('C05 refuses nobody any more from the moment there is room again', async () => {
    let free = 999;
    const files = { ...nodeFileOperations, freeBytes: () => Promise.resolve(free) };
    const spool = newSpool({ files, minFreeBytes: 1_000, now: () => 0 });
    await spool.open();
    await expect(spool.receive(arriving('1.2.3.4'))).rejects.toThrow(SpoolFullError);
    free = 1_000_000;
    await store(spool, '1.2.3.4');
  });

  it('C05 stops a long object before it uses up the reserve', async () => {
    const folder = temporaryFolder();
    const files = { ...nodeFileOperations, freeBytes: () => Promise.resolve(5_000_000) };
    const spool = newSpool({ folder, files, minFreeBytes: 1_000_000 });
    await spool.open();
    await expect(store(spool, '1.2.3.4', { data: Buffer.alloc(20_000_000) })).rejects.toThrow(
      SpoolFullError,
    );
    expect(filesIn(folder, 'incoming')).toEqual([]);
  });

  it('C05 counts what is on its way in and what waits against the configured size', async () => {
    const spool = newSpool({ maxBytes: 100_000 });
    await spool.open();
    const first = await spool.receive(arriving('1.2.1'));
    await first.write([Buffer.alloc(60_000)]);
    const second = await spool.receive(arriving('1.2.2'));
    await expect(second.write([Buffer.alloc(60_000)])).rejects.toThrow(SpoolFullError);
    await second.discard();
    const entry = await first.commit(identityOf('1.2.1'));
    await expect(store(spool, '1.2.3', { data: Buffer.alloc(60_000) })).rejects.toThrow(
      SpoolFullError,
    );

    spool.flush();
    spool.lease(everything);
    await spool.settle(entry);
    await store(spool, '1.2.3', { data: Buffer.alloc(90_000) });
  });
});
