import type { Duplex } from 'node:stream';
import { AssociationAbortedError, ProtocolViolationError } from '../errors/association-errors.ts';
import type { BridgeError } from '../errors/bridge-error.ts';
import type { Association, AssociationEnd } from './association.ts';
import type { Establishment, ReceivedRejection } from './association-user.ts';
import { outcomeOf } from './attempt.ts';
import type { Attempt } from './attempt.ts';
import { Connection } from './connection.ts';
import { EstablishedAssociation } from './established-association.ts';
import { implementationClassUid, implementationVersionName } from '../dicom/implementation.ts';
import { dicomApplicationContext } from './negotiation.ts';
import type {
  AssociationAcceptance,
  AssociationDecision,
  AssociationRequest,
} from './negotiation.ts';
import type { AssociationTimeouts } from './watchdog.ts';

export interface AcceptOptions {
  /** What we announce as the longest P-DATA-TF we take, and the most we send; at least 128. */
  readonly maxPduBytes: number;
  readonly timeouts: AssociationTimeouts;
  /**
   * Policy. Asked once, with a request PS3.8 has nothing against; the peer hears nothing until it
   * has answered. When it throws, the peer gets RJ(2,3,1) and the error comes out here.
   */
  readonly decide: (
    request: AssociationRequest,
  ) => AssociationDecision | Promise<AssociationDecision>;
  /** Ends the attempt; an association that stands is not touched. */
  readonly signal?: AbortSignal;
}

export type AcceptOutcome =
  | { readonly kind: 'accepted'; readonly association: Association }
  | {
      readonly kind: 'rejected';
      readonly request: AssociationRequest;
      readonly result: number;
      readonly source: number;
      readonly diagnostic: number;
    }
  | {
      readonly kind: 'failed';
      readonly cause: AcceptFailure;
      readonly error: BridgeError;
      /** When it came as far as a readable request. */
      readonly request?: AssociationRequest;
    };

/** Why there was neither an association nor a rejection. */
export type AcceptFailure =
  'artim' | 'bad-pdu' | 'unexpected-pdu' | 'connection-lost' | 'aborted-by-peer' | 'shutdown';

/**
 * Plays the acceptor on a fresh transport connection: waits for the request, asks `decide`, answers.
 *
 * ARTIM runs from this call to the complete request. The socket belongs to the upper layer from here
 * on and is closed in every case; the caller has set `setNoDelay` and keep-alive.
 *
 * @returns what became of it; rejects only with what `decide` threw.
 * @see PS3.8 §7.1, §9.1.5 (ARTIM)
 */
export function acceptAssociation(socket: Duplex, options: AcceptOptions): Promise<AcceptOutcome> {
  return outcomeOf(new Acceptor(socket, options), options.signal);
}

/** One transport connection on its way to an association. */
class Acceptor implements Attempt<AcceptOutcome>, Establishment {
  readonly outcome: Promise<AcceptOutcome>;
  readonly #connection: Connection;
  readonly #options: AcceptOptions;
  #resolve: (outcome: AcceptOutcome) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #request: AssociationRequest | undefined;

  constructor(socket: Duplex, options: AcceptOptions) {
    this.#options = options;
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    const { maxPduBytes, timeouts } = options;
    this.#connection = new Connection({
      socket,
      role: 'acceptor',
      maxPduBytes,
      timeouts,
      establishment: this,
    });
  }

  start(): void {
    this.#connection.open();
  }

  stop(): void {
    this.#connection.abort(0, 0, new AssociationAbortedError('the bridge is stopping'));
  }

  requested(request: AssociationRequest): void {
    this.#request = request;
    this.#answer(request).catch(this.#reject);
  }

  rejected({ result, source, diagnostic }: ReceivedRejection, request: AssociationRequest): void {
    this.#resolve({ kind: 'rejected', request, result, source, diagnostic });
  }

  accepted(): never {
    throw new ProtocolViolationError('nobody accepts an acceptor', 2);
  }

  failed(error: BridgeError, end: AssociationEnd): void {
    const request = this.#request;
    const cause = failureOf(error, end);
    this.#resolve({ kind: 'failed', cause, error, ...(request !== undefined && { request }) });
  }

  async #answer(request: AssociationRequest): Promise<void> {
    const decision = await this.#decide(request);
    if (decision.kind === 'reject') {
      if (this.#connection.reject(decision)) this.rejected(decision, request);
      return;
    }
    const { maxPduBytes } = this.#options;
    const acceptance = acceptanceOf(request, decision, maxPduBytes);
    const association = new EstablishedAssociation({
      connection: this.#connection,
      request,
      acceptance,
      maxPduBytes,
    });
    // Either may be false: the peer may have gone, or broken the protocol, while we made up our mind.
    if (this.#connection.accept(acceptance, association)) {
      this.#resolve({ kind: 'accepted', association });
    }
  }

  async #decide(request: AssociationRequest): Promise<AssociationDecision> {
    try {
      return await this.#options.decide(request);
    } catch (error) {
      this.#connection.reject({ kind: 'reject', result: 2, source: 3, diagnostic: 1 });
      throw error;
    }
  }
}

function acceptanceOf(
  request: AssociationRequest,
  decision: Extract<AssociationDecision, { kind: 'accept' }>,
  maxPduBytes: number,
): AssociationAcceptance {
  const { userIdentityResponse } = decision;
  return {
    protocolVersion: 1,
    // Sent back as received (PS3.8 Table 9-17).
    calledAeTitle: request.calledAeTitle,
    callingAeTitle: request.callingAeTitle,
    reserved: request.reserved,
    applicationContextName: dicomApplicationContext,
    contexts: decision.contexts,
    maxPduBytes,
    implementationClassUid,
    implementationVersionName,
    roleSelections: decision.roleSelections ?? [],
    extendedNegotiations: decision.extendedNegotiations ?? [],
    ...(request.asynchronousOperations !== undefined && {
      asynchronousOperations: { invoked: 1, performed: 1 },
    }),
    ...(userIdentityResponse !== undefined && { userIdentityResponse }),
  };
}

function failureOf(error: BridgeError, end: AssociationEnd): AcceptFailure {
  switch (end.kind) {
    case 'timeout':
      return 'artim';
    case 'aborted-by-peer':
      return 'aborted-by-peer';
    case 'connection-lost':
    case 'released':
      return 'connection-lost';
    case 'aborted':
      if (!(error instanceof ProtocolViolationError)) return 'shutdown';
      return error.abortReason === 2 ? 'unexpected-pdu' : 'bad-pdu';
  }
}
