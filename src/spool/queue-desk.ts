import type { Part10Source } from '../dicom/instance.ts';
import type { SetAsideReason, SpoolEntry } from './spool.ts';

/**
 * Where an entry stands: `waiting` for its turn, `delayed` until its next attempt, `sending` right
 * now, `failed` with a reason, or `kept` after its delivery.
 */
export type EntryState = 'waiting' | 'delayed' | 'sending' | 'failed' | 'kept';

export const entryStates: readonly EntryState[] = [
  'waiting',
  'delayed',
  'sending',
  'failed',
  'kept',
];

/** Which entries are meant; what is left out does not limit. */
export interface QueueFilter {
  readonly ids?: readonly string[];
  readonly destination?: string;
  /** Study Instance UID, exactly. */
  readonly studyInstanceUid?: string;
  readonly states?: readonly EntryState[];
  /** Milliseconds since the epoch, both inclusive. For `kept` entries, of their arrival too. */
  readonly arrivedFrom?: number;
  readonly arrivedUntil?: number;
}

/** Why an entry stands in `failed/`, as its reason file says, with the time it was put there. */
export interface FailedReason extends SetAsideReason {
  /** ISO 8601, UTC. */
  readonly setAsideAt: string;
}

/** An entry and where it stands. */
export interface QueuedEntry extends SpoolEntry {
  readonly state: EntryState;
  /** Of a `delayed` entry: not sent before; milliseconds since the epoch. */
  readonly notBefore?: number;
  /** Of a `kept` entry; milliseconds since the epoch. */
  readonly deliveredAt?: number;
  /** Of a `failed` entry; absent when its reason cannot be read. */
  readonly reason?: FailedReason;
}

/** One page of a list, oldest first, and how much the filter meets in all. */
export interface QueuePage {
  readonly entries: readonly QueuedEntry[];
  readonly total: number;
  readonly totalBytes: number;
}

/** What the head of an entry's own file says, beyond its name. */
export interface EntryDetails extends QueuedEntry {
  readonly sopClassUid: string;
  readonly sopInstanceUid: string;
  readonly transferSyntaxUid: string;
  readonly studyInstanceUid: string | undefined;
  readonly seriesInstanceUid: string | undefined;
  readonly modality: string | undefined;
  readonly callingAeTitle: string | undefined;
  readonly calledAeTitle: string | undefined;
}

/** An entry's file held open: its bytes stay readable whatever becomes of the entry. */
export interface HeldSource extends Part10Source {
  /** Lets go of the file; whoever got one calls it, more than once does no harm. */
  close(): void;
}

/** How many entries an order met. */
export interface QueueEffect {
  readonly entries: number;
  readonly bytes: number;
  /** Met by the filter, but left alone because they are being sent at this moment. */
  readonly busy: number;
}

/** What an operator may ask of the queue and do to it, on a bridge that runs or on one that does not. */
export interface QueueDesk {
  list(
    filter: QueueFilter,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<QueuePage>;
  /** `undefined` when there is no such entry. */
  show(id: string): Promise<EntryDetails | undefined>;
  /** Opens an entry's file for copying; `undefined` when there is no such entry. */
  open(id: string): Promise<HeldSource | undefined>;
  /** `failed` entries go back into the queue, `delayed` ones are due at once; others stay. */
  retry(filter: QueueFilter): Promise<QueueEffect>;
  /** `kept` entries go into the queue once more. */
  replay(filter: QueueFilter): Promise<QueueEffect>;
  /** Removes entries for good, durably; whatever is being sent stays. */
  drop(filter: QueueFilter): Promise<QueueEffect>;
  /** Nothing more is sent there until `resume`, after a restart neither. */
  pause(destination: string): Promise<void>;
  resume(destination: string): Promise<void>;
  /** Destinations on pause. */
  paused(): readonly string[];
}
