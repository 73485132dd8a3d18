import { BridgeError } from '../errors/bridge-error.ts';
import type { BridgeErrorCode } from '../errors/bridge-error.ts';
import { ObjectMismatchError } from '../errors/object-errors.ts';
import type { InstanceOutcome } from './stow-verdict.ts';

/** C-STORE statuses the bridge answers with (PS3.4 §B.2.3, PS3.7 §9.1.1.1.9 and Annex C). */
export const storeStatus = {
  success: 0x0000,
  processingFailure: 0x0110,
  invalidSopInstance: 0x0117,
  sopClassNotSupported: 0x0122,
  outOfResources: 0xa700,
  dataSetDoesNotMatchSopClass: 0xa900,
  cannotUnderstand: 0xc000,
} as const;

/** What a C-STORE-RSP says beside the identifiers it echoes. */
export interface StoreStatus {
  readonly status: number;
  /** At most 64 characters (VR LO); neither patient data nor anything about our insides. */
  readonly errorComment?: string;
  readonly offendingElements?: readonly number[];
}

/** Status per error. A700H wherever the trouble is ours: the device shall keep its copy and try again. */
const statusOf: Readonly<Record<BridgeErrorCode, number>> = {
  configuration_invalid: storeStatus.processingFailure,
  spool_full: storeStatus.outOfResources,
  spool_unavailable: storeStatus.outOfResources,
  spool_locked: storeStatus.outOfResources,
  object_too_large: storeStatus.outOfResources,
  object_mismatch: storeStatus.dataSetDoesNotMatchSopClass,
  object_unreadable: storeStatus.cannotUnderstand,
  association_rejected: storeStatus.processingFailure,
  association_aborted: storeStatus.processingFailure,
  association_timeout: storeStatus.processingFailure,
  protocol_violation: storeStatus.processingFailure,
  peer_unreachable: storeStatus.outOfResources,
  peer_refused: storeStatus.outOfResources,
  token_unavailable: storeStatus.outOfResources,
  origin_unavailable: storeStatus.outOfResources,
  origin_refused: storeStatus.outOfResources,
  origin_answer_invalid: storeStatus.outOfResources,
  not_found: storeStatus.processingFailure,
  not_acceptable: storeStatus.processingFailure,
  unsupported_media_type: storeStatus.processingFailure,
  invalid_question: storeStatus.processingFailure,
  insufficient_scope: storeStatus.processingFailure,
  unknown_tenant: storeStatus.processingFailure,
};

/** VR LO: at most 64 characters. */
const mostCommentCharacters = 64;

/** The answer to a C-STORE that failed with this error; an unknown one is a defect of ours: 0110H. */
export function storeStatusFor(error: unknown): StoreStatus {
  if (!(error instanceof BridgeError)) {
    return { status: storeStatus.processingFailure, errorComment: 'internal error, see the log' };
  }
  return {
    status: statusOf[error.code],
    errorComment: error.message.slice(0, mostCommentCharacters),
    ...(error instanceof ObjectMismatchError && { offendingElements: error.offendingElements }),
  };
}

/**
 * The answer to a C-STORE that waited for the archive (`STORE_ACK=archived`).
 *
 * A device deletes its copy on success and gives up on a failure of the object itself. So a success
 * or a warning only where the archive says it has the object, its own Failure Reason only where it
 * will not have this object, and A700H ("try again") wherever the trouble is not the object's.
 *
 * @see PS3.4 Table B.2-1; PS3.18 Annex I for the reasons an archive may give.
 */
export function storeStatusOf(outcome: InstanceOutcome): StoreStatus {
  switch (outcome.kind) {
    case 'delivered': {
      const { warningReason = storeStatus.success } = outcome;
      return { status: isWarning(warningReason) ? warningReason : storeStatus.success };
    }
    case 'retry':
      return notConfirmed(outcome.message);
    case 'set-aside': {
      const { failureReason, httpStatus, message } = outcome;
      if (failureReason === undefined && httpStatus === payloadTooLarge) {
        return notConfirmed(message);
      }
      // A reason that is no failure would tell the device the opposite of what happened.
      const isGiven = failureReason !== undefined && isFailure(failureReason);
      return {
        status: isGiven ? failureReason : storeStatus.cannotUnderstand,
        errorComment: message.slice(0, mostCommentCharacters),
      };
    }
  }
}

/** The answer where the archive has not confirmed the object: it waits here, the device tries again. */
export function notConfirmed(message: string): StoreStatus {
  return {
    status: storeStatus.outOfResources,
    errorComment: message.slice(0, mostCommentCharacters),
  };
}

/** True for success and for the warnings: the object is kept (PS3.7 §C.1, §C.4). */
export function isStored(status: number): boolean {
  return status === storeStatus.success || isWarning(status);
}

const payloadTooLarge = 413;

/** Warnings outside Bxxx: attribute list error, attribute value out of range (PS3.7 §C.4). */
const generalWarnings: ReadonlySet<number> = new Set([0x0001, 0x0107, 0x0116]);

function isWarning(status: number): boolean {
  return status >> 12 === 0xb || generalWarnings.has(status);
}

/** Neither stored, nor cancelled (FE00), nor pending (FF00, FF01). */
function isFailure(status: number): boolean {
  return !isStored(status) && status >> 12 !== 0xf;
}

/** `A700H`, as the standard writes a status. */
export function formatStatus(status: number): string {
  return `${status.toString(16).toUpperCase().padStart(4, '0')}H`;
}
