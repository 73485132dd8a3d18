import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Part10Source } from '../dicom/instance.ts';
import { SpoolUnavailableError } from '../errors/spool-errors.ts';
import type { Logger } from '../telemetry/logger.ts';
import { BufferPool } from './buffer-pool.ts';
import { DirectorySync } from './directory-sync.ts';
import { diskError, errorCode } from './disk-error.ts';
import { DueSignal } from './due-signal.ts';
import { entryExtension } from './entry-name.ts';
import type { NamedEntry } from './entry-name.ts';
import { EntryNamer } from './entry-namer.ts';
import { nodeFileOperations } from './file-operations.ts';
import type { FileOperations } from './file-operations.ts';
import { Intake } from './intake.ts';
import { LeaseQueue } from './lease-queue.ts';
import { acquireLock } from './lock.ts';
import type { SpoolLock } from './lock.ts';
import { reasonExtension, setAside } from './set-aside.ts';
import { createSpoolFolders, listEntries, sweepIncoming } from './spool-folders.ts';
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
  readonly intake: Intake;
}

/** What a spool that is being opened holds. */
interface Stock {
  readonly waiting: readonly NamedEntry[];
  readonly setAside: readonly NamedEntry[];
  readonly sweptCount: number;
  readonly foreignCount: number;
}

/**
 * The durable queue as a folder of Part 10 files (DESIGN §6): `incoming/` → `ready/` → gone, or
 * `failed/` beside its reason. The folders are the queue; memory holds the names only.
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
      const found = await this.#takeStock(folders);
      this.#open = this.#begin(folders, lock);
      this.#resume(found);
    } catch (error) {
      this.#started = false;
      await lock?.release();
      throw diskError('be opened', error);
    }
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

  /** No sync: should a power cut bring the file back, it is delivered again, which changes nothing. */
  async settle(entry: SpoolEntry): Promise<void> {
    try {
      await this.#files.unlink(this.#readyPath(entry));
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
    this.#open = undefined;
    await open.readySync.close();
    await open.failedSync.close();
    await open.lock.release();
  }

  #begin(folders: SpoolFolders, lock: SpoolLock): OpenParts {
    const files = this.#files;
    const { minFreeBytes, maxBytes, now } = this.#options;
    const readySync = new DirectorySync({ files, fd: files.openExisting(folders.ready) });
    const failedSync = new DirectorySync({ files, fd: files.openExisting(folders.failed) });
    const watermark = new Watermark({
      ...{ files, folder: folders.incoming, minFreeBytes, maxBytes, now },
      queuedBytes: () => this.#queue.bytes,
    });
    const arrived = (entry: SpoolEntry): void => {
      this.#queue.add(entry);
      this.#due.notify();
    };
    const intake = new Intake({
      ...{ files, folders, readySync, watermark, arrived, namer: this.#namer },
    });
    return { folders, lock, readySync, failedSync, intake };
  }

  /** Clears what was never acknowledged, and lists what was. */
  async #takeStock(folders: SpoolFolders): Promise<Stock> {
    const files = this.#files;
    const swept = await sweepIncoming(folders.incoming, files);
    const ready = await listEntries(folders.ready, [entryExtension], files);
    const failed = await listEntries(folders.failed, [entryExtension, reasonExtension], files);
    const [waiting = []] = ready.ours;
    const setAsideById = new Map(failed.ours.flat().map((entry) => [entry.id, entry]));
    for (const { id } of setAsideById.size > 0 ? waiting : []) {
      // A reason was written, but its object not moved: it is still to be delivered.
      if (!setAsideById.delete(id)) continue;
      await files.unlink(join(folders.failed, `${id}${reasonExtension}`));
    }
    const foreignCount = swept.foreignCount + ready.foreignCount + failed.foreignCount;
    const setAside = [...setAsideById.values()];
    return { waiting, setAside, sweptCount: swept.sweptCount, foreignCount };
  }

  #resume({ waiting, setAside, sweptCount, foreignCount }: Stock): void {
    const { log } = this.#options;
    for (const entry of setAside) this.#namer.passOver(entry);
    for (const entry of waiting) {
      this.#namer.passOver(entry);
      this.#queue.add(entry);
    }
    this.#queue.flush();
    this.#failedEntries = setAside.length;
    const { entries, bytes } = this.#queue;
    log.info({ entries, bytes, failedEntries: setAside.length, sweptCount }, 'spool opened');
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
