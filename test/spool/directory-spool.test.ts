import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { decodeFileHeader } from '../../src/dicom/part10.ts';
import { SpoolUnavailableError } from '../../src/errors/spool-errors.ts';
import { formatEntryName } from '../../src/spool/entry-name.ts';
import { nodeFileOperations } from '../../src/spool/file-operations.ts';
import type { FileOperations } from '../../src/spool/file-operations.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import {
  arriving,
  everything,
  filesIn,
  identityOf,
  newSpool,
  readAll,
  spoolWithOne,
  store,
  temporaryFolder,
} from './spool-fixture.ts';

const reason = { code: 'refused', message: 'no', httpStatus: 409, attempts: 3 };

describe('directory spool', () => {
  it.each([
    ['one byte', 1, 1],
    ['an odd length in single bytes', 4_097, 1],
    ['a CT in PDUs', 525_001, 16_372],
    ['just below one write', 1_048_575, 65_536],
    ['several writes', 5_000_003, 65_536],
  ])('C29 gives back exactly the bytes it took: %s', async (_, bytes, chunkBytes) => {
    const spool = newSpool();
    await spool.open();
    const data = randomBytes(bytes);
    const entry = await store(spool, '1.2.3.4', { data, chunkBytes });
    const source = await spool.source(entry);
    const file = await readAll(source.read());

    expect(file.length).toBe(source.bytes);
    expect(decodeFileHeader(file)).toMatchObject({
      sopInstanceUid: '1.2.3.4',
      transferSyntaxUid: source.transferSyntaxUid,
      sendingAeTitle: 'CT1',
      receivingAeTitle: 'DRAWBRIDGE',
      dataSetOffset: file.length - bytes,
    });
    expect(file.subarray(file.length - bytes).equals(data)).toBe(true);
    expect((await readAll(source.read())).equals(file)).toBe(true);
  });

  it('keeps folders and files to their owner', async () => {
    const folder = join(temporaryFolder(), 'deep', 'spool');
    const spool = newSpool({ folder });
    await spool.open();
    const entry = await store(spool, '1.2.3.4');

    const modeOf = (...path: string[]): number => statSync(join(folder, ...path)).mode & 0o777;
    const folders = ['', 'incoming', 'ready', 'failed', 'kept', 'paused', 'lock'];
    expect(folders.map((name) => modeOf(name))).toEqual(Array(7).fill(0o700));
    expect(modeOf('ready', `${entry.id}.dcm`)).toBe(0o600);
  });

  it('leaves no trace of what is discarded, even in the middle of a long write', async () => {
    const folder = temporaryFolder();
    const spool = newSpool({ folder });
    await spool.open();
    const writer = await spool.receive(arriving('1.2.3.4'));
    const writes = [1, 2, 3].map(() => writer.write([Buffer.alloc(1_500_000)]));
    await writer.discard();
    await Promise.allSettled(writes);
    await writer.discard();

    expect(filesIn(folder, 'incoming')).toEqual([]);
    expect(filesIn(folder, 'ready')).toEqual([]);
    expect(spool.lease(everything)).toBeUndefined();
  });

  it('takes neither bytes nor a second commit after the first', async () => {
    const spool = newSpool();
    await spool.open();
    const writer = await spool.receive(arriving('1.2.3.4'));
    await writer.commit(identityOf('1.2.3.4'));
    await writer.discard();

    await expect(writer.write([Buffer.alloc(1)])).rejects.toThrow(SpoolUnavailableError);
    await expect(writer.commit(identityOf('1.2.3.4'))).rejects.toThrow(SpoolUnavailableError);
    expect(spool.depth().entries).toBe(1);
  });

  it('forgets an entry only when it is settled', async () => {
    const { spool, folder, entry } = await spoolWithOne();
    spool.flush();
    const lease = spool.lease(everything);

    expect(lease?.entries).toMatchObject([entry]);
    expect(filesIn(folder, 'ready')).toEqual([`${entry.id}.dcm`]);
    await spool.settle(entry);
    await spool.settle(entry);
    expect(filesIn(folder, 'ready')).toEqual([]);
    expect(spool.depth()).toEqual({
      entries: 0,
      bytes: 0,
      oldestArrivedAt: undefined,
      failedEntries: 0,
    });
  });

  it('resumes what waits in its order, without opening a file, and sweeps what was half received', async () => {
    const folder = temporaryFolder();
    const first = newSpool({ folder });
    await first.open();
    const entries = [];
    for (const sop of ['1.2.1', '1.2.2', '1.2.3']) entries.push(await store(first, sop));
    await first.close();
    writeFileSync(join(folder, 'incoming', '00000007.part'), 'half');
    for (const { id } of entries) truncateSync(join(folder, 'ready', `${id}.dcm`), 0);

    const second = newSpool({ folder });
    await second.open();
    expect(filesIn(folder, 'incoming')).toEqual([]);
    expect(second.lease(everything)?.entries).toMatchObject(entries);
  });

  it('leaves files alone that are not its own, and says so once without their names', async () => {
    const folder = temporaryFolder();
    const first = newSpool({ folder });
    await first.open();
    await first.close();
    for (const name of ['incoming', 'ready', 'failed']) {
      writeFileSync(join(folder, name, 'DOE^JOHN.dcm'), 'mine');
    }
    const log = recordingLogger();
    const second = newSpool({ folder, log });
    await second.open();

    expect(second.depth().entries).toBe(0);
    for (const name of ['incoming', 'ready', 'failed'] as const) {
      expect(filesIn(folder, name)).toEqual(['DOE^JOHN.dcm']);
    }
    expect(log.lines.filter((line) => line.startsWith('warn'))).toHaveLength(1);
    expect(log.lines.join()).not.toContain('DOE');
  });

  it('resumes 100,000 entries by their names alone, without a look at one of them', async () => {
    const names = Array.from({ length: 100_000 }, (_, sequence) => {
      const digest = sequence.toString(16).padStart(8, '0').padEnd(32, '0');
      const facts = { sequence, urgent: false, destination: 'main', bytes: 1_000 };
      const id = formatEntryName({
        ...{ ...facts, arrivedAt: 1_763_717_400_000 + sequence },
        ...{ studyDigest: digest.slice(0, 6).padEnd(32, '0'), instanceDigest: digest },
      });
      return `${id}.dcm`;
    });
    const list: FileOperations['list'] = (folder) =>
      folder.endsWith('ready') ? Readable.from(names) : nodeFileOperations.list(folder);
    const spool = newSpool({ files: { ...nodeFileOperations, list } });
    await spool.open();

    expect(spool.depth()).toMatchObject({ entries: 100_000, bytes: 100_000_000 });
    expect(spool.lease(everything)?.entries).toHaveLength(256);
  });

  it('moves what is set aside to failed/, its reason beside it, and counts it again after a restart', async () => {
    const { spool, folder, entry } = await spoolWithOne();
    spool.flush();
    spool.lease(everything);
    await spool.setAside(entry, reason);

    expect(filesIn(folder, 'ready')).toEqual([]);
    expect(filesIn(folder, 'failed')).toEqual([`${entry.id}.dcm`, `${entry.id}.json`]);
    const written = readFileSync(join(folder, 'failed', `${entry.id}.json`), 'utf8');
    expect(JSON.parse(written)).toMatchObject({ ...reason, destination: 'main' });
    expect(spool.depth()).toMatchObject({ entries: 0, failedEntries: 1 });
    await spool.close();
    const again = newSpool({ folder });
    await again.open();
    expect(again.depth()).toMatchObject({ entries: 0, failedEntries: 1 });
  });

  it('delivers again what was not moved although its reason was written', async () => {
    const { spool, folder, entry } = await spoolWithOne();
    await spool.close();
    writeFileSync(join(folder, 'failed', `${entry.id}.json`), '{"cut');
    const again = newSpool({ folder });
    await again.open();

    expect(again.depth()).toMatchObject({ entries: 1, failedEntries: 0 });
    expect(filesIn(folder, 'failed')).toEqual([]);
  });

  it.each([
    ['removed', (path: string) => rmSync(path)],
    ['shortened', (path: string) => truncateSync(path, 200)],
    ['replaced', (path: string) => writeFileSync(path, Buffer.alloc(statSync(path).size))],
  ])('says clearly that a file was %s by hand, and can set it aside', async (_, spoil) => {
    const { spool, folder, entry } = await spoolWithOne();
    spool.flush();
    spool.lease(everything);
    spoil(join(folder, 'ready', `${entry.id}.dcm`));

    await expect(spool.source(entry)).rejects.toThrow(SpoolUnavailableError);
    await spool.setAside(entry, reason);
    expect(filesIn(folder, 'failed')).toContain(`${entry.id}.json`);
    expect(spool.depth()).toMatchObject({ entries: 0, failedEntries: 1 });
  });

  it('says clearly that a file was shortened while it is read, and closes it', async () => {
    const { spool, folder, entry } = await spoolWithOne({ data: randomBytes(600_000) });
    const source = await spool.source(entry);
    truncateSync(join(folder, 'ready', `${entry.id}.dcm`), 300_000);

    await expect(readAll(source.read())).rejects.toThrow(SpoolUnavailableError);
  });

  it('closes the file of a reader that goes away early', async () => {
    const { spool, entry } = await spoolWithOne({ data: randomBytes(600_000) });
    const source = await spool.source(entry);
    const before = openDescriptors();
    for await (const chunk of source.read()) {
      if (chunk.length > 20_000) break;
    }
    expect(openDescriptors()).toBe(before);
  });

  it('keeps a chunk as it is until the next is asked for, and a short last one for good', async () => {
    const spool = newSpool();
    await spool.open();
    const data = randomBytes(440_000);
    const source = await spool.source(await store(spool, '1.2.3.4', { data }));
    const other = await spool.source(
      await store(spool, '1.2.3.5', { data: Buffer.alloc(440_000, 1) }),
    );
    const copies: Buffer[] = [];
    let last: Buffer = Buffer.alloc(0);
    for await (const chunk of source.read()) {
      // Time for whatever is read ahead to arrive.
      await store(spool, '1.2.3.6');
      copies.push(Buffer.from(chunk));
      last = chunk;
    }
    await readAll(other.read());

    expect(last.length).toBeLessThan(65_536);
    expect(last.equals(data.subarray(-last.length))).toBe(true);
    expect(Buffer.concat(copies).subarray(-data.length).equals(data)).toBe(true);
  });

  it('hands out chunks of bounded length', async () => {
    const { spool, entry } = await spoolWithOne({ data: randomBytes(3_000_000) });
    const lengths: number[] = [];
    for await (const chunk of (await spool.source(entry)).read()) lengths.push(chunk.length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(256 * 1024);
  });

  it('wakes who waits when an arrival has been idle long enough, and not before', async () => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const spool = newSpool();
    await spool.open();
    const woken = vi.fn();
    const { signal } = new AbortController();
    const waiting = spool.whenDue({ signal }).then(woken);
    await store(spool, '1.2.3.4');
    await vi.advanceTimersByTimeAsync(49);
    expect(woken).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(spool.lease(everything)?.entries).toHaveLength(1);
  });

  it('wakes who waits when an association ends, and when the signal aborts', async () => {
    const spool = newSpool({ batchIdleMs: 1_000_000 });
    await spool.open();
    const controller = new AbortController();
    await store(spool, '1.2.3.4');
    const waiting = spool.whenDue({ signal: controller.signal });
    spool.flush();
    await waiting;
    spool.lease(everything);
    const stopped = spool.whenDue({ signal: controller.signal });
    controller.abort();
    await expect(stopped).resolves.toBeUndefined();
  });

  it('lets a commit end before it closes, and drops what is half received', async () => {
    const folder = temporaryFolder();
    const spool = newSpool({ folder });
    await spool.open();
    const half = await spool.receive(arriving('1.2.3.5'));
    await half.write([Buffer.alloc(10)]);
    const writer = await spool.receive(arriving('1.2.3.6'));
    const commit = writer.commit(identityOf('1.2.3.6'));
    await spool.close();

    await expect(commit).resolves.toMatchObject({ urgent: false });
    await expect(half.commit(identityOf('1.2.3.5'))).rejects.toThrow(SpoolUnavailableError);
    expect(filesIn(folder, 'incoming')).toEqual([]);
    await expect(async () => spool.receive(arriving('1.2.3.7'))).rejects.toThrow(
      SpoolUnavailableError,
    );
  });
});

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}
