import type { Uid } from '../dicom/uid.ts';
import type { AnswerSummary } from './answer-summary.ts';
import type { TransportFault } from './transport-fault.ts';

/** What became of one instance of a STOW-RS request. */
export type InstanceOutcome =
  | { readonly kind: 'delivered'; readonly warningReason?: number }
  /** The archive is out of resources for this one; the same object may pass later. */
  | { readonly kind: 'retry'; readonly message: string; readonly failureReason?: number }
  /** The archive will not have this object, or has another in its place; somebody must look. */
  | {
      readonly kind: 'set-aside';
      /** Absent where the archive refused it. */
      readonly code?: DuplicateCode;
      readonly message: string;
      readonly failureReason?: number;
      readonly httpStatus?: number;
      readonly answer?: AnswerSummary;
    };

/** What came of comparing an object with the one the archive has under its UID, if they are not the same. */
export type DuplicateCode = 'differs-from-archived' | 'could-not-be-verified';

/**
 * Why the objects of a batch may themselves be what made it fail: the archive `broke` off in the
 * middle of it or answered with an error of its own, or said yes and was `silent` about all of them.
 */
export type Suspicion = 'broke' | 'silent';

/** Why there was no answer: something on the way, or no token to go with. */
export type DeliveryFault = TransportFault | 'token' | 'not-there';

/** What an answer (or its absence) to a STOW-RS request means; DESIGN §6's table. */
export type StowVerdict =
  /** Every instance that was sent has an outcome of its own. */
  | {
      readonly kind: 'each';
      readonly outcomes: ReadonlyMap<Uid, InstanceOutcome>;
      readonly httpStatus?: number;
    }
  /** Refused as a whole without saying which: halve it until the object is alone. */
  | {
      readonly kind: 'split';
      readonly message: string;
      readonly httpStatus: number;
      readonly answer?: AnswerSummary;
    }
  /** The same again, later. Without a suspicion, nothing can be said of the objects. */
  | {
      readonly kind: 'retry';
      readonly message: string;
      readonly httpStatus?: number;
      readonly retryAfterMs?: number;
      readonly suspicion?: Suspicion;
      /** Why there was no answer; absent where there was one. */
      readonly fault?: DeliveryFault;
    }
  /** Nothing will pass until somebody changes a setting; condemns no object. */
  | {
      readonly kind: 'hold';
      readonly message: string;
      readonly httpStatus?: number;
      readonly fault?: DeliveryFault;
    };
