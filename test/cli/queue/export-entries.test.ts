import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportEntries } from '../../../src/cli/queue/export-entries.ts';
import { SpoolUnavailableError } from '../../../src/errors/spool-errors.ts';
import { InMemoryQueue } from '../../support/in-memory-queue.ts';
import { openInMemory } from '../../support/open-queue.ts';
import { RecordingTerminal } from '../../support/recording-terminal.ts';

let parent: string;
let folder: string;

beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'drawbridge-export-'));
  folder = join(parent, 'new', 'folder');
});
afterEach(() => rm(parent, { recursive: true }));

describe('drawbridge queue export', () => {
  it('copies what the filter meets under its SOP Instance UID, for the eyes of its owner', async () => {
    const queue = new InMemoryQueue();
    const file = Buffer.alloc(200_000, 'part 10');
    queue.add({ sop: '1.2.1', state: 'failed', file });
    queue.add({ sop: '1.2.2' });

    const { exitCode, io } = await run(queue, { states: ['failed'] });

    expect(exitCode).toBe(0);
    expect(await readdir(folder)).toEqual(['1.2.1.dcm']);
    expect((await readFile(join(folder, '1.2.1.dcm'))).equals(file)).toBe(true);
    expect((await stat(folder)).mode & 0o077).toBe(0);
    expect((await stat(join(folder, '1.2.1.dcm'))).mode & 0o077).toBe(0);
    expect(io.text).toBe(`1 object (200 kB) copied to ${folder}\n`);
    expect(io.errors).toContain('1/1 objects');
    expect(queue.openFiles).toBe(0);
  });

  it('never overwrites: neither what lies there nor another of the same UID', async () => {
    const queue = new InMemoryQueue();
    queue.add({ sop: '1.2.1', file: Buffer.from('first') });
    queue.add({ sop: '1.2.1', file: Buffer.from('second') });
    folder = parent;
    await writeFile(join(folder, '1.2.1.dcm'), 'mine');

    const { io } = await run(queue);

    const contents = await Promise.all(
      ['', '_2', '_3'].map((suffix) => readFile(join(folder, `1.2.1${suffix}.dcm`), 'utf8')),
    );
    expect(contents).toEqual(['mine', 'first', 'second']);
    expect(await readdir(folder)).toHaveLength(3);
    expect(io.text).toContain('2 of them with _2, _3 … in the name');
  });

  it('counts what left the queue meanwhile, and goes on after what cannot be read', async () => {
    const queue = new InMemoryQueue();
    const gone = queue.add({ sop: '1.2.1' });
    const broken = queue.add({ sop: '1.2.2' });
    queue.add({ sop: '1.2.3' });
    const open = queue.open.bind(queue);
    queue.open = (id) => {
      if (id === gone.id) return Promise.resolve(undefined);
      if (id !== broken.id) return open(id);
      return Promise.reject(new SpoolUnavailableError('its file was changed', undefined));
    };

    const { exitCode, io } = await run(queue, {}, true);

    expect(exitCode).toBe(1);
    expect(io.json).toEqual({
      ...{ folder, exported: 1, bytes: 4, renamed: 0, left: 1 },
      failures: [{ id: broken.id, reason: 'its file was changed' }],
    });
    expect(await readdir(folder)).toEqual(['1.2.3.dcm']);
  });

  it('leaves no half file when the source breaks off, and says so', async () => {
    const queue = new InMemoryQueue();
    queue.add({ sop: '1.2.1', file: Buffer.alloc(100_000) });
    const open = queue.open.bind(queue);
    queue.open = async (id) => {
      const source = await open(id);
      return source && { ...source, bytes: 200_000 };
    };

    await expect(run(queue)).rejects.toThrow('broke off in the midst of a file');

    expect(await readdir(folder)).toEqual([]);
    expect(queue.openFiles).toBe(0);
  });

  it('says when the folder is no folder', async () => {
    folder = join(parent, 'file');
    await writeFile(folder, '');
    const queue = new InMemoryQueue();
    queue.add();

    await expect(run(queue)).rejects.toThrow(/cannot write to the export folder \(E/);
  });
});

async function run(
  queue: InMemoryQueue,
  filter: Parameters<typeof exportEntries>[0] = {},
  json = false,
) {
  const io = new RecordingTerminal();
  const exitCode = await exportEntries(filter, {
    ...{ open: openInMemory(queue), folder, json, io },
    clock: () => performance.now(),
  });
  return { exitCode, io };
}
