import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { ObjectStore } from '../../src/archive/archive.ts';
import { composeForwarder } from '../../src/compose/delivery.ts';
import { composeMetrics } from '../../src/compose/metrics.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import { DeliveryProgress } from '../../src/flows/delivery-progress.ts';
import { silentLogger } from '../../src/telemetry/pino-logger.ts';
import type { StowVerdict } from '../../src/translate/stow-verdict.ts';
import { InMemorySpool } from '../support/in-memory-spool.ts';
import { uid } from '../support/uid.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drawbridge-delivery-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** Delivers two objects to an archive that answers so, one verdict after the other. */
async function samplesAfter(...verdicts: readonly StowVerdict[]): Promise<readonly string[]> {
  const { config } = loadConfig(
    {
      DRAWBRIDGE_SPOOL_DIR: folder,
      DRAWBRIDGE_RETRY_MIN: '10ms',
      DRAWBRIDGE_RETRY_MAX: '10ms',
    },
    { readFile: () => '' },
  );
  const spool = new InMemorySpool();
  let asked = 0;
  const store: ObjectStore = {
    store: () => Promise.resolve(verdicts[(asked += 1) - 1] ?? verdicts.at(-1) ?? gone('other')),
    close: () => Promise.resolve(),
  };
  const metrics = composeMetrics(config, {
    spool: { depth: () => spool.depth(), desk: { paused: () => ['main'] } },
    archive: { tokenObtainedAt: () => Date.now() - 5_000 },
  });
  const forwarder = composeForwarder(config, {
    ...{ spool, store, metrics, log: silentLogger },
    progress: new DeliveryProgress({ now: Date.now }),
  });
  for (const sopInstanceUid of ['1.1', '1.2']) {
    const of = { sopClassUid: uid('1.2'), studyInstanceUid: uid('1'), seriesInstanceUid: uid('2') };
    spool.add({ ...of, sopInstanceUid: uid(sopInstanceUid) }, Buffer.from('four'));
  }
  forwarder.start();
  await vi.waitFor(() => expect(asked).toBeGreaterThanOrEqual(verdicts.length));
  await forwarder.stop(AbortSignal.timeout(5_000));
  return (await metrics.expose()).text.split('\n');
}

const gone = (fault: 'dns' | 'other'): StowVerdict => ({ kind: 'retry', message: 'gone', fault });
const answered: StowVerdict = {
  kind: 'each',
  outcomes: new Map([
    [uid('1.1'), { kind: 'delivered' }],
    [uid('1.2'), { kind: 'set-aside', message: 'refused' }],
  ]),
};

it('counts every attempt with what came of it, and outcomes, by destination', async () => {
  const lines = await samplesAfter(
    gone('dns'),
    { kind: 'retry', message: 'busy', httpStatus: 503 },
    { kind: 'hold', message: 'not allowed', httpStatus: 403 },
    { kind: 'hold', message: 'no token', fault: 'token' },
    answered,
  );

  for (const outcome of ['dns', 'http-503', 'http-403', 'token', 'answered']) {
    const labels = `destination="main",outcome="${outcome}"`;
    expect(lines).toContain(`drawbridge_delivery_attempts_total{${labels}} 1`);
  }
  for (const line of [
    'drawbridge_batch_seconds_count{destination="main"} 5',
    'drawbridge_delivery_retries_total{destination="main",reason="unavailable"} 2',
    'drawbridge_delivery_retries_total{destination="main",reason="held"} 2',
    'drawbridge_objects_delivered_total{destination="main"} 1',
    'drawbridge_delivered_bytes_total{destination="main"} 4',
    'drawbridge_objects_set_aside_total{destination="main",reason="refused"} 1',
    'drawbridge_breaker_state{destination="main",state="closed"} 1',
    'drawbridge_failed_entries{destination="main"} 1',
    'drawbridge_delivery_paused{destination="main"} 1',
  ]) {
    expect(lines).toContain(line);
  }
});

it('asks the archive for the age of its token and the disk for its room', async () => {
  const lines = await samplesAfter(answered);
  const valueOf = (name: string) =>
    Number(lines.find((line) => line.startsWith(name))?.split(' ')[1]);

  expect(valueOf('drawbridge_token_age_seconds{destination="main"}')).toBeCloseTo(5, 0);
  expect(valueOf('drawbridge_disk_free_bytes')).toBeGreaterThan(0);
  expect(valueOf('drawbridge_disk_min_free_bytes')).toBe(2 * 1024 ** 3);
});
