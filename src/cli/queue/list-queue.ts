import { entryStates } from '../../spool/queue-desk.ts';
import type { EntryState, QueuedEntry, QueueFilter } from '../../spool/queue-desk.ts';
import type { BridgeStatus } from '../../http/control-app.ts';
import type { CommandIo } from '../terminal.ts';
import { printable } from '../terminal.ts';
import { shortId } from './find-entries.ts';
import type { OpenQueue } from './open-queue.ts';
import { ageWords, objectWords, sizeWords, standingWords, tableText } from './words.ts';

/** How many entries stand in one state, for one archive. */
interface SummaryRow {
  readonly destination: string;
  readonly state: EntryState;
  readonly entries: number;
  readonly bytes: number;
  readonly oldestArrivedAt: number | undefined;
}

/** `drawbridge queue list`: the summary, how delivery goes, and the oldest entries. */
export async function listQueue(
  filter: QueueFilter,
  options: {
    readonly open: OpenQueue;
    readonly limit: number;
    readonly json: boolean;
    readonly io: CommandIo;
    readonly now: number;
  },
): Promise<void> {
  const { open, limit, json, io, now } = options;
  const status = await open.status();
  const paused = await open.paused();
  const rows = await summarize(filter, open);
  const oldest = await firstEntries(filter, open, limit);
  const total = {
    entries: rows.reduce((sum, { entries }) => sum + entries, 0),
    bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
  };
  if (json) {
    const listing = {
      bridge: status ?? null,
      paused,
      secondsToEmpty: status?.secondsToEmpty ?? null,
      summary: rows.map(({ oldestArrivedAt, ...row }) => ({
        ...row,
        oldestArrivedAt: isoTime(oldestArrivedAt) ?? null,
      })),
      total: total.entries,
      totalBytes: total.bytes,
      entries: oldest.map(entryAsJson),
    };
    io.stdout.write(`${JSON.stringify(listing, null, 2)}\n`);
    return;
  }
  if (rows.length === 0) io.stdout.write('The queue is empty.\n');
  else io.stdout.write(summaryText(rows, total, now));
  io.stdout.write(`\n${describeDelivery(status, paused)}\n`);
  if (oldest.length === 0) return;
  const isAll = total.entries <= oldest.length;
  io.stdout.write(
    isAll
      ? `\nOldest first:\n`
      : `\nThe oldest ${oldest.length} of ${total.entries} (--limit shows more):\n`,
  );
  io.stdout.write(entriesText(oldest, now));
}

async function summarize(filter: QueueFilter, open: OpenQueue): Promise<readonly SummaryRow[]> {
  const rows: SummaryRow[] = [];
  const wanted =
    filter.destination === undefined ? await open.destinations() : [filter.destination];
  for (const destination of wanted) {
    for (const state of filter.states ?? entryStates) {
      const page = await open.queue.list(
        { ...filter, destination, states: [state] },
        { limit: 1, offset: 0 },
      );
      if (page.total === 0) continue;
      const [oldest] = page.entries;
      rows.push({
        ...{ destination, state, entries: page.total, bytes: page.totalBytes },
        oldestArrivedAt: oldest?.arrivedAt,
      });
    }
  }
  return rows;
}

async function firstEntries(
  filter: QueueFilter,
  { queue }: OpenQueue,
  limit: number,
): Promise<readonly QueuedEntry[]> {
  return (await queue.list(filter, { limit, offset: 0 })).entries;
}

function summaryText(
  rows: readonly SummaryRow[],
  total: { readonly entries: number; readonly bytes: number },
  now: number,
): string {
  const cells = rows.map(({ destination, state, entries, bytes, oldestArrivedAt }) => [
    destination,
    state,
    String(entries),
    sizeWords(bytes),
    oldestArrivedAt === undefined ? '' : ageWords(now - oldestArrivedAt),
  ]);
  const sum = ['total', '', String(total.entries), sizeWords(total.bytes), ''];
  return tableText(
    [
      ['ARCHIVE', 'STATE', 'OBJECTS', 'SIZE', 'OLDEST'],
      ...cells,
      ...(rows.length > 1 ? [sum] : []),
    ],
    new Set([2, 3, 4]),
  );
}

/** How delivery goes, and how long it will still take. */
export function describeDelivery(
  status: BridgeStatus | undefined,
  paused: readonly string[],
): string {
  const pause =
    paused.length > 0 ? `On pause: ${paused.join(', ')} (drawbridge queue resume). ` : '';
  if (status === undefined) return `${pause}No bridge runs: nothing is sent.`;
  const { rate, breaker, secondsToEmpty, waiting, uptimeSeconds, version } = status;
  const way = breakerWords[breaker] ?? breaker;
  const speed =
    rate === null
      ? ''
      : ` ${rate.objectsPerSecond.toFixed(1)} objects/s, ${sizeWords(rate.bytesPerSecond)}/s over the last minute.`;
  const left =
    waiting.entries === 0
      ? ' Nothing waits.'
      : ` ${objectWords(waiting.entries)} to send; time to empty: ${secondsToEmpty === null ? 'unknown' : `about ${ageWords(secondsToEmpty * 1000)}`}.`;
  return `${pause}Bridge ${version} runs for ${ageWords(uptimeSeconds * 1000)}; ${way}.${speed}${left}`;
}

const breakerWords: Readonly<Record<string, string>> = {
  closed: 'the archive takes objects',
  open: 'the archive is away, tried again soon',
  'half-open': 'asking whether the archive is back',
  held: 'the archive refuses the bridge, see its log',
};

function entriesText(entries: readonly QueuedEntry[], now: number): string {
  const rows = entries.map((entry) => [
    shortId(entry.id),
    ageWords(now - entry.arrivedAt),
    entry.urgent ? `${entry.state} (urgent)` : entry.state,
    entry.studyDigest.slice(0, 8),
    sizeWords(entry.bytes),
    printable(standingWords(entry, now)),
  ]);
  return tableText(
    [['ENTRY', 'AGE', 'STATE', 'STUDY', 'SIZE', 'REASON'], ...rows],
    new Set([1, 4]),
  );
}

/** An entry with times that people and scripts can read. */
export function entryAsJson(entry: QueuedEntry): object {
  return {
    ...entry,
    arrivedAt: isoTime(entry.arrivedAt),
    notBefore: isoTime(entry.notBefore),
    deliveredAt: isoTime(entry.deliveredAt),
  };
}

function isoTime(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}
