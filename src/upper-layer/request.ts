import type { Duplex } from 'node:stream';
import {
  AssociationAbortedError,
  AssociationRejectedError,
  ProtocolViolationError,
} from '../errors/association-errors.ts';
import type { BridgeError } from '../errors/bridge-error.ts';
import type { Association } from './association.ts';
import type { AssociationUser, Establishment, ReceivedRejection } from './association-user.ts';
import { outcomeOf } from './attempt.ts';
import type { Attempt } from './attempt.ts';
import { Connection } from './connection.ts';
import { EstablishedAssociation } from './established-association.ts';
import { implementationClassUid, implementationVersionName } from '../dicom/implementation.ts';
import { dicomApplicationContext, smallestPduBytes } from './negotiation.ts';
import type {
  AssociationAcceptance,
  AssociationRequest,
  ExtendedNegotiation,
  ProposedContext,
  RoleSelection,
  UserIdentity,
} from './negotiation.ts';
import type { AssociationTimeouts } from './watchdog.ts';

export interface RequestOptions {
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  /** 1 to 128, with odd and different IDs. */
  readonly contexts: readonly ProposedContext[];
  /** What we announce as the longest P-DATA-TF we take, and the most we send; at least 128. */
  readonly maxPduBytes: number;
  readonly timeouts: AssociationTimeouts;
  readonly roleSelections?: readonly RoleSelection[];
  readonly extendedNegotiations?: readonly ExtendedNegotiation[];
  readonly userIdentity?: UserIdentity;
  /** Ends the attempt; an association that stands is not touched. */
  readonly signal?: AbortSignal;
}

/**
 * Plays the requestor on a connected transport: asks for an association and awaits the answer.
 *
 * The socket belongs to the upper layer from here on and is closed in every case; the caller has set
 * `setNoDelay`. An acceptor may accept the association and none of its contexts: look at
 * `contexts` before sending.
 *
 * @throws {@link AssociationRejectedError}, {@link AssociationAbortedError} (also when the connection
 *   is lost), {@link AssociationTimeoutError}, or {@link ProtocolViolationError} when the answer does
 *   not fit the question.
 * @see PS3.8 §7.1
 */
export function requestAssociation(socket: Duplex, options: RequestOptions): Promise<Association> {
  return outcomeOf(new Requestor(socket, options), options.signal);
}

class Requestor implements Attempt<Association>, Establishment {
  readonly outcome: Promise<Association>;
  readonly #connection: Connection;
  readonly #request: AssociationRequest;
  #resolve: (association: Association) => void = () => undefined;
  #reject: (error: BridgeError) => void = () => undefined;

  constructor(socket: Duplex, options: RequestOptions) {
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#request = requestOf(options);
    const { maxPduBytes, timeouts } = options;
    this.#connection = new Connection({
      socket,
      role: 'requestor',
      maxPduBytes,
      timeouts,
      establishment: this,
    });
  }

  start(): void {
    this.#connection.request(this.#request);
  }

  stop(): void {
    this.#connection.abort(0, 0, new AssociationAbortedError('the attempt was given up'));
  }

  requested(): never {
    throw new ProtocolViolationError('nobody asks a requestor', 2);
  }

  accepted(acceptance: AssociationAcceptance): AssociationUser {
    checkAcceptance(this.#request, acceptance);
    const association = new EstablishedAssociation({
      connection: this.#connection,
      request: this.#request,
      acceptance,
      maxPduBytes: this.#request.maxPduBytes,
    });
    this.#resolve(association);
    return association;
  }

  rejected({ result, source, diagnostic }: ReceivedRejection): void {
    this.#reject(new AssociationRejectedError(result, source, diagnostic));
  }

  failed(error: BridgeError): void {
    this.#reject(error);
  }
}

function requestOf(options: RequestOptions): AssociationRequest {
  const { userIdentity } = options;
  return {
    protocolVersion: 1,
    calledAeTitle: options.calledAeTitle.padEnd(16, ' '),
    callingAeTitle: options.callingAeTitle.padEnd(16, ' '),
    reserved: Buffer.alloc(32),
    applicationContextName: dicomApplicationContext,
    presentationContexts: options.contexts,
    maxPduBytes: options.maxPduBytes,
    implementationClassUid,
    implementationVersionName,
    roleSelections: options.roleSelections ?? [],
    extendedNegotiations: options.extendedNegotiations ?? [],
    ...(userIdentity !== undefined && { userIdentity }),
  };
}

/** An answer has to be one to our question: no other contexts, no other transfer syntaxes. */
function checkAcceptance(request: AssociationRequest, acceptance: AssociationAcceptance): void {
  const { maxPduBytes } = acceptance;
  if (maxPduBytes !== 0 && maxPduBytes < smallestPduBytes) {
    throw new ProtocolViolationError('maximum PDU length is too small to work with');
  }
  const proposed = new Map(request.presentationContexts.map((context) => [context.id, context]));
  for (const { id, result, transferSyntax } of acceptance.contexts) {
    const context = proposed.get(id);
    if (context === undefined) {
      throw new ProtocolViolationError('answer to a presentation context never proposed');
    }
    if (result === 0 && !context.transferSyntaxes.includes(transferSyntax)) {
      throw new ProtocolViolationError('accepted transfer syntax was never proposed');
    }
  }
}
