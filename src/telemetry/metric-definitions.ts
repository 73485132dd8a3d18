import { tokenRefusals } from '../access/token-refusals.ts';

/** Everything known of one metric; `docs/metrics.md` is made from it. */
export interface MetricDefinition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** One sentence; also the `# HELP` line. */
  readonly help: string;
  /** Label → its values: all of them where the set is closed, else what they look like. */
  readonly labels?: Readonly<Record<string, readonly string[] | string>>;
  /** Upper bounds of a histogram, in the unit of its name. */
  readonly buckets?: readonly number[];
  /** When somebody should be told, and what it means. */
  readonly alert?: string;
}

/** How the way to a destination stands. */
export const breakerWords = ['closed', 'open', 'half-open', 'held'] as const;

const destination = 'a name, today `main`';
/** What a DICOMweb request is for; `other` is what has no route, or was refused before it was looked for. */
const httpRoutes = [
  'search',
  'retrieve',
  'metadata',
  'frames',
  'bulkdata',
  'rendered',
  'thumbnail',
  'store',
  'preflight',
  'other',
] as const;
/** From the disk that answers at once to the line that crawls. */
const seconds = [0.005, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100] as const;

/**
 * The metrics of the bridge beside those of the process. Names follow Prometheus: base units,
 * `_total` for what only grows, the unit last before it.
 *
 * @see https://prometheus.io/docs/practices/naming/
 */
export const metricDefinitions = {
  drawbridge_build_info: {
    type: 'gauge',
    help: 'Always 1; says what runs.',
    labels: { version: 'of Drawbridge', node: 'version of Node.js' },
  },
  drawbridge_associations_active: { type: 'gauge', help: 'Associations open now.' },
  drawbridge_associations_total: {
    type: 'counter',
    help: 'Associations that ended, by outcome.',
    labels: { outcome: ['released', 'aborted', 'lost', 'failed'] },
  },
  drawbridge_association_refusals_total: {
    type: 'counter',
    help: 'Associations and connections refused, by reason.',
    labels: {
      reason: [
        'protocol',
        'network',
        'calling-ae-title',
        'called-ae-title',
        'too-many',
        'too-many-of-peer',
        'no-association',
        'too-many-connections',
      ],
    },
    alert:
      '`increase(…[1h]) > 0` for `called-ae-title`, `calling-ae-title` or `network`: a device is misconfigured, and its objects do not come in',
  },
  drawbridge_objects_received_total: {
    type: 'counter',
    help: 'C-STORE requests answered, by status.',
    labels: { status: 'Status (0000,0900) in four hexadecimal digits; `0000` is success' },
    alert:
      '`status="a700"` grows: no room on the disk, or the disk fails (with `STORE_ACK=archived` also: the archive does not confirm); devices keep their copies',
  },
  drawbridge_received_bytes_total: { type: 'counter', help: 'Bytes of data sets taken in.' },
  drawbridge_receive_seconds: {
    type: 'histogram',
    help: 'Time from a C-STORE request to its answer, most of it the sender and the disk.',
    buckets: seconds,
  },
  drawbridge_queue_entries: {
    type: 'gauge',
    help: 'Objects that wait for the archive.',
    labels: { destination },
  },
  drawbridge_queue_bytes: {
    type: 'gauge',
    help: 'Bytes that wait for the archive.',
    labels: { destination },
  },
  drawbridge_queue_oldest_age_seconds: {
    type: 'gauge',
    help: 'Age of the object that has waited longest; 0 when none waits.',
    labels: { destination },
    alert: 'more than you can bear, such as `> 900`: the archive does not take what comes in',
  },
  drawbridge_failed_entries: {
    type: 'gauge',
    help: 'Objects in failed/, which are not sent any more.',
    labels: { destination },
    alert: '`> 0`: somebody must look; the `.json` beside each object says why',
  },
  drawbridge_delivery_attempts_total: {
    type: 'counter',
    help: 'Requests to store a batch that ended, by what came of them.',
    labels: {
      destination,
      outcome:
        '`answered` (each object has an outcome), `http-` and the status of a refusal as a whole, ' +
        '`token` (none could be had), `not-there` (a question before it was not answered), or the fault of the way: ' +
        '`dns`, `connect-refused`, `connect-timeout`, `unreachable`, `tls`, `timeout`, `reset`, `protocol`, ' +
        '`proxy-unreachable`, `proxy-credentials`, `proxy-refused`, `proxy-without-route`, `other`',
    },
    alert: 'any outcome but `answered` grows for more than 15 minutes: it names what to look at',
  },
  drawbridge_batch_seconds: {
    type: 'histogram',
    help: 'Duration of such a request, from its first byte to its whole answer or its failure.',
    labels: { destination },
    buckets: seconds,
  },
  drawbridge_delivery_retries_total: {
    type: 'counter',
    help: 'Batches and single objects to be tried again, by reason.',
    labels: { destination, reason: ['unavailable', 'held', 'split', 'instance'] },
  },
  drawbridge_objects_delivered_total: {
    type: 'counter',
    help: 'Objects the archive confirmed.',
    labels: { destination },
  },
  drawbridge_delivered_bytes_total: {
    type: 'counter',
    help: 'Bytes of Part 10 files the archive confirmed.',
    labels: { destination },
  },
  drawbridge_objects_set_aside_total: {
    type: 'counter',
    help: 'Objects moved to failed/, by reason.',
    labels: {
      destination,
      reason: [
        'refused',
        'differs-from-archived',
        'could-not-be-verified',
        'breaks-archive',
        'unreadable',
      ],
    },
  },
  drawbridge_content_contradictions_total: {
    type: 'counter',
    help: 'Objects followed by another content under the same SOP Instance UID.',
    labels: { destination },
    alert:
      '`increase(…[1d]) > 0`: a device gives one UID to two objects; the archive keeps one of them',
  },
  drawbridge_breaker_state: {
    type: 'gauge',
    help: '1 for the state of the way to the archive: closed (well), open, half-open, held.',
    labels: { destination, state: breakerWords },
    alert:
      '`{state="held"} == 1`: the archive refuses the bridge, a setting or a right is missing; `{state="closed"} == 0` for long: it is away',
  },
  drawbridge_delivery_paused: {
    type: 'gauge',
    help: '1 while somebody has put delivery on pause (drawbridge queue pause), else 0.',
    labels: { destination },
    alert: '`== 1` for longer than the work it was for',
  },
  drawbridge_token_age_seconds: {
    type: 'gauge',
    help: 'Age of the access token the archive is shown; no value without a token that was fetched.',
    labels: { destination },
  },
  drawbridge_http_authentication_failures_total: {
    type: 'counter',
    help: 'Requests whose caller could not be told, by reason.',
    labels: { reason: tokenRefusals },
    alert:
      '`{reason="unavailable"}` grows: the identity provider does not answer; `unknown_key` or `signature` in numbers: somebody makes tokens up',
  },
  drawbridge_http_requests_active: {
    type: 'gauge',
    help: 'DICOMweb requests that are being answered.',
  },
  drawbridge_http_request_seconds: {
    type: 'histogram',
    help: 'DICOMweb requests answered, by duration from their header to the last byte of the answer.',
    labels: {
      route: httpRoutes,
      status: 'HTTP status, or `aborted` where the client went away or the answer broke off',
    },
    buckets: seconds,
    alert: '`{status=~"5.."}` grows: the archive is away or does not answer as it should',
  },
  drawbridge_http_request_bytes_total: {
    type: 'counter',
    help: 'Bytes of bodies that DICOMweb clients sent.',
    labels: { route: httpRoutes },
  },
  drawbridge_http_response_bytes_total: {
    type: 'counter',
    help: 'Bytes of bodies that DICOMweb clients were sent.',
    labels: { route: httpRoutes },
  },
  drawbridge_http_limited_total: {
    type: 'counter',
    help: 'DICOMweb requests answered with 429, by what there was too much of.',
    labels: { reason: ['bad-tokens', 'concurrent-requests'] },
    alert: '`{reason="bad-tokens"}` grows: somebody tries tokens out, or a client keeps an old one',
  },
  drawbridge_disk_free_bytes: {
    type: 'gauge',
    help: 'Free space of the file system the spool lies on; no value when it does not say.',
    alert: '`< 2 * drawbridge_disk_min_free_bytes`: soon objects are refused with A700H',
  },
  drawbridge_disk_min_free_bytes: {
    type: 'gauge',
    help: 'Free space below which objects are refused (DRAWBRIDGE_SPOOL_MIN_FREE).',
  },
} as const satisfies Readonly<Record<`drawbridge_${string}`, MetricDefinition>>;

/** The name of a metric of ours. */
export type MetricName = keyof typeof metricDefinitions;
