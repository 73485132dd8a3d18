import type { BridgeError } from '../errors/bridge-error.ts';
import type { AssociationEnd } from './association.ts';
import type { AssociationAcceptance, AssociationRequest } from './negotiation.ts';

/** Who hears about the association until it stands. */
export interface Establishment {
  /** A-ASSOCIATE indication. PS3.8's own checks have passed. Answer by `accept` or `reject`. */
  requested(request: AssociationRequest): void;
  /** A-ASSOCIATE-RJ was received, or sent because of PS3.8's own checks. */
  rejected(rejection: ReceivedRejection, request: AssociationRequest): void;
  /** A-ASSOCIATE-AC was received. Returns who hears from here on; may throw a violation. */
  accepted(acceptance: AssociationAcceptance): AssociationUser;
  failed(error: BridgeError, end: AssociationEnd): void;
}

/** As on the wire: a peer may have sent any number. */
export interface ReceivedRejection {
  readonly result: number;
  readonly source: number;
  readonly diagnostic: number;
}

/** Who hears about the association while it stands. Whatever a method throws aborts it. */
export interface AssociationUser {
  /** A message from the peer has begun and not ended. */
  readonly isMidMessage: boolean;
  /** The local user works on a message and does not wait for the peer. */
  readonly isWorkingLocally: boolean;
  fragmentStart(contextId: number, control: number, fragmentBytes: number): void;
  fragmentBytes(slice: Buffer): void;
  fragmentEnd(): void;
  /** A-RELEASE indication. Answer by `answerRelease` once everything received is worked off. */
  releaseRequested(): void;
  /** The association ended as it should. */
  released(): void;
  /** The association ended otherwise. */
  failed(error: BridgeError): void;
}
