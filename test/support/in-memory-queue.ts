import { digestUid, formatEntryName } from '../../src/spool/entry-name.ts';
import type {
  EntryDetails,
  EntryState,
  HeldSource,
  QueueDesk,
  QueuedEntry,
  QueueEffect,
  QueueFilter,
  QueuePage,
} from '../../src/spool/queue-desk.ts';
import { part10Source } from './dicom-object.ts';
import { uid } from './uid.ts';

interface HeldEntry {
  readonly entry: QueuedEntry;
  readonly details: EntryDetails;
  readonly file: Buffer;
}

/** What a test says of an entry; all of it is optional. */
interface EntryFacts {
  readonly arrivedAt?: number;
  readonly state?: EntryState;
  readonly destination?: string;
  readonly study?: string;
  readonly sop?: string;
  readonly file?: Buffer;
  readonly reason?: QueuedEntry['reason'];
  readonly notBefore?: number;
}

/** A desk without a disk: orders only change the list, and are noted. */
export class InMemoryQueue implements QueueDesk {
  readonly orders: (readonly [string, unknown])[] = [];
  /** Files that were opened and not closed. */
  openFiles = 0;
  #held: HeldEntry[] = [];
  #paused: readonly string[] = [];
  #sequence = 0;

  add(facts: EntryFacts = {}): QueuedEntry {
    const { arrivedAt = 1_000, state = 'waiting', destination = 'main' } = facts;
    const { study = '1.2', sop = `1.2.3.${this.#sequence}`, file = Buffer.from('four') } = facts;
    const named = {
      ...{ arrivedAt, destination, urgent: false, bytes: file.length },
      studyDigest: digestUid(uid(study)),
      instanceDigest: digestUid(uid(sop)),
    };
    const id = formatEntryName({ ...named, sequence: this.#sequence });
    this.#sequence += 1;
    const { reason, notBefore } = facts;
    const entry = {
      ...{ id, ...named, state },
      ...(reason && { reason }),
      ...(notBefore !== undefined && { notBefore }),
    };
    const details = {
      ...entry,
      ...{ sopInstanceUid: sop, studyInstanceUid: study, seriesInstanceUid: '1.2.9' },
      ...{ sopClassUid: '1.2.840.10008.5.1.4.1.1.2', transferSyntaxUid: '1.2.840.10008.1.2.1' },
      ...{ modality: 'CT', callingAeTitle: 'CT01', calledAeTitle: 'DRAWBRIDGE' },
    };
    this.#held.push({ entry, details, file });
    this.#held.sort((a, b) => (a.entry.id < b.entry.id ? -1 : 1));
    return entry;
  }

  list(
    filter: QueueFilter,
    { limit, offset }: { readonly limit: number; readonly offset: number },
  ): Promise<QueuePage> {
    const met = this.#met(filter);
    return Promise.resolve({
      entries: met.slice(offset, offset + limit),
      total: met.length,
      totalBytes: met.reduce((sum, { bytes }) => sum + bytes, 0),
    });
  }

  show(id: string): Promise<EntryDetails | undefined> {
    return Promise.resolve(this.#find(id)?.details);
  }

  open(id: string): Promise<HeldSource | undefined> {
    const held = this.#find(id);
    if (held === undefined) return Promise.resolve(undefined);
    this.openFiles += 1;
    let isOpen = true;
    return Promise.resolve({
      ...part10Source(held.file, { sop: held.details.sopInstanceUid }),
      close: () => {
        if (isOpen) this.openFiles -= 1;
        isOpen = false;
      },
    });
  }

  retry(filter: QueueFilter): Promise<QueueEffect> {
    return this.#order('retry', filter, ['failed', 'delayed']);
  }

  replay(filter: QueueFilter): Promise<QueueEffect> {
    return this.#order('replay', filter, ['kept']);
  }

  async drop(filter: QueueFilter): Promise<QueueEffect> {
    const effect = await this.#order('drop', filter, ['waiting', 'delayed', 'failed', 'kept']);
    const gone = new Set(this.#met(filter).map(({ id }) => id));
    this.#held = this.#held.filter(({ entry }) => entry.state === 'sending' || !gone.has(entry.id));
    return effect;
  }

  pause(destination: string): Promise<void> {
    this.#paused = [destination];
    return Promise.resolve();
  }

  resume(destination: string): Promise<void> {
    this.#paused = this.#paused.filter((each) => each !== destination);
    return Promise.resolve();
  }

  paused(): readonly string[] {
    return this.#paused;
  }

  #order(name: string, filter: QueueFilter, states: readonly EntryState[]): Promise<QueueEffect> {
    this.orders.push([name, filter]);
    const met = this.#met(filter);
    const done = met.filter(({ state }) => states.includes(state));
    return Promise.resolve({
      entries: done.length,
      bytes: done.reduce((sum, { bytes }) => sum + bytes, 0),
      busy: met.filter(({ state }) => state === 'sending').length,
    });
  }

  #find(id: string): HeldEntry | undefined {
    return this.#held.find(({ entry }) => entry.id === id);
  }

  #met(filter: QueueFilter): readonly QueuedEntry[] {
    const { ids, destination, studyInstanceUid, states, arrivedFrom, arrivedUntil } = filter;
    return this.#held
      .filter(
        ({ entry, details }) =>
          (ids?.includes(entry.id) ?? true) &&
          (destination === undefined || entry.destination === destination) &&
          (studyInstanceUid === undefined || details.studyInstanceUid === studyInstanceUid) &&
          (states?.includes(entry.state) ?? true) &&
          entry.arrivedAt >= (arrivedFrom ?? 0) &&
          entry.arrivedAt <= (arrivedUntil ?? Infinity),
      )
      .map(({ entry }) => entry);
  }
}
