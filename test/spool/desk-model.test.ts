import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DirectorySpool } from '../../src/spool/directory-spool.ts';
import { parseEntryName } from '../../src/spool/entry-name.ts';
import type { SpoolEntry } from '../../src/spool/spool.ts';
import { newSpool, store, temporaryFolder } from './spool-fixture.ts';

/** What a device, the forwarder and an operator do, in any order and at once. */
const steps = [
  ...['store', 'store', 'store again', 'flush', 'lease', 'lease'],
  ...['settle', 'settle', 'release', 'delay', 'set aside'],
  ...['retry', 'replay', 'drop some', 'drop failed', 'pause', 'resume', 'restart'],
] as const;
type Step = (typeof steps)[number];

interface Deed {
  readonly step: Step;
  readonly number: number;
  /** Whether the next deed begins before this one has ended. */
  readonly atOnce: boolean;
}

const deed: fc.Arbitrary<Deed> = fc.record({
  step: fc.constantFrom(...steps),
  number: fc.nat(7),
  atOnce: fc.boolean(),
});

const reason = { code: 'refused', message: 'no', attempts: 1 };
const limits = { maxInstances: 3, maxBytes: 10_000 };
const hour = 3_600_000;
/** Of a pause and a resume at once, nobody could say which holds in the end. */
const alone: ReadonlySet<Step> = new Set(['restart', 'pause', 'resume']);

/** Where every entry must be, and the spool it is checked against. */
class Model {
  readonly folder = temporaryFolder();
  /** Whatever was acknowledged and not dropped, with its study: all that is delivered is kept. */
  readonly #studies = new Map<string, string>();
  readonly #delivered = new Set<string>();
  /** Orders to drop since it was last quiet, and how many entries they say they met. */
  #drops: { readonly studyInstanceUid: string | undefined; readonly entries: number }[] = [];
  readonly leased = new Map<string, SpoolEntry>();
  readonly #busyWith = new Set<Promise<unknown>>();
  paused = false;
  #pauses = 0;
  spool: DirectorySpool = this.#newSpool();
  stored = 0;

  #newSpool(): DirectorySpool {
    return newSpool({ folder: this.folder, keepMs: hour, batchIdleMs: 0 });
  }

  async do({ step, number, atOnce }: Deed): Promise<void> {
    if (alone.has(step)) await this.quiet();
    const work = this.#carryOut(step, number);
    this.#busyWith.add(work);
    if (atOnce && !alone.has(step)) await setImmediate();
    else await this.quiet();
  }

  async quiet(): Promise<void> {
    await Promise.all(this.#busyWith);
    this.#busyWith.clear();
    this.#forgetDropped();
  }

  /**
   * An order to drop meets also what is being stored at that moment, and its acknowledgement may come
   * after it. So what was dropped is known when all is done: as much as the answers said.
   */
  #forgetDropped(): void {
    const places = this.places();
    const gone = [...this.#studies].filter(([id]) => !places.has(id));
    const met = this.#drops.reduce((sum, { entries }) => sum + entries, 0);
    expect([gone.map(([id]) => id), gone.length]).toEqual([expect.anything(), met]);
    for (const [id, study] of gone) {
      const wanted = this.#drops.some(({ studyInstanceUid = study }) => studyInstanceUid === study);
      expect([id, wanted]).toEqual([id, true]);
      this.#studies.delete(id);
    }
    this.#drops = [];
  }

  async #carryOut(step: Step, number: number): Promise<void> {
    const { desk } = this.spool;
    const studyInstanceUid = `1.${number % 3}`;
    switch (step) {
      case 'store':
      case 'store again': {
        const sop = step === 'store' ? `1.2.${(this.stored += 1)}` : `1.2.${number}`;
        const entry = await store(this.spool, sop, { study: studyInstanceUid });
        this.#studies.set(entry.id, studyInstanceUid);
        return;
      }
      case 'flush':
        this.spool.flush();
        return;
      case 'lease': {
        const entries = this.spool.lease(limits)?.entries ?? [];
        if (entries.length > 0) expect(this.paused).toBe(false);
        const digests = [...this.leased.values(), ...entries].map((each) => each.instanceDigest);
        expect(new Set(digests).size).toBe(digests.length);
        for (const entry of entries) this.leased.set(entry.id, entry);
        return;
      }
      case 'settle': {
        const entry = this.#giveUp(number);
        if (entry === undefined) return;
        await this.spool.settle(entry);
        this.#delivered.add(entry.id);
        return;
      }
      case 'release':
      case 'delay': {
        const entry = this.#giveUp(number);
        if (entry === undefined) return;
        const company = number % 2 === 0 ? `company ${number}` : undefined;
        const notBefore = step === 'release' ? 0 : Date.now() + hour;
        this.spool.release(entry, { notBefore, company });
        return;
      }
      case 'set aside': {
        const entry = this.#giveUp(number);
        if (entry !== undefined) await this.spool.setAside(entry, reason);
        return;
      }
      case 'retry':
        await desk.retry(number < 4 ? {} : { studyInstanceUid });
        return;
      case 'replay':
        await desk.replay(number < 4 ? {} : { studyInstanceUid });
        return;
      case 'drop some':
        await this.#drop({ studyInstanceUid, states: ['waiting', 'delayed', 'sending'] });
        return;
      case 'drop failed':
        await this.#drop({ states: ['failed'] });
        return;
      case 'pause': {
        const turn = (this.#pauses += 1);
        // What is leased between the order and its effect is in flight.
        await desk.pause('main');
        // Unless somebody ordered the contrary meanwhile.
        if (turn === this.#pauses) this.paused = true;
        return;
      }
      case 'resume':
        this.#pauses += 1;
        this.paused = false;
        await desk.resume('main');
        return;
      case 'restart':
        await this.spool.close();
        this.leased.clear();
        this.spool = this.#newSpool();
        await this.spool.open();
        return;
    }
  }

  #giveUp(number: number): SpoolEntry | undefined {
    const entry = [...this.leased.values()][number % Math.max(1, this.leased.size)];
    if (entry !== undefined) this.leased.delete(entry.id);
    return entry;
  }

  async #drop(filter: Parameters<DirectorySpool['desk']['drop']>[0]): Promise<void> {
    const { entries } = await this.spool.desk.drop(filter);
    this.#drops.push({ studyInstanceUid: filter.studyInstanceUid, entries });
  }

  /** Id → the folders that hold it. */
  places(): ReadonlyMap<string, readonly string[]> {
    const places = new Map<string, string[]>();
    for (const folder of ['ready', 'failed', 'kept']) {
      for (const name of readdirSync(join(this.folder, folder))) {
        if (!name.endsWith('.dcm')) continue;
        const id = name.slice(folder === 'kept' ? 14 : 0, -4);
        places.set(id, [...(places.get(id) ?? []), folder]);
      }
    }
    return places;
  }

  async check(): Promise<void> {
    const places = this.places();
    const inQueue = [...places].filter(([, folders]) => folders.includes('ready'));
    const inFailed = [...places].filter(([, folders]) => folders.includes('failed'));
    for (const [id, folders] of places) expect([id, folders.length]).toEqual([id, 1]);
    for (const id of this.#studies.keys()) expect([id, places.has(id)]).toEqual([id, true]);
    const kept = [...places].filter(([, folders]) => folders.includes('kept'));
    for (const [id] of kept) expect([id, this.#delivered.has(id)]).toEqual([id, true]);
    expect(this.spool.depth()).toMatchObject({
      entries: inQueue.length,
      bytes: inQueue.reduce((sum, [id]) => sum + (parseEntryName(id)?.bytes ?? NaN), 0),
      failedEntries: inFailed.length,
    });
    const { entries } = await this.spool.desk.list({}, { limit: 10_000, offset: 0 });
    expect(entries.map(({ id }) => id)).toEqual([...places.keys()].sort());
    const sending = entries.filter(({ state }) => state === 'sending').map(({ id }) => id);
    expect(sending).toEqual([...this.leased.keys()].sort());
  }

  /** Everything that is owed can still be had: nothing is stuck. */
  async drain(): Promise<void> {
    await this.spool.desk.resume('main');
    for (const entry of this.leased.values()) this.spool.release(entry, { notBefore: 0 });
    await this.spool.desk.retry({});
    this.spool.flush();
    for (let lease = this.spool.lease(limits); lease; lease = this.spool.lease(limits)) {
      for (const entry of lease.entries) await this.spool.settle(entry);
    }
    expect(this.spool.depth()).toMatchObject({ entries: 0, bytes: 0, failedEntries: 0 });
    expect(new Set([...this.places().values()].flat())).toEqual(
      new Set(this.places().size > 0 ? ['kept'] : []),
    );
  }
}

describe('spool with an operator at it', () => {
  it('keeps every acknowledged object in exactly one place until it is delivered or dropped, whatever is done at once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(deed, { minLength: 10, maxLength: 60 }), async (deeds) => {
        const model = new Model();
        await model.spool.open();
        for (const each of deeds) await model.do(each);
        await model.quiet();
        await model.check();
        await model.drain();
        await model.spool.close();
      }),
      { numRuns: 60 },
    );
  }, 60_000);
});
