import { isEnough, shareOf } from './batch-share.ts';
import { batchKeyOf, entryNamed } from './entry-name.ts';
import type { NamedEntry } from './entry-name.ts';
import { heapKeep, heapPop, heapPush, heapRise } from './heap.ts';
import { PresentInstances } from './present-instances.ts';
import type { Lease, LeaseLimits, ReleaseOptions, SpoolEntry } from './spool.ts';

/** Entries that may share a batch: same urgency, destination, study and company. */
interface Group {
  readonly key: string;
  readonly urgent: boolean;
  /** A heap: what comes back from a failed attempt is older than what arrived meanwhile. */
  readonly ids: string[];
  bytes: number;
  newestId: string;
  /** Entries up to this one have waited enough for company. */
  dueThroughId: string;
  lastArrivalAt: number;
  /** Place among the groups that are due, or -1 while it still gathers. */
  dueIndex: number;
}

interface Delayed {
  readonly notBefore: number;
  readonly id: string;
}

/** Where the entries of the queue stand: their names, in no order. */
export interface QueueSnapshot {
  readonly waiting: readonly string[];
  readonly delayed: readonly Delayed[];
  readonly leased: readonly string[];
}

const olderId = (a: string, b: string): boolean => a < b;
const earlier = (a: Delayed, b: Delayed): boolean => a.notBefore < b.notBefore;
const headOf = (group: Group): string => group.ids[0] ?? '';
const moreUrgent = (a: Group, b: Group): boolean =>
  a.urgent === b.urgent ? headOf(a) < headOf(b) : a.urgent;
const placedGroup = (group: Group, index: number): void => {
  group.dueIndex = index;
};

/**
 * What waits to be delivered, in memory: which entries form the next batch, and when it is due.
 *
 * Entries gather by destination and study until an association ends, there is enough for a request,
 * or nothing came for a while. An entry is kept as its name alone; everything else is read from it.
 */
export class LeaseQueue {
  readonly #now: () => number;
  readonly #batchIdleMs: number;
  readonly #groups = new Map<string, Group>();
  /** In order of their last arrival, so that the first is the first to fall idle. */
  readonly #gathering = new Set<Group>();
  readonly #due: Group[] = [];
  readonly #delayed: Delayed[] = [];
  /** Destinations that get nothing, and their groups, which are neither gathering nor due. */
  readonly #paused = new Set<string>();
  readonly #parked = new Set<Group>();
  readonly #leased = new Map<string, SpoolEntry>();
  /** Of the leased ones, those that were withdrawn while they waited for the first of their instance. */
  readonly #leasedFollowers = new Set<string>();
  /** Of the entries that must not mix with others; those of one company share the word. */
  readonly #companies = new Map<string, string>();
  readonly #present = new PresentInstances();
  #limits: LeaseLimits = { maxInstances: Infinity, maxBytes: Infinity };
  /** Of what may be leased, or gathers for it. */
  #waitingBytes = 0;
  #newestId = '';
  #flushedThroughId = '';
  #entries = 0;
  #bytes = 0;

  /** `batchIdleMs` is how long a batch waits for the next entry of its study. */
  constructor({ now, batchIdleMs }: { readonly now: () => number; readonly batchIdleMs: number }) {
    this.#now = now;
    this.#batchIdleMs = batchIdleMs;
  }

  /** Entries not yet settled or set aside, the leased ones included. */
  get entries(): number {
    return this.#entries;
  }

  /** Their length on disk. */
  get bytes(): number {
    return this.#bytes;
  }

  add(entry: SpoolEntry): void {
    this.#entries += 1;
    this.#bytes += entry.bytes;
    const { id } = entry;
    if (id > this.#newestId) this.#newestId = id;
    if (this.#present.admit(entry, id)) this.#enqueue(id, entry);
  }

  /** Nothing that is here now waits for company any longer. */
  flush(): void {
    this.#flushedThroughId = this.#newestId;
    for (const group of this.#gathering) heapPush(this.#due, group, moreUrgent, placedGroup);
    this.#gathering.clear();
  }

  /** The most urgent, then oldest batch that is due. */
  lease(limits: LeaseLimits): Lease | undefined {
    this.#adopt(limits);
    this.#wake();
    const group = heapPop(this.#due, moreUrgent, placedGroup);
    if (!group) return undefined;
    group.dueIndex = -1;
    const entries = this.#take(group, shareOf(this.#waitingBytes, limits));
    const [first] = entries;
    if (group.ids.length === 0) this.#groups.delete(group.key);
    else this.#place(group);
    return first && { destination: first.destination, entries };
  }

  /** When `lease` may have something: a time in the past when it has, `undefined` when nothing waits. */
  nextDueAt(): number | undefined {
    if (this.#due.length > 0) return -Infinity;
    const [idlest] = this.#gathering;
    const idleAt = idlest === undefined ? Infinity : idlest.lastArrivalAt + this.#batchIdleMs;
    const retryAt = this.#delayed[0]?.notBefore ?? Infinity;
    const next = Math.min(idleAt, retryAt);
    return next === Infinity ? undefined : next;
  }

  /** The entry has left the spool. False when it was not leased. */
  remove(entry: SpoolEntry): boolean {
    if (!this.#leased.delete(entry.id)) return false;
    this.#entries -= 1;
    this.#bytes -= entry.bytes;
    this.#companies.delete(entry.id);
    if (this.#leasedFollowers.delete(entry.id)) return true;
    const follower = this.#present.dismiss(entry);
    if (follower !== undefined) this.#comeBack(follower);
    return true;
  }

  /** The next entry of the same SOP Instance UID, which waits until this leased one has left. */
  nextOfInstance(entry: SpoolEntry): SpoolEntry | undefined {
    const id = this.#leasedFollowers.has(entry.id) ? undefined : this.#present.nextAfter(entry);
    const next = id === undefined ? undefined : entryNamed(id);
    return next?.instanceDigest === entry.instanceDigest ? next : undefined;
  }

  release(entry: SpoolEntry, { notBefore, company }: ReleaseOptions): void {
    if (!this.#leased.delete(entry.id)) return;
    if (this.#leasedFollowers.delete(entry.id) && !this.#present.admit(entry, entry.id)) return;
    if (company !== undefined) this.#companies.set(entry.id, company);
    if (notBefore > this.#now()) heapPush(this.#delayed, { notBefore, id: entry.id }, earlier);
    else this.#comeBack(entry.id);
  }

  /** Copies names only: what is known of an entry is read from its name, when it is asked for. */
  snapshot(): QueueSnapshot {
    const waiting: string[] = [];
    for (const { ids } of this.#groups.values()) for (const id of ids) waiting.push(id);
    for (const id of this.#present.followers()) waiting.push(id);
    return { waiting, delayed: [...this.#delayed], leased: [...this.#leased.keys()] };
  }

  isLeased(id: string): boolean {
    return this.#leased.has(id);
  }

  /** When an entry that was released for later is due; `undefined` for any other. */
  notBeforeOf(id: string): number | undefined {
    return this.#delayed.find((delayed) => delayed.id === id)?.notBefore;
  }

  /**
   * Leases exactly these entries, out of their turn. Those that are leased already, or are not in the
   * queue, are not among what it returns.
   */
  withdraw(ids: readonly string[]): readonly SpoolEntry[] {
    const wanted = new Set(ids);
    const taken = [...this.#takeDelayed(wanted), ...this.#takeWaiting(wanted)];
    for (const id of taken) wanted.delete(id);
    const entries = taken.map(entryNamed);
    for (const id of wanted) {
      const entry = entryNamed(id);
      if (!this.#present.leave(entry)) continue;
      this.#leasedFollowers.add(id);
      entries.push(entry);
    }
    for (const entry of entries) this.#leased.set(entry.id, entry);
    return entries;
  }

  /** Entries that were released for later are due now; returns which of these were. */
  hasten(ids: readonly string[]): readonly SpoolEntry[] {
    const hastened = this.#takeDelayed(new Set(ids));
    for (const id of hastened) this.#comeBack(id);
    return hastened.map(entryNamed);
  }

  /** `lease` hands out nothing for this destination until `resume`. */
  pause(destination: string): void {
    this.#paused.add(destination);
    this.#replace(this.#groups.values());
  }

  resume(destination: string): void {
    this.#paused.delete(destination);
    this.#replace([...this.#parked]);
  }

  /** Looks at every group: for the occasional reader of figures, not for each object. */
  oldestArrivedAt(): number | undefined {
    let oldest: string | undefined;
    const consider = (id: string): void => {
      if (oldest === undefined || id < oldest) oldest = id;
    };
    for (const group of this.#groups.values()) consider(headOf(group));
    for (const { id } of this.#delayed) consider(id);
    for (const id of this.#leased.keys()) consider(id);
    return oldest === undefined ? undefined : entryNamed(oldest).arrivedAt;
  }

  #groupKeyOf(id: string, destination: string): string {
    const company = this.#companies.get(id);
    const batchKey = batchKeyOf(id, destination);
    return company === undefined ? batchKey : `${batchKey} ${company}`;
  }

  #enqueue(id: string, { destination, urgent, bytes }: SpoolEntry): Group {
    const key = this.#groupKeyOf(id, destination);
    const group = this.#groups.get(key);
    this.#waitingBytes += bytes;
    if (!group) {
      // One plain literal: spreading several makes objects of three times the size.
      const fresh: Group = {
        key,
        urgent,
        ids: [id],
        bytes,
        newestId: id,
        dueThroughId: '',
        lastArrivalAt: this.#now(),
        dueIndex: -1,
      };
      this.#groups.set(key, fresh);
      this.#place(fresh);
      return fresh;
    }
    heapPush(group.ids, id, olderId);
    group.bytes += bytes;
    group.lastArrivalAt = this.#now();
    if (id > group.newestId) group.newestId = id;
    if (group.dueIndex >= 0) heapRise(this.#due, group.dueIndex, moreUrgent, placedGroup);
    else this.#place(group);
    return group;
  }

  /** Puts an entry that has waited before back where its like is; it waits for nobody again. */
  #comeBack(id: string): void {
    const group = this.#enqueue(id, entryNamed(id));
    if (id > group.dueThroughId) group.dueThroughId = id;
    if (group.dueIndex < 0) this.#place(group);
  }

  #take(group: Group, limits: LeaseLimits): readonly NamedEntry[] {
    const entries: NamedEntry[] = [];
    let bytes = 0;
    while (group.ids.length > 0 && entries.length < Math.max(1, limits.maxInstances)) {
      const entry = entryNamed(headOf(group));
      if (entries.length > 0 && bytes + entry.bytes > limits.maxBytes) break;
      heapPop(group.ids, olderId);
      group.bytes -= entry.bytes;
      this.#waitingBytes -= entry.bytes;
      bytes += entry.bytes;
      entries.push(entry);
      this.#leased.set(entry.id, entry);
    }
    return entries;
  }

  #takeDelayed(wanted: ReadonlySet<string>): readonly string[] {
    const taken: string[] = [];
    for (const { id } of this.#delayed) if (wanted.has(id)) taken.push(id);
    if (taken.length > 0) heapKeep(this.#delayed, ({ id }) => !wanted.has(id), earlier);
    return taken;
  }

  #takeWaiting(wanted: ReadonlySet<string>): readonly string[] {
    const groups = new Set<Group>();
    for (const id of wanted) {
      const group = this.#groups.get(this.#groupKeyOf(id, entryNamed(id).destination));
      if (group) groups.add(group);
    }
    const taken: string[] = [];
    for (const group of groups) {
      heapKeep(
        group.ids,
        (id) => {
          if (!wanted.has(id)) return true;
          taken.push(id);
          const { bytes } = entryNamed(id);
          group.bytes -= bytes;
          this.#waitingBytes -= bytes;
          return false;
        },
        olderId,
      );
    }
    this.#replace(groups);
    return taken;
  }

  /** Puts groups where they now belong, after something about them changed. */
  #replace(changed: Iterable<Group>): void {
    const groups = new Set(changed);
    for (const group of groups) if (group.dueIndex >= 0) group.dueIndex = -1;
    heapKeep(this.#due, (group) => !groups.has(group), moreUrgent, placedGroup);
    for (const group of groups) {
      if (group.ids.length > 0) this.#place(group);
      else {
        this.#groups.delete(group.key);
        this.#gathering.delete(group);
        this.#parked.delete(group);
      }
    }
  }

  #isPaused(group: Group): boolean {
    return this.#paused.size > 0 && this.#paused.has(entryNamed(headOf(group)).destination);
  }

  /** Puts a group that is not among the due ones where it belongs. */
  #place(group: Group): void {
    this.#gathering.delete(group);
    this.#parked.delete(group);
    if (this.#isPaused(group)) {
      this.#parked.add(group);
      return;
    }
    const due =
      headOf(group) <= group.dueThroughId ||
      headOf(group) <= this.#flushedThroughId ||
      isEnough({ entries: group.ids.length, bytes: group.bytes }, this.#limits);
    if (due) heapPush(this.#due, group, moreUrgent, placedGroup);
    else this.#gathering.add(group);
  }

  #adopt(limits: LeaseLimits): void {
    const { maxInstances, maxBytes, requests } = this.#limits;
    const isSame = limits.maxInstances === maxInstances && limits.maxBytes === maxBytes;
    if (isSame && limits.requests === requests) return;
    this.#limits = limits;
    for (const group of [...this.#gathering]) this.#place(group);
  }

  #wake(): void {
    const now = this.#now();
    while (this.#delayed[0] !== undefined && this.#delayed[0].notBefore <= now) {
      const delayed = heapPop(this.#delayed, earlier);
      if (delayed) this.#comeBack(delayed.id);
    }
    for (const group of this.#gathering) {
      // An arrival in the future means that the clock was set back; its group has waited enough.
      const waitedMs = now - group.lastArrivalAt;
      if (waitedMs >= 0 && waitedMs < this.#batchIdleMs) break;
      group.dueThroughId = group.newestId;
      this.#place(group);
    }
  }
}
