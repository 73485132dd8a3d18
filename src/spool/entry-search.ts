import { setImmediate } from 'node:timers/promises';
import { parseUid } from '../dicom/uid.ts';
import { digestUid, parseEntryName } from './entry-name.ts';
import type { SpoolEntry } from './spool.ts';
import type { EntryState, QueueFilter } from './queue-desk.ts';

/**
 * An entry found, and where it stands. Its name only, which memory holds already: 200,000 of them are
 * looked through for one page.
 */
export interface FoundEntry {
  readonly id: string;
  readonly state: EntryState;
  readonly notBefore?: number;
  readonly deliveredAt?: number;
}

/** So many names are read between two looks at the sockets: some milliseconds. */
const namesAtOnce = 2_000;

/** What a filter says about an entry's name; its states are the searcher's to choose. */
function matcherOf(filter: QueueFilter): (entry: SpoolEntry) => boolean {
  const {
    destination,
    studyInstanceUid,
    arrivedFrom = -Infinity,
    arrivedUntil = Infinity,
  } = filter;
  const ids = filter.ids === undefined ? undefined : new Set(filter.ids);
  const uid = studyInstanceUid === undefined ? undefined : parseUid(studyInstanceUid);
  if (studyInstanceUid !== undefined && uid === undefined) return () => false;
  const studyDigest = uid === undefined ? undefined : digestUid(uid);
  return (entry) =>
    (ids === undefined || ids.has(entry.id)) &&
    (destination === undefined || entry.destination === destination) &&
    (studyDigest === undefined || entry.studyDigest === studyDigest) &&
    entry.arrivedAt >= arrivedFrom &&
    entry.arrivedAt <= arrivedUntil;
}

/**
 * Those of the candidates that the filter meets, oldest first, each once.
 *
 * Reads on between other work, so that a long list delays no association. An entry that moved on
 * while the candidates were gathered stands among them twice; its later place counts.
 */
export async function searchEntries(
  candidates: Iterable<FoundEntry>,
  filter: QueueFilter,
): Promise<{ readonly found: readonly FoundEntry[]; readonly bytes: number }> {
  const matches = matcherOf(filter);
  const states = filter.states === undefined ? undefined : new Set(filter.states);
  const found: FoundEntry[] = [];
  let looked = 0;
  for (const candidate of candidates) {
    if ((looked += 1) % namesAtOnce === 0) await setImmediate();
    const entry = parseEntryName(candidate.id);
    if (entry && matches(entry)) found.push(candidate);
  }
  // Stable: of two with one name the later candidate comes last.
  found.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  const once = found.filter(
    ({ id, state }, index) => found[index + 1]?.id !== id && (!states || states.has(state)),
  );
  let bytes = 0;
  for (const { id } of once) bytes += parseEntryName(id)?.bytes ?? 0;
  return { found: once, bytes };
}
