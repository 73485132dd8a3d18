import { describe, expect, it } from 'vitest';
import { nodeFileOperations } from '../../src/spool/file-operations.ts';
import { GatheringFile } from '../../src/spool/gathering-file.ts';

interface Write {
  readonly bytes: number;
  readonly position: number;
  readonly end: (error?: Error) => void;
}

/** A file whose writes end when the test says so. */
function controlledFile(): { readonly file: GatheringFile; readonly writes: Write[] } {
  const writes: Write[] = [];
  const writev = (_: number, chunks: readonly Buffer[], position: number): Promise<number> =>
    new Promise((resolve, reject) => {
      const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
      const end = (error?: Error): void => (error ? reject(error) : resolve(bytes));
      writes.push({ bytes, position, end });
    });
  const files = { ...nodeFileOperations, writev };
  return { writes, file: new GatheringFile({ files, fd: -1, head: Buffer.alloc(400) }) };
}

const mebibyte = Buffer.alloc(1024 * 1024);

describe('gathering file', () => {
  it('writes an object up to a mebibyte at once, with its head', async () => {
    const { file, writes } = controlledFile();
    for (let count = 0; count < 8; count += 1) await file.append([Buffer.alloc(65_536)]);
    expect(writes).toEqual([]);
    const finished = file.finish();
    await new Promise(setImmediate);
    expect(writes).toMatchObject([{ bytes: 400 + 8 * 65_536, position: 0 }]);
    writes[0]?.end();
    await finished;
    expect(file.bytes).toBe(400 + 8 * 65_536);
  });

  it('gathers the next write while one is in flight, and then accepts no more until that has ended', async () => {
    const { file, writes } = controlledFile();
    await file.append([mebibyte]);
    expect(writes).toHaveLength(1);
    await file.append([Buffer.alloc(1_000)]);
    let accepted = false;
    const waiting = file.append([mebibyte]).then(() => (accepted = true));
    await new Promise(setImmediate);
    expect([accepted, writes.length]).toEqual([false, 1]);
    writes[0]?.end();
    await waiting;
    expect(writes[1]).toMatchObject({
      bytes: 1_000 + mebibyte.length,
      position: 400 + mebibyte.length,
    });
  });

  it('joins many tiny pieces instead of keeping count of them', async () => {
    const { file, writes } = controlledFile();
    for (let count = 0; count < 5_000; count += 1) await file.append([Buffer.alloc(1)]);
    const finished = file.finish();
    await new Promise(setImmediate);
    expect(writes).toMatchObject([{ bytes: 5_400 }]);
    writes[0]?.end();
    await finished;
  });

  it('begins no write once it was stopped, not even for who was waiting: its descriptor is another file soon', async () => {
    const { file, writes } = controlledFile();
    await file.append([mebibyte]);
    const waiting = file.append([mebibyte]);
    const stopped = file.stop();
    writes[0]?.end();
    await stopped;
    await waiting;
    expect(writes).toHaveLength(1);
  });

  it('reports a failed write to the next call, and to every one after it', async () => {
    const { file, writes } = controlledFile();
    await file.append([mebibyte]);
    writes[0]?.end(new Error('EIO'));
    await expect(file.append([mebibyte])).rejects.toThrow('EIO');
    await expect(file.finish()).rejects.toThrow('EIO');
    expect(writes).toHaveLength(1);
  });
});
