import { expect, it } from 'vitest';
import { newCorrelationId } from '../../src/telemetry/correlation-id.ts';
import { createMetrics } from '../../src/telemetry/metrics.ts';

const emptyQueue = { entries: 0, bytes: 0, oldestArrivedAt: undefined, failedEntries: 0 };

it('counts what the journeys report', async () => {
  const metrics = createMetrics({ queue: () => emptyQueue, now: () => 0, processMetrics: false });

  metrics.associationBegan();
  metrics.associationBegan();
  metrics.associationEnded('released');
  metrics.associationRefused('called_ae_title');
  metrics.objectReceived({ status: 0, bytes: 10 });
  metrics.objectReceived({ status: 0xa700, bytes: 5 });
  metrics.objectDelivered({ destination: 'default', bytes: 7 });
  metrics.objectSetAside('refused');
  metrics.deliveryRetried('http_503');
  metrics.batchEnded({ destination: 'default', seconds: 0.2 });
  metrics.breakerChanged('open');
  metrics.breakerChanged('half-open');

  const { text, contentType } = await metrics.expose();
  expect(contentType).toContain('text/plain');
  for (const line of [
    'drawbridge_associations_total{outcome="released"} 1',
    'drawbridge_associations_active 1',
    'drawbridge_association_refusals_total{reason="called_ae_title"} 1',
    'drawbridge_objects_received_total{status="0000"} 1',
    'drawbridge_objects_received_total{status="a700"} 1',
    'drawbridge_received_bytes_total 15',
    'drawbridge_objects_delivered_total{destination="default"} 1',
    'drawbridge_delivered_bytes_total 7',
    'drawbridge_objects_set_aside_total{reason="refused"} 1',
    'drawbridge_delivery_retries_total{reason="http_503"} 1',
    'drawbridge_batch_seconds_bucket{le="0.3",destination="default"} 1',
    'drawbridge_batch_seconds_bucket{le="0.1",destination="default"} 0',
    'drawbridge_breaker_state{state="closed"} 0',
    'drawbridge_breaker_state{state="open"} 0',
    'drawbridge_breaker_state{state="half-open"} 1',
    'drawbridge_breaker_state{state="held"} 0',
    'drawbridge_queue_entries 0',
    'drawbridge_queue_oldest_age_seconds 0',
  ]) {
    expect(text.split('\n')).toContain(line);
  }
});

it('asks the queue at each scrape', async () => {
  let queue = { entries: 2, bytes: 300, oldestArrivedAt: 1_000, failedEntries: 1 };
  const metrics = createMetrics({ queue: () => queue, now: () => 5_500, processMetrics: false });

  const first = (await metrics.expose()).text;
  queue = { ...queue, entries: 9 };
  const second = (await metrics.expose()).text;

  expect(first).toContain('drawbridge_queue_entries 2\n');
  expect(first).toContain('drawbridge_queue_bytes 300\n');
  expect(first).toContain('drawbridge_queue_oldest_age_seconds 4.5\n');
  expect(first).toContain('drawbridge_failed_entries 1');
  expect(second).toContain('drawbridge_queue_entries 9\n');
});

it('keeps two bridges of one process apart, and has process metrics on demand', async () => {
  const options = { queue: () => emptyQueue, now: () => 0 };
  const one = createMetrics({ ...options, processMetrics: true });
  const other = createMetrics({ ...options, processMetrics: false });

  one.associationBegan();

  expect((await one.expose()).text).toContain('process_resident_memory_bytes');
  expect((await other.expose()).text).toContain('drawbridge_associations_active 0');
  expect((await other.expose()).text).not.toContain('process_resident_memory_bytes');
});

it('makes no label of a text that is not a word', async () => {
  const metrics = createMetrics({ queue: () => emptyQueue, now: () => 0, processMetrics: false });

  metrics.associationRefused('peer said "hello"\n');

  expect((await metrics.expose()).text).toContain('refusals_total{reason="other"} 1');
});

it('makes short correlation ids out of the randomness it is given', () => {
  expect(newCorrelationId(() => 0)).toBe('00000000');
  expect(newCorrelationId(() => 0.999999)).toBe('zzzzzzzz');
  expect(newCorrelationId(Math.random)).toMatch(/^[0-9a-hjkmnp-tv-z]{8}$/);
});
