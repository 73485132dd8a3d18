import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ControlClient, NoBridgeError } from '../../src/cli/control-client.ts';
import { BridgeError } from '../../src/errors/bridge-error.ts';
import { createControlApp } from '../../src/http/control-app.ts';
import { startControlSocket } from '../../src/http/control-socket.ts';
import { entryStates } from '../../src/spool/queue-desk.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';
import { RecentRefusals } from '../../src/telemetry/recent-refusals.ts';
import { idleStatus } from '../support/bridge-status.ts';
import { InMemoryQueue } from '../support/in-memory-queue.ts';

let folder: string;
let open: { close(): Promise<unknown> }[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-control-'));
  open = [];
});
afterEach(async () => {
  for (const each of open) await each.close();
  await rm(folder, { recursive: true });
});

describe('the control socket', () => {
  it('lies in the data folder, for its owner only, and leaves nothing when closed', async () => {
    const { control } = await begin();

    const during = await lstat(join(folder, 'control.sock'));
    const names = await readdir(folder);
    await control.close();

    expect([during.isSocket(), (during.mode & 0o777).toString(8)]).toEqual([true, '600']);
    expect(names).toEqual(['control.sock']);
    expect(await readdir(folder)).toEqual([]);
  });

  it('is for its owner only from the first moment, whatever the umask', async () => {
    const before = process.umask(0);
    const { control } = await begin().finally(() => process.umask(before));

    expect((await lstat(join(folder, 'control.sock'))).mode & 0o077).toBe(0);
    await control.close();
  });

  it('replaces what a killed bridge left, its half-made socket too', async () => {
    await leaveDeadSocket(join(folder, 'control.sock'));
    await mkdir(join(folder, '.control'));
    await writeFile(join(folder, '.control', 'control.sock'), '');

    await begin();

    expect((await new ControlClient({ dataDir: folder }).status()).version).toBe('1.2.3');
    expect(await readdir(folder)).toEqual(['control.sock']);
  });

  it('does not push another bridge aside', async () => {
    await begin();

    const second = begin();

    await expect(second).rejects.toBeInstanceOf(BridgeError);
    await expect(second).rejects.toThrow(/another bridge runs with this DRAWBRIDGE_DATA_DIR/);
    expect((await new ControlClient({ dataDir: folder }).status()).version).toBe('1.2.3');
  });

  it('works in a folder whose path is longer than a socket address', async () => {
    const deep = join(folder, 'd'.repeat(100), 'e'.repeat(100));
    await mkdir(deep, { recursive: true });

    await begin(deep);

    expect((await new ControlClient({ dataDir: deep }).status()).pid).toBe(42);
  });

  it('says what the matter is when the folder cannot be written to', async () => {
    await expect(begin(join(folder, 'nowhere'))).rejects.toThrow(
      /control socket \(ENOENT\): DRAWBRIDGE_DATA_DIR/,
    );
  });
});

describe('the control client', () => {
  it('hands on what the bridge says, and orders to the bridge', async () => {
    const { queue, refusals } = await begin();
    const entry = queue.add({ state: 'failed', study: '1.5' });
    const refusal = { at: 'now', peer: 'p', callingAeTitle: 'A', calledAeTitle: 'B' };
    refusals.note({ ...refusal, reason: 'r', message: 'm' });
    const client = new ControlClient({ dataDir: folder });
    const filter = { studyInstanceUid: '1.5', states: ['failed'] } as const;

    expect(await client.list(filter, { limit: 10, offset: 0 })).toEqual({
      ...{ entries: [entry], total: 1, totalBytes: 4 },
    });
    expect(await client.show(entry.id)).toMatchObject({ id: entry.id, studyInstanceUid: '1.5' });
    expect(await client.show('none')).toBeUndefined();
    expect(await client.retry(filter)).toEqual({ entries: 1, bytes: 4, busy: 0 });
    expect(await client.replay(filter)).toEqual({ entries: 0, bytes: 0, busy: 0 });
    expect(await client.drop(filter)).toEqual({ entries: 1, bytes: 4, busy: 0 });
    await client.pause('main');
    expect((await client.status()).paused).toEqual(['main']);
    await client.resume('main');
    expect(queue.paused()).toEqual([]);
    expect(await client.refusals()).toMatchObject([refusal]);
    expect(queue.orders.map(([order, given]) => [order, given])).toEqual(
      ['retry', 'replay', 'drop'].map((order) => [order, filter]),
    );
  });

  it('copies a file, also one that is left in the middle', async () => {
    const { queue } = await begin();
    const file = Buffer.alloc(3_000_000, 'part 10');
    const { id } = queue.add({ sop: '1.2.77', file });
    const client = new ControlClient({ dataDir: folder });

    const source = await client.open(id);
    const chunks: Buffer[] = [];
    for await (const chunk of source?.read() ?? []) chunks.push(chunk);
    source?.close();
    const left = await client.open(id);
    left?.close();

    expect(source).toMatchObject({ sopInstanceUid: '1.2.77', bytes: file.length });
    expect(Buffer.concat(chunks).equals(file)).toBe(true);
    expect(await client.open('none')).toBeUndefined();
    await expect.poll(() => queue.openFiles).toBe(0);
  });

  it('tells in the words of the bridge why it refused', async () => {
    await begin();

    await expect(new ControlClient({ dataDir: folder }).pause('elsewhere')).rejects.toThrow(
      'the bridge refused: there is no destination of that name; there is: main',
    );
  });

  it('says that no bridge runs: no folder, no socket, a dead socket', async () => {
    const client = new ControlClient({ dataDir: folder });
    const elsewhere = new ControlClient({ dataDir: join(folder, 'nowhere') });

    await expect(elsewhere.status()).rejects.toBeInstanceOf(NoBridgeError);
    await expect(client.status()).rejects.toThrow(
      /no bridge runs with the data folder .*set DRAWBRIDGE_DATA_DIR/,
    );
    await leaveDeadSocket(join(folder, 'control.sock'));
    await expect(client.status()).rejects.toBeInstanceOf(NoBridgeError);
  });

  it('says as whom to run it', async () => {
    await begin();
    const comeBack = await becomeNobody();
    try {
      await expect(new ControlClient({ dataDir: folder }).status()).rejects.toThrow(
        /may only be used by .*run the command as that user/,
      );
    } finally {
      await comeBack();
    }
  });

  it('says so when the bridge dies before it answers', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy()));
    await listenOn(server, join(folder, 'control.sock'));

    await expect(new ControlClient({ dataDir: folder }).status()).rejects.toThrow(
      'the bridge stopped before it answered',
    );
  });
});

async function begin(dataDir = folder) {
  const queue = new InMemoryQueue();
  const refusals = new RecentRefusals();
  const app = createControlApp({
    queue,
    states: entryStates,
    status: () => ({ ...idleStatus, paused: queue.paused() }),
    refusals,
    log: silentLogger,
  });
  const control = await startControlSocket({ folder: dataDir, app });
  let isOpen = true;
  const closeOnce = async (): Promise<void> => {
    if (isOpen) await control.close();
    isOpen = false;
  };
  open.push({ close: closeOnce });
  return { queue, refusals, control: { close: closeOnce } };
}

async function listenOn(server: Server, path: string): Promise<void> {
  server.listen(path);
  await once(server, 'listening');
  open.push({ close: () => new Promise((resolve) => server.close(resolve)) });
}

/** As kill -9 leaves it. */
async function leaveDeadSocket(path: string): Promise<void> {
  const script = `require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`;
  await once(spawn(process.execPath, ['-e', script, path]), 'close');
}

/** Somebody the folder is closed to; the superuser has to become another for that. */
async function becomeNobody(): Promise<() => Promise<void>> {
  if (process.geteuid?.() === 0) {
    process.seteuid?.(65_534);
    return () => Promise.resolve(process.seteuid?.(0));
  }
  await chmod(folder, 0o000);
  return () => chmod(folder, 0o700);
}
