import { chown, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { QueueOrder } from '../../../src/cli/queue/queue-order.ts';
import { runQueue } from '../../../src/cli/queue/run-queue.ts';
import { composeSpool } from '../../../src/compose/spool.ts';
import { startBridge } from '../../../src/bridge.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import type { Config } from '../../../src/config/config.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';
import { RecordingTerminal } from '../../support/recording-terminal.ts';

let dataDir: string;
let config: Config;

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'drawbridge-queue-'));
  ({ config } = loadConfig(
    {
      ...{ DRAWBRIDGE_DATA_DIR: dataDir, DRAWBRIDGE_DIMSE_PORT: '0' },
      ...{ DRAWBRIDGE_HTTP_PORT: 'off', DRAWBRIDGE_OPS_PORT: 'off' },
    },
    { readFile: () => '' },
  ));
});
afterEach(() => rm(dataDir, { recursive: true }));

const list: QueueOrder = { kind: 'list', selection: {}, limit: 20, json: false };
const pause: QueueOrder = { kind: 'pause', destination: undefined, json: false };

describe('drawbridge queue', () => {
  it('asks the bridge that runs', async () => {
    const bridge = await startBridge(config, silentLogger);
    try {
      const { exitCode, text } = await run(list);

      expect(exitCode).toBe(0);
      expect(text).toMatch(
        /^The queue is empty\.\n\nBridge .* runs for \d+s; the archive takes objects/,
      );
    } finally {
      await bridge.stop();
    }
    expect(await readdir(dataDir)).not.toContain('control.sock');
  });

  it('opens the spool itself when none runs, and gives it back', async () => {
    await (await startBridge(config, silentLogger)).stop();

    const first = await run(pause);
    const second = await run(list);

    expect(first.text).toContain('Nothing more is sent to main');
    expect(second.text).toContain('On pause: main');
    expect(second.text).toContain('No bridge runs: nothing is sent.');
  });

  it('makes no spool where there is none', async () => {
    await expect(run(list)).rejects.toThrow(/there is no spool at .*: set DRAWBRIDGE_DATA_DIR/);

    expect(await readdir(dataDir)).toEqual([]);
  });

  it('says so when the spool is in use and nobody answers', async () => {
    const spool = composeSpool(config, silentLogger);
    await spool.open();
    try {
      await expect(run(list)).rejects.toThrow(
        `a process (pid ${process.pid}) uses the spool, but no bridge answers at ${dataDir}/control.sock`,
      );
    } finally {
      await spool.close();
    }
  });

  it.skipIf(process.getuid?.() !== 0)(
    'leaves the spool of another user alone: it would be locked out of it',
    async () => {
      await (await startBridge(config, silentLogger)).stop();
      await chown(config.spool.folder, 65_534, 65_534);

      await expect(run(list)).rejects.toThrow(/may only be used by user id 65534; .*sudo/);
    },
  );

  it('does not pause an archive that does not exist', async () => {
    await (await startBridge(config, silentLogger)).stop();

    await expect(run({ ...pause, destination: 'elsewhere' })).rejects.toThrow(
      'say which archive: main',
    );
  });
});

async function run(order: QueueOrder) {
  const io = new RecordingTerminal();
  const exitCode = await runQueue(order, {
    ...{ config, io, confirm: undefined, now: Date.now },
    clock: () => performance.now(),
  });
  return { exitCode, text: io.text };
}
