import { describe, expect, it, onTestFinished } from 'vitest';
import { startBridge } from '../../../src/bridge.ts';
import { check } from '../../../src/cli/check/check.ts';
import { loadConfig } from '../../../src/config/load-config.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';
import { runDcmtk } from '../../peers/dcmtk.ts';
import { findFreePort, peersSkipped, temporaryFolder } from '../../peers/peer.ts';
import { recordingIo } from '../../support/recording-io.ts';

describe('drawbridge check beside a bridge that runs', () => {
  it('knows its own bridge on every port, by each of its AE titles', async () => {
    const environment = await settings({ DIMSE_AE_TITLES: 'OTHER' });
    await start(environment);

    const { exitCode, text } = await run(environment);

    expect(text).toContain(
      `The bridge answers C-ECHO on port ${environment.DRAWBRIDGE_DIMSE_PORT}`,
    );
    expect(text).toContain(`(pid ${process.pid})`);
    expect(text.replace(/\s+/g, ' ')).toContain('/metrics too.');
    expect(text).toContain('Nobody was refused');
    expect(exitCode).toBe(0);
  });

  it.skipIf(peersSkipped)('explains who was refused, and what to do about it', async () => {
    const environment = await settings({});
    await start(environment);
    const peer = ['127.0.0.1', environment.DRAWBRIDGE_DIMSE_PORT];
    await runDcmtk('echoscu', ['-aet', 'CT01', '-aec', 'DRAWBRIGE', ...peer]);
    await runDcmtk('echoscu', ['-aet', 'CT01', '-aec', 'DRAWBRIGE', ...peer]);

    const { exitCode, text } = await run(environment);

    expect(text.replace(/\s+/g, ' ')).toMatch(
      /! Last refusals CT01 at 127\.0\.0\.1 was refused: it calls us DRAWBRIGE, we are DRAWBRIDGE \(2 times, last \d+ s ago\)\./,
    );
    expect(text).toContain('DRAWBRIDGE_DIMSE_AE_TITLES');
    expect(exitCode).toBe(0);
  });

  it('tells that a bridge runs with other settings than these', async () => {
    const environment = await settings({});
    await start(environment);

    const { exitCode, text } = await run({
      ...environment,
      DRAWBRIDGE_DIMSE_PORT: String(await findFreePort()),
    });

    expect(exitCode).toBe(1);
    expect(text).toContain('It was started with other settings: restart it.');
  });

  it('tells a bridge over another data folder from its own', async () => {
    const environment = await settings({});
    await start(environment);
    const other = await settings({});

    const { exitCode, text } = await run({
      ...other,
      DRAWBRIDGE_DIMSE_PORT: environment.DRAWBRIDGE_DIMSE_PORT,
    });

    expect(exitCode).toBe(1);
    expect(text.replace(/\s+/g, ' ')).toContain('Another bridge than that of DRAWBRIDGE_DATA_DIR');
  });
});

async function settings(changes: Readonly<Record<string, string>>) {
  const folder = await temporaryFolder('check');
  onTestFinished(() => folder.remove());
  return {
    DRAWBRIDGE_DATA_DIR: folder.path,
    DRAWBRIDGE_DIMSE_PORT: String(await findFreePort()),
    DRAWBRIDGE_HTTP_PORT: String(await findFreePort()),
    DRAWBRIDGE_OPS_PORT: String(await findFreePort()),
    DRAWBRIDGE_SPOOL_MIN_FREE: '1MiB',
    ...Object.fromEntries(
      Object.entries(changes).map(([name, value]) => [`DRAWBRIDGE_${name}`, value]),
    ),
  };
}

async function start(environment: Readonly<Record<string, string>>): Promise<void> {
  const { config } = loadConfig(environment, { readFile: () => '' });
  const bridge = await startBridge(config, silentLogger);
  onTestFinished(() => bridge.stop());
}

async function run(environment: Readonly<Record<string, string>>) {
  const io = recordingIo();
  const options = { json: false, write: false };
  const exitCode = await check(options, { io, environment, readFile: () => '' });
  return { exitCode, text: io.out() };
}
