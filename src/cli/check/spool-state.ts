import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { entryExtension, parseEntryName } from '../../spool/entry-name.ts';
import { failed, ok, warning } from './probe.ts';
import type { Probe } from './probe.ts';
import { formatBytes, formatDuration, plural } from './units.ts';

/** Who works on the queue, what waits in it, and what needs a person. */
export const spoolState: Probe = {
  id: 'data.spool',
  title: 'Queue',
  needs: ['data.folder'],
  run: async ({ config, bridge, now }) => {
    const { folder, maxBytes } = config.spool;
    const waiting = await list(join(folder, 'ready'));
    const setAside = await list(join(folder, 'failed'));
    const paused = bridge?.status?.paused ?? [];
    const facts = {
      running: bridge !== undefined,
      pid: bridge?.pid ?? null,
      waiting: waiting.entries,
      waitingBytes: waiting.bytes,
      failed: setAside.entries,
      paused: [...paused],
    };
    const age =
      waiting.oldest === undefined
        ? ''
        : `, the oldest for ${formatDuration(now() - waiting.oldest)}`;
    const who =
      bridge === undefined
        ? 'No bridge runs on it'
        : `A bridge works on it${bridge.pid === undefined ? '' : ` (pid ${bridge.pid})`}`;
    const what =
      waiting.entries === 0
        ? 'nothing waits'
        : `${plural(waiting.entries, 'object')} (${formatBytes(waiting.bytes)}) ${waiting.entries === 1 ? 'waits' : 'wait'}${age}`;
    const found = `${who}; ${what}${setAside.entries === 0 ? '' : `, ${plural(setAside.entries, 'object')} in failed/`}.`;
    if (maxBytes !== undefined && waiting.bytes >= maxBytes) {
      return failed(
        `${found} That is all DRAWBRIDGE_SPOOL_MAX_BYTES allows: objects are refused (A700H).`,
        'Find out below why the archive takes none, or raise DRAWBRIDGE_SPOOL_MAX_BYTES.',
        facts,
      );
    }
    if (setAside.entries > 0) {
      return warning(
        found,
        `Look why the archive refuses them: each has its reason beside it as .json in ${join(folder, 'failed')}.`,
        facts,
      );
    }
    if (paused.length > 0) {
      return warning(
        `${found} Delivery is on pause.`,
        `drawbridge queue resume ${paused[0] ?? ''}`,
        facts,
      );
    }
    if (bridge === undefined && waiting.entries > 0) {
      return warning(found, 'Start the bridge (drawbridge serve): it delivers what waits.', facts);
    }
    return ok(found, facts);
  },
};

interface Stock {
  readonly entries: number;
  readonly bytes: number;
  /** Milliseconds since the epoch. */
  readonly oldest: number | undefined;
}

/** What a folder of the spool holds, by names alone. */
async function list(folder: string): Promise<Stock> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  let [entries, bytes, oldest] = [0, 0, Infinity];
  for (const name of names) {
    if (!name.endsWith(entryExtension)) continue;
    const entry = parseEntryName(name.slice(0, -entryExtension.length));
    if (entry === undefined) continue;
    entries += 1;
    bytes += entry.bytes;
    oldest = Math.min(oldest, entry.arrivedAt);
  }
  return { entries, bytes, oldest: entries === 0 ? undefined : oldest };
}
