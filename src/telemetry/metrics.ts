import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';

/** How much waits, as the spool tells it. */
export interface QueueDepth {
  readonly entries: number;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly oldestArrivedAt: number | undefined;
  readonly failedEntries: number;
}

const breakerWords = ['closed', 'open', 'half-open', 'held'] as const;
type BreakerWord = (typeof breakerWords)[number];

/** What the journeys report. Labels are words of ours, never a peer's text. */
export interface Metrics {
  associationBegan(): void;
  /** @param outcome - how it ended: `released`, `aborted`, `timeout` … */
  associationEnded(outcome: string): void;
  associationRefused(reason: string): void;
  /** @param status - the Status (0000,0900) of the C-STORE-RSP. */
  objectReceived(object: { readonly status: number; readonly bytes: number }): void;
  objectDelivered(object: { readonly destination: string; readonly bytes: number }): void;
  objectSetAside(reason: string): void;
  deliveryRetried(reason: string): void;
  /** How the archive stands now: `closed` is well. */
  breakerChanged(state: BreakerWord): void;
  /** One request to the archive, from its first byte to its whole answer. */
  batchEnded(batch: { readonly destination: string; readonly seconds: number }): void;
  /** Everything in the text format of Prometheus. */
  expose(): Promise<{ readonly contentType: string; readonly text: string }>;
}

interface MetricsOptions {
  /** Asked at each scrape. */
  readonly queue: () => QueueDepth;
  readonly now: () => number;
  /** Memory, CPU, event loop and handles of the process too. */
  readonly processMetrics: boolean;
}

/** Makes the metrics of one bridge, with a registry of their own. */
export function createMetrics({ queue, now, processMetrics }: MetricsOptions): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (processMetrics) collectDefaultMetrics({ register: registry });

  const counter = <L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers });
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });

  const associations = counter(
    'drawbridge_associations_total',
    'Associations that ended, by outcome.',
    'outcome',
  );
  const active = new Gauge({
    name: 'drawbridge_associations_active',
    help: 'Associations open now.',
    registers,
  });
  const refusals = counter(
    'drawbridge_association_refusals_total',
    'Associations refused, by reason.',
    'reason',
  );
  const received = counter(
    'drawbridge_objects_received_total',
    'C-STORE requests answered, by status.',
    'status',
  );
  const receivedBytes = counter('drawbridge_received_bytes_total', 'Bytes of data sets taken in.');
  const delivered = counter(
    'drawbridge_objects_delivered_total',
    'Objects the archive confirmed.',
    'destination',
  );
  const deliveredBytes = counter(
    'drawbridge_delivered_bytes_total',
    'Bytes of Part 10 files the archive confirmed.',
  );
  const setAside = counter(
    'drawbridge_objects_set_aside_total',
    'Objects moved to failed/, by reason.',
    'reason',
  );
  const retries = counter(
    'drawbridge_delivery_retries_total',
    'Batches to be tried again, by reason.',
    'reason',
  );
  const breaker = new Gauge({
    name: 'drawbridge_breaker_state',
    help: '1 for the state of the way to the archive: closed (well), open, half-open, held.',
    labelNames: ['state'],
    registers,
  });
  const breakerChanged = (now: BreakerWord): void => {
    for (const state of breakerWords) breaker.set({ state }, state === now ? 1 : 0);
  };
  breakerChanged('closed');
  const batchSeconds = new Histogram({
    name: 'drawbridge_batch_seconds',
    help: 'Duration of one request to the archive.',
    labelNames: ['destination'],
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
    registers,
  });
  gauge('drawbridge_queue_entries', 'Objects that wait for the archive.', () => queue().entries);
  gauge('drawbridge_queue_bytes', 'Bytes that wait for the archive.', () => queue().bytes);
  gauge('drawbridge_queue_oldest_age_seconds', 'Age of the object that has waited longest.', () => {
    const { oldestArrivedAt } = queue();
    return oldestArrivedAt === undefined ? 0 : Math.max(0, now() - oldestArrivedAt) / 1000;
  });
  gauge('drawbridge_failed_entries', 'Objects in failed/.', () => queue().failedEntries);

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
    objectDelivered: ({ destination, bytes }) => {
      delivered.inc({ destination: word(destination) });
      deliveredBytes.inc(bytes);
    },
    objectSetAside: (reason) => setAside.inc({ reason: word(reason) }),
    deliveryRetried: (reason) => retries.inc({ reason: word(reason) }),
    breakerChanged,
    batchEnded: ({ destination, seconds }) =>
      batchSeconds.observe({ destination: word(destination) }, seconds),
    expose: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  };
}

/** A label value costs memory for ever: what is no word of ours does not become one. */
function word(text: string): string {
  return /^[A-Za-z0-9_-]{1,40}$/.test(text) ? text : 'other';
}
