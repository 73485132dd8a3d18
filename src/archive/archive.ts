import type { DicomJson } from '../dicom/dicom-json.ts';
import type { Part10Source, RetrievedObject } from '../dicom/instance.ts';
import type { Uid } from '../dicom/uid.ts';
import type { StowVerdict } from '../translate/stow-verdict.ts';

/** Waits are ended by the caller. */
interface Cancellable {
  readonly signal: AbortSignal;
}

/** What belongs to one delivery. */
interface Traced extends Cancellable {
  /** A trace-id of the W3C Trace Context, for archives that keep one. */
  readonly trace?: string;
}

/** What a search asks for, at one of the three levels (PS3.18 §10.6). */
export interface SearchQuery {
  readonly level: 'study' | 'series' | 'instance';
  readonly studyInstanceUid?: Uid;
  readonly seriesInstanceUid?: Uid;
  /** Attribute (eight hexadecimal digits) → value to match; `*` and `?` are wildcards. */
  readonly match: Readonly<Record<string, string>>;
  /** Attributes wanted beside those an archive returns anyway, or all it has. */
  readonly includeField?: readonly string[] | 'all';
  /** Names may be spelled differently (PS3.18 §8.3.4.2.1), where the archive can do that. */
  readonly fuzzyMatching?: boolean;
  readonly limit?: number;
  readonly offset?: number;
}

/** Which instances are meant; the fewer UIDs, the more instances. */
export interface InstanceSelector {
  readonly studyInstanceUid: Uid;
  readonly seriesInstanceUid?: Uid;
  readonly sopInstanceUid?: Uid;
}

/** Where objects go, whatever protocol leads there. */
export interface ObjectStore {
  /**
   * Stores a batch and says what became of each instance.
   *
   * Never throws for what the archive or the network did: that is the verdict's business.
   * @throws the signal's reason when the caller aborted, and what reading a source threw.
   */
  store(
    batch: readonly Part10Source[],
    options: Traced & {
      /** Not held back by a limit on the rate of uploads. */
      readonly urgent?: boolean;
    },
  ): Promise<StowVerdict>;
  /**
   * Asks something harmless to see whether the archive is there and works; `undefined` where that
   * cannot be told. Absent where there is nothing to ask.
   * @throws the signal's reason when the caller aborted.
   */
  answers?(options: Traced): Promise<boolean | undefined>;
  close(): Promise<void>;
}

/** An archive that can also be asked and read. */
export interface Archive extends ObjectStore {
  /** Results in the DICOM JSON Model, one a study, series or instance. */
  search(query: SearchQuery, options: Cancellable): Promise<readonly DicomJson[]>;
  /**
   * The selected objects as they are stored, one after the other; leaving the loop ends the request.
   * Throws {@link NotFoundError} when there are none.
   */
  retrieve(selector: InstanceSelector, options: Cancellable): AsyncIterable<RetrievedObject>;
  /** Their data sets without bulk data. Throws {@link NotFoundError} when there are none. */
  metadata(selector: InstanceSelector, options: Cancellable): Promise<readonly DicomJson[]>;
}
