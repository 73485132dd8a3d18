import { BridgeError } from '../errors/bridge-error.ts';
import type { BridgeErrorCode } from '../errors/bridge-error.ts';
import { ObjectMismatchError } from '../errors/object-errors.ts';

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
};

/** The answer to a C-STORE that failed with this error; an unknown one is a defect of ours: 0110H. */
export function storeStatusFor(error: unknown): StoreStatus {
  if (!(error instanceof BridgeError)) {
    return { status: storeStatus.processingFailure, errorComment: 'internal error, see the log' };
  }
  return {
    status: statusOf[error.code],
    errorComment: error.message.slice(0, 64),
    ...(error instanceof ObjectMismatchError && { offendingElements: error.offendingElements }),
  };
}

/** `A700H`, as the standard writes a status. */
export function formatStatus(status: number): string {
  return `${status.toString(16).toUpperCase().padStart(4, '0')}H`;
}
