import type { AeTitle } from '../dicom/ae-title.ts';
import type { InstanceIdentity, Part10Source } from '../dicom/instance.ts';
import type { Uid } from '../dicom/uid.ts';

/** What is known of an object before its first byte arrives: from the association and the command set. */
export interface ArrivingObject {
  readonly sopClassUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly transferSyntaxUid: Uid;
  readonly callingAeTitle: AeTitle;
  readonly calledAeTitle: AeTitle;
  /** True when the C-STORE command asked for HIGH priority (PS3.7 §9.1.1.1). */
  readonly urgent: boolean;
  /** Our name for the association it comes by. */
  readonly association?: string | undefined;
}

/** One durable object, as its file name tells it; nothing here needs the file to be opened. */
export interface SpoolEntry {
  /** The file name without folder and extension; unique in the spool. */
  readonly id: string;
  /** Milliseconds since the epoch at which the object was committed. */
  readonly arrivedAt: number;
  readonly urgent: boolean;
  /** Configured name of the archive it is meant for: lower-case letters and digits. */
  readonly destination: string;
  /** Length of the Part 10 file. */
  readonly bytes: number;
  /** Hexadecimal digest of the Study Instance UID. */
  readonly studyDigest: string;
  /** Hexadecimal digest of the SOP Instance UID. */
  readonly instanceDigest: string;
  /** The association it came by: eight characters of ours, to find its log lines. */
  readonly association?: string | undefined;
}

/** An object on its way into the spool. Exactly one of `commit` and `discard` ends it. */
export interface SpoolWriter {
  /**
   * Appends data-set bytes as received. Resolves when the next call may come. The chunks are the
   * writer's from now on: nobody may write into them again.
   * @throws {@link SpoolFullError} or {@link SpoolUnavailableError}; call `discard` then.
   */
  write(chunks: readonly Buffer[]): Promise<void>;
  /**
   * Makes the object durable: resolves only after fdatasync of the file, its rename into `ready/`
   * and fsync of that directory have returned. From then on it is in the queue.
   *
   * @param found - `urgent` when the data set itself turned out to be, whatever the command said.
   */
  commit(identity: InstanceIdentity, found?: { readonly urgent?: boolean }): Promise<SpoolEntry>;
  /** Removes every trace. Never rejects. */
  discard(): Promise<void>;
}

/** Bounds of one batch. */
export interface LeaseLimits {
  readonly maxInstances: number;
  readonly maxBytes: number;
  /**
   * Among how many requests at a time what waits is shared, so that none is busy while the others have
   * nothing left. Then a batch need not be full to be due, only worth a request. 1 when left out.
   */
  readonly requests?: number;
}

/**
 * Entries of one destination and one study, in order of arrival, held by the caller until each was
 * settled, released or set aside. No two leases hold the same SOP Instance UID at a time.
 */
export interface Lease {
  readonly destination: string;
  readonly entries: readonly SpoolEntry[];
}

/** How an entry goes back into the queue. */
export interface ReleaseOptions {
  /** Not to be leased before; milliseconds since the epoch. */
  readonly notBefore: number;
  /**
   * From now on it is leased only with entries of its study that were given the same word; without
   * one it stays in the company it has.
   */
  readonly company?: string | undefined;
}

/** Why an object was set aside; written beside it as JSON. Never patient data, never a secret. */
export interface SetAsideReason {
  readonly code: string;
  readonly message: string;
  readonly httpStatus?: number | undefined;
  readonly failureReason?: number | undefined;
  /** What we understood of the archive's answer; never its own words. */
  readonly answer?: object | undefined;
  readonly attempts: number;
}

/** How much waits. */
export interface SpoolDepth {
  readonly entries: number;
  readonly bytes: number;
  /** Milliseconds since the epoch at which the oldest waiting entry arrived. */
  readonly oldestArrivedAt: number | undefined;
  readonly failedEntries: number;
}

/**
 * The durable queue between the two worlds. What `commit` returned survives kill -9 and power loss
 * until it was settled, or stands in `failed/` with its reason.
 */
export interface Spool {
  /**
   * Takes the lock, sweeps what was never acknowledged and lists what waits, without opening files.
   * @throws {@link SpoolLockedError}, {@link SpoolUnavailableError}
   */
  open(): Promise<void>;
  /**
   * Begins one object; no byte reaches the disk when it throws.
   * @throws {@link SpoolFullError} (watermark), {@link SpoolUnavailableError}
   */
  receive(object: ArrivingObject): Promise<SpoolWriter>;
  /** Hands out the next batch that is due, or `undefined`; `whenDue` tells when to ask again. */
  lease(limits: LeaseLimits): Lease | undefined;
  /**
   * Resolves when `lease` may have something new (arrival, flush, a retry falling due), and when the
   * signal aborts.
   */
  whenDue(options: { readonly signal: AbortSignal }): Promise<void>;
  /** Opens one leased entry for sending; reads its group 0002 only. */
  source(entry: SpoolEntry): Promise<Part10Source>;
  /**
   * The next entry of the same SOP Instance UID, which waits until this leased one has left, where
   * its data set is another; `undefined` when there is none, or it is the same object once more.
   * @throws {@link SpoolUnavailableError} when either cannot be read.
   */
  contradicting(entry: SpoolEntry): Promise<SpoolEntry | undefined>;
  /** The archive confirmed this very SOP Instance UID: the file goes. */
  settle(entry: SpoolEntry): Promise<void>;
  /** Back into the queue. */
  release(entry: SpoolEntry, options: ReleaseOptions): void;
  /** Moves the file to `failed/`, its reason beside it, durably. */
  setAside(entry: SpoolEntry, reason: SetAsideReason): Promise<void>;
  /** An association ended: what waits for company goes now. */
  flush(): void;
  depth(): SpoolDepth;
  /** False while the watermark or an error would make `receive` throw. */
  accepts(): Promise<boolean>;
  /** Releases the lock. Leased entries stay on disk and are resumed at the next start. */
  close(): Promise<void>;
}
