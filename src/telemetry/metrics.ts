import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { breakerWords, metricDefinitions } from './metric-definitions.ts';
import type { MetricDefinition, MetricName } from './metric-definitions.ts';

/** How much waits for one destination, as the spool tells it. */
export interface QueueDepth {
  readonly destination: string;
  readonly entries: number;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly oldestArrivedAt: number | undefined;
  readonly failedEntries: number;
  /** Nothing is sent there until somebody says so. */
  readonly isPaused: boolean;
}

type BreakerWord = (typeof breakerWords)[number];

/** What the journeys report. Labels are words of ours, never a peer's text. */
export interface Metrics {
  associationBegan(): void;
  /** @param outcome - how it ended: `released`, `aborted`, `lost` … */
  associationEnded(outcome: string): void;
  associationRefused(reason: string): void;
  /** @param status - the Status (0000,0900) of the C-STORE-RSP. */
  objectReceived(object: { readonly status: number; readonly bytes: number }): void;
  /** One C-STORE, from its request to its answer. */
  receiveTook(seconds: number): void;
  objectDelivered(object: { readonly destination: string; readonly bytes: number }): void;
  objectSetAside(object: { readonly destination: string; readonly reason: string }): void;
  /** Two different contents came under one SOP Instance UID. */
  contentContradicted(destination: string): void;
  deliveryRetried(batch: { readonly destination: string; readonly reason: string }): void;
  /** How a destination stands now: `closed` is well. */
  breakerChanged(change: { readonly destination: string; readonly state: BreakerWord }): void;
  /** One request to the archive, from its first byte to its whole answer. */
  batchEnded(batch: {
    readonly destination: string;
    readonly outcome: string;
    readonly seconds: number;
  }): void;
  /** A request came without a token, or with one that is not accepted. */
  authenticationFailed(reason: string): void;
  /** A DICOMweb client asks something … */
  httpRequestBegan(): void;
  /** … and has its answer, or has gone. */
  httpRequestEnded(request: {
    readonly route: string;
    readonly status: number | 'aborted';
    readonly seconds: number;
    readonly bytesIn: number;
    readonly bytesOut: number;
  }): void;
  /** A client was told to come back later, for this reason. */
  httpRequestLimited(reason: string): void;
  /** Everything in the text format of Prometheus. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

/** What is asked at each scrape, and what never changes. */
export interface MetricsOptions {
  readonly version: string;
  /** Every destination there is; its counters stand at 0 from the start. */
  readonly destinations: readonly string[];
  readonly queues: () => readonly QueueDepth[];
  /** Milliseconds since the epoch at which a destination's access token was fetched. */
  readonly tokenObtainedAt: (destination: string) => number | undefined;
  /** Free space where the spool lies; may fail. */
  readonly diskFreeBytes: () => Promise<number>;
  readonly diskMinFreeBytes: number;
  readonly now: () => number;
  /** Memory, CPU, event loop and handles of the process too. */
  readonly processMetrics: boolean;
}

/** Makes the metrics of one bridge, with a registry of their own. */
export function createMetrics(options: MetricsOptions): Metrics {
  const { destinations, now } = options;
  const registry = new Registry();
  if (options.processMetrics) collectDefaultMetrics({ register: registry });
  const { counter, gauge, histogram } = makers(registry);

  gauge('drawbridge_build_info').set({ version: options.version, node: process.version }, 1);
  gauge('drawbridge_disk_min_free_bytes').set(options.diskMinFreeBytes);
  gauge('drawbridge_disk_free_bytes', async (free) => {
    free.remove();
    const bytes = await options.diskFreeBytes().catch(() => undefined);
    if (bytes !== undefined) free.set(bytes);
  });
  gauge('drawbridge_token_age_seconds', (age) => {
    age.reset();
    for (const destination of destinations) {
      const obtainedAt = options.tokenObtainedAt(destination);
      if (obtainedAt !== undefined) age.set({ destination }, secondsSince(obtainedAt, now()));
    }
  });
  const ofQueue = (name: MetricName, read: (queue: QueueDepth) => number): void => {
    gauge(name, (depth) => {
      depth.reset();
      for (const queue of options.queues()) {
        depth.set({ destination: queue.destination }, read(queue));
      }
    });
  };
  ofQueue('drawbridge_queue_entries', ({ entries }) => entries);
  ofQueue('drawbridge_queue_bytes', ({ bytes }) => bytes);
  ofQueue('drawbridge_queue_oldest_age_seconds', ({ oldestArrivedAt }) =>
    oldestArrivedAt === undefined ? 0 : secondsSince(oldestArrivedAt, now()),
  );
  ofQueue('drawbridge_failed_entries', ({ failedEntries }) => failedEntries);
  ofQueue('drawbridge_delivery_paused', ({ isPaused }) => (isPaused ? 1 : 0));

  const associations = counter('drawbridge_associations_total');
  const active = gauge('drawbridge_associations_active');
  const refusals = counter('drawbridge_association_refusals_total');
  const received = counter('drawbridge_objects_received_total');
  const receivedBytes = counter('drawbridge_received_bytes_total');
  const receiveSeconds = histogram('drawbridge_receive_seconds');
  const delivered = counter('drawbridge_objects_delivered_total');
  const deliveredBytes = counter('drawbridge_delivered_bytes_total');
  const setAside = counter('drawbridge_objects_set_aside_total');
  const contradictions = counter('drawbridge_content_contradictions_total');
  const attempts = counter('drawbridge_delivery_attempts_total');
  const batchSeconds = histogram('drawbridge_batch_seconds');
  const retries = counter('drawbridge_delivery_retries_total');
  const authenticationFailures = counter('drawbridge_http_authentication_failures_total');
  const httpActive = gauge('drawbridge_http_requests_active');
  const httpSeconds = histogram('drawbridge_http_request_seconds');
  const httpBytesIn = counter('drawbridge_http_request_bytes_total');
  const httpBytesOut = counter('drawbridge_http_response_bytes_total');
  const httpLimited = counter('drawbridge_http_limited_total');
  const breaker = gauge('drawbridge_breaker_state');
  const breakerChanged: Metrics['breakerChanged'] = ({ destination, state: now }) => {
    for (const state of breakerWords) breaker.set({ destination, state }, state === now ? 1 : 0);
  };
  for (const destination of destinations) {
    delivered.inc({ destination }, 0);
    deliveredBytes.inc({ destination }, 0);
    breakerChanged({ destination, state: 'closed' });
  }

  return {
    associationBegan: () => active.inc(),
    associationEnded: (outcome) => {
      active.dec();
      associations.inc({ outcome: word(outcome) });
    },
    associationRefused: (reason) => refusals.inc({ reason: word(reason) }),
    objectReceived: ({ status, bytes }) => {
      received.inc({ status: status.toString(16).padStart(4, '0') });
      receivedBytes.inc(bytes);
    },
    receiveTook: (seconds) => receiveSeconds.observe(seconds),
    objectDelivered: ({ destination, bytes }) => {
      delivered.inc({ destination });
      deliveredBytes.inc({ destination }, bytes);
    },
    objectSetAside: ({ destination, reason }) =>
      setAside.inc({ destination, reason: word(reason) }),
    contentContradicted: (destination) => contradictions.inc({ destination }),
    deliveryRetried: ({ destination, reason }) =>
      retries.inc({ destination, reason: word(reason) }),
    breakerChanged,
    batchEnded: ({ destination, outcome, seconds }) => {
      attempts.inc({ destination, outcome: word(outcome) });
      batchSeconds.observe({ destination }, seconds);
    },
    authenticationFailed: (reason) => authenticationFailures.inc({ reason: word(reason) }),
    httpRequestBegan: () => httpActive.inc(),
    httpRequestEnded: ({ route, status, seconds, bytesIn, bytesOut }) => {
      httpActive.dec();
      httpSeconds.observe({ route: word(route), status }, seconds);
      httpBytesIn.inc({ route: word(route) }, bytesIn);
      httpBytesOut.inc({ route: word(route) }, bytesOut);
    },
    httpRequestLimited: (reason) => httpLimited.inc({ reason: word(reason) }),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** What makes a metric out of its definition. */
function makers(registry: Registry) {
  const registers = [registry];
  const of = (name: MetricName) => {
    const { help, labels = {}, buckets }: MetricDefinition = metricDefinitions[name];
    return { name, help, labelNames: Object.keys(labels), registers, buckets };
  };
  return {
    counter: (name: MetricName) => new Counter(of(name)),
    /** @param collect - called at each scrape. */
    gauge: (name: MetricName, collect?: (gauge: Gauge) => void | Promise<void>) =>
      new Gauge({
        ...of(name),
        ...(collect && {
          collect() {
            return collect(this);
          },
        }),
      }),
    histogram: (name: MetricName) => {
      const { buckets = [], ...rest } = of(name);
      return new Histogram({ ...rest, buckets: [...buckets] });
    },
  };
}

function secondsSince(then: number, now: number): number {
  return Math.max(0, now - then) / 1000;
}

/** A label value costs memory for ever: what is no word of ours does not become one. */
function word(text: string): string {
  return /^[A-Za-z0-9_-]{1,40}$/.test(text) ? text : 'other';
}
