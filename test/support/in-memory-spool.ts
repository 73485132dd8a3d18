import type { InstanceIdentity, Part10Source } from '../../src/dicom/instance.ts';
import type {
  ArrivingObject,
  Lease,
  LeaseLimits,
  ReleaseOptions,
  SetAsideReason,
  Spool,
  SpoolDepth,
  SpoolEntry,
  SpoolWriter,
} from '../../src/spool/spool.ts';
import { uid } from './uid.ts';

interface Kept {
  readonly entry: SpoolEntry;
  readonly sopInstanceUid: string;
  readonly bytes: Buffer;
  company: string | undefined;
  notBefore: number;
}

/** A spool without a disk: what a journey did to it can be read off its fields. */
export class InMemorySpool implements Spool {
  readonly ready: Kept[] = [];
  readonly failed: { readonly sopInstanceUid: string; readonly reason: SetAsideReason }[] = [];
  readonly settled: string[] = [];
  readonly releases: ({ readonly id: string } & ReleaseOptions)[] = [];
  discarded = 0;
  /** Thrown by the next calls when set. */
  faults: { receive?: Error; write?: Error; commit?: Error; settle?: Error } = {};
  /** SOP Instance UIDs whose files are broken. */
  readonly unreadable = new Set<string>();
  readonly #now: () => number;
  readonly #leased = new Set<string>();
  #wake: (() => void)[] = [];
  #counter = 0;

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  open(): Promise<void> {
    return Promise.resolve();
  }

  receive(object: ArrivingObject): Promise<SpoolWriter> {
    if (this.faults.receive !== undefined) return Promise.reject(this.faults.receive);
    const chunks: Buffer[] = [];
    return Promise.resolve({
      write: (fragments) => {
        if (this.faults.write !== undefined) return Promise.reject(this.faults.write);
        chunks.push(...fragments.map((fragment) => Buffer.from(fragment)));
        return Promise.resolve();
      },
      commit: (identity, { urgent = false } = {}) =>
        this.faults.commit !== undefined
          ? Promise.reject(this.faults.commit)
          : Promise.resolve(
              this.add(identity, Buffer.concat(chunks), {
                urgent: urgent || object.urgent,
                association: object.association,
              }),
            ),
      discard: () => {
        this.discarded += 1;
        return Promise.resolve();
      },
    });
  }

  /** Puts an object into the queue as if it had been received. */
  add(
    identity: InstanceIdentity,
    bytes: Buffer,
    {
      urgent = false,
      association,
    }: { readonly urgent?: boolean; readonly association?: string | undefined } = {},
  ): SpoolEntry {
    this.#counter += 1;
    const entry: SpoolEntry = {
      id: `entry-${this.#counter}`,
      arrivedAt: this.#now(),
      urgent,
      destination: 'main',
      bytes: bytes.length,
      studyDigest: identity.studyInstanceUid,
      instanceDigest: identity.sopInstanceUid,
      association,
    };
    this.ready.push({
      entry,
      sopInstanceUid: identity.sopInstanceUid,
      bytes,
      company: undefined,
      notBefore: 0,
    });
    this.#wakeAll();
    return entry;
  }

  lease({ maxInstances, maxBytes }: LeaseLimits): Lease | undefined {
    const due = this.ready.filter(
      ({ entry, notBefore }) => notBefore <= this.#now() && !this.#leased.has(entry.id),
    );
    const [first] = due;
    if (first === undefined) return undefined;
    const taken: Kept[] = [];
    let length = 0;
    for (const kept of due.filter(({ company }) => company === first.company)) {
      length += kept.bytes.length;
      if (taken.length > 0 && (taken.length >= maxInstances || length > maxBytes)) break;
      taken.push(kept);
    }
    for (const { entry } of taken) this.#leased.add(entry.id);
    return { destination: 'main', entries: taken.map(({ entry }) => entry) };
  }

  whenDue({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    const idle = this.ready.filter(({ entry }) => !this.#leased.has(entry.id));
    const soonest = Math.min(...idle.map(({ notBefore }) => notBefore));
    return new Promise((resolve) => {
      // Due already, too: the clock may have passed it since `lease` looked.
      if (Number.isFinite(soonest)) setTimeout(resolve, Math.max(0, soonest - this.#now()));
      this.#wake.push(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  source(entry: SpoolEntry): Promise<Part10Source> {
    const { sopInstanceUid, bytes } = this.#find(entry);
    if (this.unreadable.has(sopInstanceUid)) return Promise.reject(new Error('EIO'));
    return Promise.resolve({
      sopInstanceUid: uid(sopInstanceUid),
      sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
      transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
      bytes: bytes.length,
      async *read() {
        yield await Promise.resolve(bytes);
      },
    });
  }

  contradicting(entry: SpoolEntry): Promise<SpoolEntry | undefined> {
    const kept = this.#find(entry);
    const others = this.ready.slice(this.ready.indexOf(kept) + 1);
    const next = others.find(({ sopInstanceUid }) => sopInstanceUid === kept.sopInstanceUid);
    return Promise.resolve(next?.bytes.equals(kept.bytes) === false ? next.entry : undefined);
  }

  settle(entry: SpoolEntry): Promise<void> {
    if (this.faults.settle !== undefined) return Promise.reject(this.faults.settle);
    this.settled.push(this.#take(entry).sopInstanceUid);
    return Promise.resolve();
  }

  release(entry: SpoolEntry, options: ReleaseOptions): void {
    const kept = this.#find(entry);
    if (!this.#leased.delete(entry.id)) throw new Error(`${entry.id} is not leased`);
    kept.notBefore = options.notBefore;
    kept.company = options.company ?? kept.company;
    this.releases.push({ id: entry.id, ...options });
    this.#wakeAll();
  }

  setAside(entry: SpoolEntry, reason: SetAsideReason): Promise<void> {
    this.failed.push({ sopInstanceUid: this.#take(entry).sopInstanceUid, reason });
    return Promise.resolve();
  }

  flush(): void {
    this.#wakeAll();
  }

  depth(): SpoolDepth {
    return {
      entries: this.ready.length,
      bytes: this.ready.reduce((sum, { bytes }) => sum + bytes.length, 0),
      oldestArrivedAt: this.ready[0]?.entry.arrivedAt,
      failedEntries: this.failed.length,
    };
  }

  accepts(): Promise<boolean> {
    return Promise.resolve(this.faults.receive === undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #find(entry: SpoolEntry): Kept {
    const kept = this.ready.find((each) => each.entry.id === entry.id);
    if (kept === undefined) throw new Error(`${entry.id} is not in the spool`);
    return kept;
  }

  #take(entry: SpoolEntry): Kept {
    const kept = this.#find(entry);
    this.ready.splice(this.ready.indexOf(kept), 1);
    this.#leased.delete(entry.id);
    this.#wakeAll();
    return kept;
  }

  #wakeAll(): void {
    const waiting = this.#wake;
    this.#wake = [];
    for (const wake of waiting) wake();
  }
}
