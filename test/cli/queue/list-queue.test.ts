import { describe, expect, it } from 'vitest';
import { listQueue } from '../../../src/cli/queue/list-queue.ts';
import { showEntry } from '../../../src/cli/queue/show-entry.ts';
import type { BridgeStatus } from '../../../src/http/control-app.ts';
import type { QueueFilter } from '../../../src/spool/queue-desk.ts';
import { idleStatus } from '../../support/bridge-status.ts';
import { InMemoryQueue } from '../../support/in-memory-queue.ts';
import { openInMemory } from '../../support/open-queue.ts';
import { RecordingTerminal } from '../../support/recording-terminal.ts';

const arrived = Date.parse('2026-11-21T10:00:00Z');
const now = Date.parse('2026-11-21T12:00:00Z');
const reason = {
  ...{ code: 'refused', message: 'the archive refuses it', attempts: 1 },
  ...{ httpStatus: 409, failureReason: 0xc122, setAsideAt: '2026-11-21T11:00:00.000Z' },
};

describe('drawbridge queue list', () => {
  it('sums up by archive and state, then shows the oldest with their reasons', async () => {
    const { text } = await listed(troubled());

    expect(text.split('\n')).toEqual([
      'ARCHIVE  STATE    OBJECTS    SIZE  OLDEST',
      'main     waiting        2  525 kB  1h 30m',
      'main     delayed        1     4 B  1h 50m',
      'main     failed         1     4 B  2h 00m',
      'total                   4  525 kB',
      '',
      'No bridge runs: nothing is sent.',
      '',
      'The oldest 3 of 4 (--limit shows more):',
      'ENTRY                      AGE  STATE    STUDY       SIZE  REASON',
      expect.stringMatching(
        /^1795255200000-00000000 {2}2h 00m {2}failed {3}[0-9a-f]{8} {5}4 B {2}refused, HTTP 409, C122H: the archive refuses it$/,
      ),
      expect.stringMatching(/delayed .* next attempt in 30s$/),
      expect.stringMatching(/1h 30m {2}waiting {2}[0-9a-f]{8} {2}525 kB$/),
      '',
    ]);
  });

  it('says the same as JSON', async () => {
    const { json } = await listed(troubled(), { json: true });

    expect(json).toMatchObject({
      ...{ bridge: null, paused: [], secondsToEmpty: null, total: 4 },
      summary: [
        { destination: 'main', state: 'waiting', entries: 2, bytes: 525_004 },
        { state: 'delayed', oldestArrivedAt: '2026-11-21T10:10:00.000Z' },
        { state: 'failed', entries: 1 },
      ],
      entries: [
        { state: 'failed', arrivedAt: '2026-11-21T10:00:00.000Z', reason },
        { state: 'delayed', notBefore: '2026-11-21T12:00:30.000Z' },
        { state: 'waiting' },
      ],
    });
  });

  it('keeps to its filter', async () => {
    const { text } = await listed(troubled(), { filter: { states: ['failed'] } });

    expect(text).toContain('main     failed        1');
    expect(text).not.toContain('waiting');
    expect(text).toContain('\nOldest first:\n');
  });

  it.each([
    [{}, 'Bridge 1.2.3 runs for 1m 30s; the archive takes objects. Nothing waits.'],
    [
      {
        waiting: { entries: 700, bytes: 1_000, oldestArrivedAt: null },
        rate: { objectsPerSecond: 9.96, bytesPerSecond: 5_200_000 },
        secondsToEmpty: 71,
      },
      'the archive takes objects. 10.0 objects/s, 5.2 MB/s over the last minute. 700 objects to send; time to empty: about 1m 11s.',
    ],
    [
      {
        waiting: { entries: 1, bytes: 1, oldestArrivedAt: null },
        breaker: 'open',
        secondsToEmpty: null,
      },
      'the archive is away, tried again soon. 1 object to send; time to empty: unknown.',
    ],
    [{ breaker: 'held' }, 'the archive refuses the bridge, see its log.'],
  ] as const)('tells how delivery goes: %j', async (facts, words) => {
    const { text } = await listed(new InMemoryQueue(), { status: { ...idleStatus, ...facts } });

    expect(text).toContain(words);
    expect(text).toContain('The queue is empty.\n');
  });

  it('says that delivery is on pause, and how to end that', async () => {
    const queue = new InMemoryQueue();
    await queue.pause('main');

    expect((await listed(queue)).text).toContain('On pause: main (drawbridge queue resume).');
  });
});

describe('drawbridge queue show', () => {
  it('tells where an entry stands and all of its UIDs', async () => {
    const queue = new InMemoryQueue();
    const { id } = queue.add({
      arrivedAt: arrived,
      state: 'failed',
      study: '1.5',
      sop: '1.5.7',
      reason,
    });
    const io = new RecordingTerminal();
    const open = openInMemory(queue);

    await showEntry(id.slice(0, 22), { open, io, now, json: false });

    expect(io.text.split('\n')).toEqual(
      expect.arrayContaining([
        `entry            ${id}`,
        'state            failed',
        'arrived          2026-11-21T10:00:00.000Z (2h 00m ago)',
        'reason           refused, HTTP 409, C122H: the archive refuses it',
        'HTTP status      409',
        'failure reason   C122H',
        'attempts         1',
        'study            1.5',
        'SOP instance     1.5.7',
        'from             CT01',
        'to               DRAWBRIDGE',
      ]),
    );
  });

  it('says the same as JSON', async () => {
    const queue = new InMemoryQueue();
    const { id } = queue.add({ arrivedAt: arrived, sop: '1.5.7' });
    const io = new RecordingTerminal();

    await showEntry(id, { open: openInMemory(queue), io, now, json: true });

    expect(io.json).toMatchObject({
      id,
      arrivedAt: '2026-11-21T10:00:00.000Z',
      sopInstanceUid: '1.5.7',
    });
  });
});

/** Four entries in three states. */
function troubled(): InMemoryQueue {
  const queue = new InMemoryQueue();
  const minute = 60_000;
  queue.add({ arrivedAt: arrived, state: 'failed', reason });
  queue.add({ arrivedAt: arrived + 10 * minute, state: 'delayed', notBefore: now + 30_000 });
  queue.add({ arrivedAt: arrived + 30 * minute, file: Buffer.alloc(525_000) });
  queue.add({ arrivedAt: arrived + 40 * minute });
  return queue;
}

async function listed(
  queue: InMemoryQueue,
  options: {
    readonly filter?: QueueFilter;
    readonly status?: BridgeStatus;
    readonly json?: boolean;
  } = {},
): Promise<RecordingTerminal> {
  const { filter = {}, status, json = false } = options;
  const io = new RecordingTerminal();
  await listQueue(filter, { open: openInMemory(queue, status), limit: 3, json, io, now });
  return io;
}
