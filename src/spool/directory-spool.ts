import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Part10Source } from '../dicom/instance.ts';
import { SpoolUnavailableError } from '../errors/spool-errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { BufferPool } from './buffer-pool.ts';
import { DirectoryDesk } from './directory-desk.ts';
import { DirectorySync } from './directory-sync.ts';
import { diskError, errorCode } from './disk-error.ts';
import { DueSignal } from './due-signal.ts';
import { entryExtension, entryNamed } from './entry-name.ts';
import { EntryNamer } from './entry-namer.ts';
import { nodeFileOperations } from './file-operations.ts';
import type { FileOperations } from './file-operations.ts';
import { Intake } from './intake.ts';
import { KeptFolder } from './kept-folder.ts';
import { LeaseQueue } from './lease-queue.ts';
import { acquireLock } from './lock.ts';
import type { SpoolLock } from './lock.ts';
import { Pauses } from './pauses.ts';
import type { QueueDesk } from './queue-desk.ts';
import { setAside } from './set-aside.ts';
import { holdSameDataSet } from './same-data-set.ts';
import { createSpoolFolders } from './spool-folders.ts';
import type { SpoolFolders } from './spool-folders.ts';
import { openSource } from './spool-source.ts';
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
} from './spool.ts';
import { takeStock } from './stock.ts';
import type { Stock } from './stock.ts';
import { Watermark } from './watermark.ts';

/** What a spool in a folder needs to know. */
export interface DirectorySpoolOptions {
  /** Created for its owner only when missing; lies on one file system with all below it. */
  readonly folder: string;
  readonly minFreeBytes: number;
  /** Bound of what is received and waits; `undefined` for none but the disk. */
  readonly maxBytes: number | undefined;
  /** Name of the archive all objects are for: 1 to 32 lower-case letters and digits. */
  readonly destination: string;
  /** How long a batch waits for the next object of its study. */
  readonly batchIdleMs: number;
  /**
   * How long delivered objects stay in `kept/`; 0 for not at all. Without it nothing is kept, and what
   * is there stays: for one who opens the spool to look, or to replay.
   */
  readonly keepMs?: number | undefined;
  readonly now: () => number;
  readonly log: Logger;
  /** The real file system unless a test says otherwise. */
  readonly files?: FileOperations;
}

/** What exists only while the spool is open. */
interface OpenParts {
  readonly folders: SpoolFolders;
  readonly lock: SpoolLock;
  readonly readySync: DirectorySync;
  readonly failedSync: DirectorySync;
  readonly keptSync: DirectorySync;
  readonly kept: KeptFolder;
  readonly intake: Intake;
  readonly desk: DirectoryDesk;
}

/**
 * The durable queue as a folder of Part 10 files (DESIGN §6): `incoming/` → `ready/` → gone (or
 * for a while `kept/`), or `failed/` beside its reason. The folders are the queue; memory holds the names only.
 */
export class DirectorySpool implements Spool {
  readonly #options: DirectorySpoolOptions;
  readonly #files: FileOperations;
  readonly #queue: LeaseQueue;
  readonly #due: DueSignal;
  readonly #namer: EntryNamer;
  readonly #pool = new BufferPool({ bufferBytes: 128 * 1024, keep: 16 });
  #open: OpenParts | undefined;
  #started = false;
  #failedEntries = 0;

  constructor(options: DirectorySpoolOptions) {
    this.#options = options;
    this.#files = options.files ?? nodeFileOperations;
    const queue = new LeaseQueue(options);
    this.#queue = queue;
    this.#due = new DueSignal({ now: options.now, nextDueAt: () => queue.nextDueAt() });
    this.#namer = new EntryNamer(options);
  }

  async open(): Promise<void> {
    if (this.#started) throw new TypeError('a spool is opened once');
    this.#started = true;
    const { folder } = this.#options;
    const files = this.#files;
    let lock: SpoolLock | undefined;
    try {
      const folders = await createSpoolFolders(folder, files);
      const nonce = randomBytes(8).toString('hex');
      lock = await acquireLock({ folder: folders.lock, folderOfSpool: folder, nonce, files });
      await files.assertWritable(folders.incoming);
      const { keepMs, now, log } = this.#options;
      const kept = new KeptFolder({ files, folder: folders.kept, keepMs, now, log });
      const found = await takeStock(folders, kept, files);
      const pauses = await Pauses.read(folders.paused, files);
      this.#open = this.#begin(folders, { lock, kept, pauses });
      this.#resume(found);
      kept.start();
    } catch (error) {
      this.#started = false;
      await lock?.release();
      throw diskError('be opened', error);
    }
  }

  /** For an operator; while the spool is open. */
  get desk(): QueueDesk {
    return this.#opened().desk;
  }

  receive(object: ArrivingObject): Promise<SpoolWriter> {
    return this.#opened().intake.receive(object);
  }

  lease(limits: LeaseLimits): Lease | undefined {
    return this.#queue.lease(limits);
  }

  whenDue({ signal }: { readonly signal: AbortSignal }): Promise<void> {
    return this.#due.wait(signal);
  }

  source(entry: SpoolEntry): Promise<Part10Source> {
    return openSource(entry, this.#readyPath(entry), { files: this.#files, pool: this.#pool });
  }

  async contradicting(entry: SpoolEntry): Promise<SpoolEntry | undefined> {
    const next = this.#queue.nextOfInstance(entry);
    if (!next) return undefined;
    const parts = { files: this.#files, pool: this.#pool };
    try {
      const same = await holdSameDataSet(this.#readyPath(entry), this.#readyPath(next), parts);
      return same ? undefined : next;
    } catch (error) {
      throw diskError('compare two objects', error);
    }
  }

  /** No sync: should a power cut bring the file back, it is delivered again, which changes nothing. */
  async settle(entry: SpoolEntry): Promise<void> {
    const path = this.#readyPath(entry);
    try {
      if (!this.#opened().kept.take(entry, path)) await this.#files.unlink(path);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw diskError('remove an object', error);
    }
    if (this.#queue.remove(entry)) this.#due.notify();
  }

  release(entry: SpoolEntry, options: ReleaseOptions): void {
    this.#queue.release(entry, options);
    this.#due.notify();
  }

  async setAside(entry: SpoolEntry, reason: SetAsideReason): Promise<void> {
    const { folders, readySync, failedSync } = this.#opened();
    const { now } = this.#options;
    await setAside(entry, reason, { files: this.#files, folders, readySync, failedSync, now });
    if (!this.#queue.remove(entry)) return;
    this.#failedEntries += 1;
    this.#due.notify();
  }

  flush(): void {
    this.#queue.flush();
    this.#due.notify();
  }

  depth(): SpoolDepth {
    return {
      entries: this.#queue.entries,
      bytes: this.#queue.bytes,
      oldestArrivedAt: this.#queue.oldestArrivedAt(),
      failedEntries: this.#failedEntries,
    };
  }

  async accepts(): Promise<boolean> {
    return (await this.#open?.intake.accepts()) ?? false;
  }

  async close(): Promise<void> {
    const open = this.#open;
    if (!open) return;
    await open.intake.close();
    await open.desk.close();
    this.#open = undefined;
    await open.kept.close();
    for (const sync of [open.readySync, open.failedSync, open.keptSync]) await sync.close();
    await open.lock.release();
  }

  #begin(
    folders: SpoolFolders,
    {
      lock,
      kept,
      pauses,
    }: { readonly lock: SpoolLock; readonly kept: KeptFolder; readonly pauses: Pauses },
  ): OpenParts {
    const files = this.#files;
    const queue = this.#queue;
    const { minFreeBytes, maxBytes, now } = this.#options;
    const syncOf = (folder: string): DirectorySync =>
      new DirectorySync({ files, fd: files.openExisting(folder) });
    const readySync = syncOf(folders.ready);
    const failedSync = syncOf(folders.failed);
    const keptSync = syncOf(folders.kept);
    const watermark = new Watermark({
      ...{ files, folder: folders.incoming, minFreeBytes, maxBytes, now },
      queuedBytes: () => queue.bytes,
      makeRoom: (wantedBytes) => kept.makeRoom(wantedBytes),
    });
    const arrived = (entry: SpoolEntry): void => {
      queue.add(entry);
      this.#due.notify();
    };
    const intake = new Intake({
      ...{ files, folders, readySync, watermark, arrived, namer: this.#namer },
    });
    for (const destination of pauses.destinations) queue.pause(destination);
    const desk = new DirectoryDesk({
      ...{ files, folders, queue, readySync, failedSync, keptSync, kept, pauses, pool: this.#pool },
      failedChanged: (difference) => (this.#failedEntries += difference),
      dueChanged: () => this.#due.notify(),
    });
    return { folders, lock, readySync, failedSync, keptSync, kept, intake, desk };
  }

  #resume({ waiting, setAside, kept, sweptCount, foreignCount }: Stock): void {
    const { log } = this.#options;
    for (const ids of [setAside, kept]) for (const id of ids) this.#namer.passOver(entryNamed(id));
    for (const id of waiting) {
      const entry = entryNamed(id);
      this.#namer.passOver(entry);
      this.#queue.add(entry);
    }
    this.#queue.flush();
    this.#failedEntries = setAside.length;
    const { entries, bytes } = this.#queue;
    log.info(
      { entries, bytes, failedEntries: setAside.length, keptEntries: kept.length, sweptCount },
      'spool opened',
    );
    const paused = this.desk.paused();
    if (paused.length > 0) {
      log.warn({ paused }, 'delivery is on pause: nothing is sent there until `queue resume`');
    }
    // Their number only: a name somebody gave by hand may be a patient's.
    if (foreignCount > 0) log.warn({ foreignCount }, 'spool holds foreign files; left alone');
  }

  #readyPath({ id }: SpoolEntry): string {
    return join(this.#opened().folders.ready, `${id}${entryExtension}`);
  }

  #opened(): OpenParts {
    if (!this.#open) throw new SpoolUnavailableError('the spool is not open', undefined);
    return this.#open;
  }
}
