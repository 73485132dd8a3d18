import { expect, it } from 'vitest';
import { newCorrelationId } from '../../src/telemetry/correlation-id.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import type { MetricsOptions, QueueDepth } from '../../src/telemetry/metrics.ts';

const emptyQueue = {
  destination: 'main',
  entries: 0,
  bytes: 0,
  oldestArrivedAt: undefined,
  failedEntries: 0,
  isPaused: false,
};

function create(options: Partial<MetricsOptions> = {}) {
  return createMetrics({
    version: '1.2.3',
    destinations: ['main'],
    queues: () => [emptyQueue],
    tokenObtainedAt: () => undefined,
    diskFreeBytes: () => Promise.resolve(5_000),
    diskMinFreeBytes: 1_000,
    now: () => 0,
    processMetrics: false,
    ...options,
  });
}

async function linesOf(metrics: ReturnType<typeof create>): Promise<readonly string[]> {
  return (await metrics.expose()).text.split('\n');
}

it('counts what the journeys report', async () => {
  const metrics = create();

  metrics.associationBegan();
  metrics.associationBegan();
  metrics.associationEnded('released');
  metrics.associationRefused('called_ae_title');
  metrics.objectReceived({ status: 0, bytes: 10 });
  metrics.objectReceived({ status: 0xa700, bytes: 5 });
  metrics.receiveTook(0.02);
  metrics.objectDelivered({ destination: 'main', bytes: 7 });
  metrics.objectSetAside({ destination: 'main', reason: 'refused' });
  metrics.deliveryRetried({ destination: 'main', reason: 'held' });
  metrics.batchEnded({ destination: 'main', outcome: 'answered', seconds: 0.2 });
  metrics.batchEnded({ destination: 'main', outcome: 'http-503', seconds: 4 });
  metrics.batchEnded({ destination: 'main', outcome: 'dns', seconds: 0.01 });
  metrics.authenticationFailed('expired');
  metrics.httpRequestBegan();
  metrics.httpRequestBegan();
  const frames = { route: 'frames', seconds: 0.02, bytesIn: 0, bytesOut: 500 };
  metrics.httpRequestEnded({ ...frames, status: 200 });
  metrics.httpRequestBegan();
  metrics.httpRequestEnded({ ...frames, status: 'aborted', bytesIn: 7 });
  metrics.httpRequestLimited('bad-tokens');
  metrics.breakerChanged({ destination: 'main', state: 'open' });
  metrics.breakerChanged({ destination: 'main', state: 'half-open' });

  expect((await metrics.expose()).contentType).toContain('text/plain');
  const lines = await linesOf(metrics);
  for (const line of [
    `drawbridge_build_info{version="1.2.3",node="${process.version}"} 1`,
    'drawbridge_associations_total{outcome="released"} 1',
    'drawbridge_associations_active 1',
    'drawbridge_http_requests_active 1',
    'drawbridge_http_request_seconds_bucket{le="0.03",route="frames",status="200"} 1',
    'drawbridge_http_request_seconds_count{route="frames",status="aborted"} 1',
    'drawbridge_http_request_bytes_total{route="frames"} 7',
    'drawbridge_http_response_bytes_total{route="frames"} 1000',
    'drawbridge_http_limited_total{reason="bad-tokens"} 1',
    'drawbridge_association_refusals_total{reason="called_ae_title"} 1',
    'drawbridge_objects_received_total{status="0000"} 1',
    'drawbridge_objects_received_total{status="a700"} 1',
    'drawbridge_received_bytes_total 15',
    'drawbridge_receive_seconds_bucket{le="0.01"} 0',
    'drawbridge_receive_seconds_bucket{le="0.03"} 1',
    'drawbridge_objects_delivered_total{destination="main"} 1',
    'drawbridge_delivered_bytes_total{destination="main"} 7',
    'drawbridge_objects_set_aside_total{destination="main",reason="refused"} 1',
    'drawbridge_delivery_retries_total{destination="main",reason="held"} 1',
    'drawbridge_delivery_attempts_total{destination="main",outcome="answered"} 1',
    'drawbridge_delivery_attempts_total{destination="main",outcome="http-503"} 1',
    'drawbridge_delivery_attempts_total{destination="main",outcome="dns"} 1',
    'drawbridge_batch_seconds_bucket{le="0.3",destination="main"} 2',
    'drawbridge_batch_seconds_bucket{le="3",destination="main"} 2',
    'drawbridge_batch_seconds_bucket{le="10",destination="main"} 3',
    'drawbridge_breaker_state{destination="main",state="closed"} 0',
    'drawbridge_breaker_state{destination="main",state="open"} 0',
    'drawbridge_breaker_state{destination="main",state="half-open"} 1',
    'drawbridge_breaker_state{destination="main",state="held"} 0',
    'drawbridge_http_authentication_failures_total{reason="expired"} 1',
    'drawbridge_queue_entries{destination="main"} 0',
    'drawbridge_queue_oldest_age_seconds{destination="main"} 0',
  ]) {
    expect(lines).toContain(line);
  }
});

it('has the series of every destination from the start, so that a first event shows as a rise', async () => {
  const lines = await linesOf(create({ destinations: ['main', 'research'] }));

  for (const destination of ['main', 'research']) {
    expect(lines).toContain(`drawbridge_objects_delivered_total{destination="${destination}"} 0`);
    expect(lines).toContain(`drawbridge_delivered_bytes_total{destination="${destination}"} 0`);
    expect(lines).toContain(
      `drawbridge_breaker_state{destination="${destination}",state="closed"} 1`,
    );
  }
});

it('keeps the breakers of two destinations apart', async () => {
  const metrics = create({ destinations: ['main', 'research'] });

  metrics.breakerChanged({ destination: 'research', state: 'held' });

  const lines = await linesOf(metrics);
  expect(lines).toContain('drawbridge_breaker_state{destination="main",state="closed"} 1');
  expect(lines).toContain('drawbridge_breaker_state{destination="research",state="held"} 1');
  expect(lines).toContain('drawbridge_breaker_state{destination="research",state="closed"} 0');
});

it('asks the queues at each scrape', async () => {
  let queues: readonly QueueDepth[] = [
    {
      ...{ destination: 'main', entries: 2, bytes: 300, oldestArrivedAt: 1_000 },
      ...{ failedEntries: 1, isPaused: true },
    },
    { ...emptyQueue, destination: 'research' },
  ];
  const metrics = create({ queues: () => queues, now: () => 5_500 });

  const first = await linesOf(metrics);
  queues = [{ ...emptyQueue, entries: 9 }];
  const second = await linesOf(metrics);

  expect(first).toContain('drawbridge_queue_entries{destination="main"} 2');
  expect(first).toContain('drawbridge_queue_bytes{destination="main"} 300');
  expect(first).toContain('drawbridge_queue_oldest_age_seconds{destination="main"} 4.5');
  expect(first).toContain('drawbridge_failed_entries{destination="main"} 1');
  expect(first).toContain('drawbridge_queue_entries{destination="research"} 0');
  expect(first).toContain('drawbridge_delivery_paused{destination="main"} 1');
  expect(first).toContain('drawbridge_delivery_paused{destination="research"} 0');
  expect(second).toContain('drawbridge_queue_entries{destination="main"} 9');
  expect(second.join()).not.toContain('research');
});

it('tells the age of the token while there is one', async () => {
  let obtainedAt: number | undefined;
  const metrics = create({ tokenObtainedAt: () => obtainedAt, now: () => 90_500 });

  const before = await linesOf(metrics);
  obtainedAt = 60_000;
  const held = await linesOf(metrics);
  obtainedAt = undefined;
  const after = await linesOf(metrics);

  const samples = (lines: readonly string[]) =>
    lines.filter((line) => line.startsWith('drawbridge_token_age_seconds'));
  expect(samples(before)).toEqual([]);
  expect(samples(held)).toEqual(['drawbridge_token_age_seconds{destination="main"} 30.5']);
  expect(samples(after)).toEqual([]);
});

it('tells the free space, and nothing rather than 0 when the disk does not say', async () => {
  let free = () => Promise.resolve(5_000);
  const metrics = create({ diskFreeBytes: () => free() });

  const first = await linesOf(metrics);
  free = () => Promise.reject(new Error('the disk is gone'));
  const second = await linesOf(metrics);

  expect(first).toContain('drawbridge_disk_free_bytes 5000');
  expect(second.filter((line) => line.startsWith('drawbridge_disk_free_bytes'))).toEqual([]);
  expect(second).toContain('drawbridge_disk_min_free_bytes 1000');
});

it('keeps two bridges of one process apart, and has process metrics on demand', async () => {
  const one = create({ processMetrics: true });
  const other = create();

  one.associationBegan();

  expect((await one.expose()).text).toContain('process_resident_memory_bytes');
  expect((await other.expose()).text).toContain('drawbridge_associations_active 0');
  expect((await other.expose()).text).not.toContain('process_resident_memory_bytes');
});

it('makes no label of a text that is not a word', async () => {
  const metrics = create();

  metrics.associationRefused('peer said "hello"\n');

  expect((await metrics.expose()).text).toContain('refusals_total{reason="other"} 1');
});

it('makes short correlation ids out of the randomness it is given', () => {
  expect(newCorrelationId(() => 0)).toBe('00000000');
  expect(newCorrelationId(() => 0.999999)).toBe('zzzzzzzz');
  expect(newCorrelationId(Math.random)).toMatch(/^[0-9a-hjkmnp-tv-z]{8}$/);
});
