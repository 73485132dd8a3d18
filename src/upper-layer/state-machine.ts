import {
  AssociationAbortedError,
  AssociationTimeoutError,
  describeAbort,
  ProtocolViolationError,
} from '../errors/association-errors.ts';
import type { BridgeError } from '../errors/bridge-error.ts';
import type { AssociationEnd } from './association.ts';
import type { AssociationUser, Establishment } from './association-user.ts';
import { checkRequest } from './negotiation.ts';
import type { AssociationRequest } from './negotiation.ts';
import type { ControlPdu } from './pdu.ts';
import { actionFor, stateAfter } from './state-table.ts';
import type { Action, Event, Role, State } from './state-table.ts';
import type { Transport } from './transport.ts';

/** Details of an event, for the actions that need some. */
export interface EventDetails {
  /** The PDU that was received. */
  readonly received?: ControlPdu;
  /** The PDU that the local user wants sent. */
  readonly outgoing?: ControlPdu;
  /** With Evt7: who hears from here on. */
  readonly user?: AssociationUser;
  readonly error?: BridgeError;
  readonly end?: AssociationEnd;
  readonly abort?: AbortFields;
}

export interface AbortFields {
  readonly source: 0 | 2;
  readonly reason: number;
}

/** Watches over the association while it stands. */
export interface Guard {
  start(): void;
  stop(): void;
}

/**
 * Carries out the state table of PS3.8 §9.2: holds the state, and does what an action says to the
 * transport connection, to ARTIM, and to whoever listens.
 *
 * Where it does otherwise than Tables 9-6 to 9-9:
 * - Having sent or received the last PDU it closes its own direction at once instead of awaiting the
 *   peer's close: both toolkits and devices react to the end of the stream sooner than to silence,
 *   the PDU still arrives, and ARTIM frees the socket either way. Hence AA-7 can send no A-ABORT.
 * - ARTIM also limits the wait for an answer to A-ASSOCIATE-RQ and A-RELEASE-RQ, whose time PS3.8
 *   leaves open: a mute peer would hold us for ever.
 * - AR-6 indicates nothing: who has asked to release wants no more data.
 */
export class StateMachine {
  readonly #role: Role;
  readonly #transport: Transport;
  readonly #establishment: Establishment;
  readonly #guard: Guard;
  #user: AssociationUser | undefined;
  #request: AssociationRequest | undefined;
  #state: State = 'Sta1';
  #isOver = false;
  #end: AssociationEnd | undefined;

  constructor(options: {
    readonly role: Role;
    readonly transport: Transport;
    readonly establishment: Establishment;
    readonly guard: Guard;
  }) {
    this.#role = options.role;
    this.#transport = options.transport;
    this.#establishment = options.establishment;
    this.#guard = options.guard;
  }

  get state(): State {
    return this.#state;
  }

  /** Nothing is exchanged any more; at most the transport's close is awaited. */
  get isClosing(): boolean {
    return this.#state === 'Sta13' || this.#state === 'Sta1';
  }

  /** Who hears about the association; `undefined` before it stands and after its end. */
  get user(): AssociationUser | undefined {
    return this.#isOver ? undefined : this.#user;
  }

  get end(): AssociationEnd | undefined {
    return this.#end;
  }

  /** @returns false where the table is blank. */
  fire(event: Event, details: EventDetails = {}): boolean {
    const action = actionFor(this.#state, event);
    if (action === undefined) return false;
    this.#state = stateAfter(action, this.#role);
    this.#perform(action, details);
    return true;
  }

  /** Ends it now, by A-ABORT where one may be sent. Does nothing once it has ended. */
  giveUp(error: BridgeError, end: AssociationEnd, abort: AbortFields): void {
    if (this.fire('Evt15', { error, end, abort }) || this.#state !== 'Sta2') return;
    // The table is blank here: nobody to abort with yet.
    this.#state = 'Sta1';
    this.#finish(end, error);
    this.#transport.destroy();
  }

  timeOut(message: string): void {
    const error = new AssociationTimeoutError(message);
    this.giveUp(error, { kind: 'timeout', detail: message }, { source: 2, reason: 0 });
  }

  artimExpired(): void {
    if (this.#state === 'Sta1') {
      this.#transport.destroy();
    } else if (!this.fire('Evt18')) {
      this.timeOut('the peer did not answer in time');
    }
  }

  #perform(action: Action, details: EventDetails): void {
    const { received, outgoing } = details;
    switch (action) {
      case 'AE-1': // the caller has connected already
      case 'DT-1': // data goes past the table, straight to the writer
      case 'DT-2': // … and from the reader straight to the user
      case 'AR-6':
      case 'AR-7':
      case 'AA-6':
      case 'AA-7':
        return;
      case 'AE-2':
        if (outgoing?.kind === 'associate-request') this.#request = outgoing.request;
        this.#send(outgoing);
        this.#transport.startArtim();
        return;
      case 'AE-3':
        this.#transport.stopArtim();
        if (received?.kind === 'associate-accept') {
          this.#user = this.#establishment.accepted(received.acceptance);
        }
        this.#guard.start();
        return;
      case 'AE-4':
        this.#isOver = true;
        if (received?.kind === 'associate-reject' && this.#request !== undefined) {
          this.#establishment.rejected(received, this.#request);
        }
        this.#transport.close();
        return;
      case 'AE-5':
        this.#transport.startArtim();
        return;
      case 'AE-6':
        this.#transport.stopArtim();
        if (received?.kind === 'associate-request') this.#indicate(received.request);
        return;
      case 'AE-7':
        this.#user = details.user;
        this.#send(outgoing);
        this.#guard.start();
        return;
      case 'AE-8':
        this.#isOver = true;
        this.#sendLast(outgoing);
        return;
      case 'AR-1':
        this.#send({ kind: 'release-request' });
        this.#transport.startArtim();
        return;
      case 'AR-2':
        this.#user?.releaseRequested();
        return;
      case 'AR-8':
        // Both asked: the requestor answers first, the acceptor after it was answered. Our user has
        // asked already, so its answer is given.
        if (this.#role === 'requestor') this.fire('Evt14');
        return;
      case 'AR-9':
        this.#send({ kind: 'release-reply' });
        return;
      case 'AR-10':
        this.fire('Evt14');
        return;
      case 'AR-3':
        this.#finish({ kind: 'released' });
        this.#transport.close();
        return;
      case 'AR-4':
        this.#finish({ kind: 'released' });
        this.#sendLast({ kind: 'release-reply' });
        return;
      case 'AR-5':
        this.#transport.stopArtim();
        return;
      case 'AA-1':
        this.#abort(details.abort ?? { source: 0, reason: 0 }, details);
        return;
      case 'AA-2':
      case 'AA-3':
        if (received?.kind === 'abort') this.#finishAborted(received);
        else this.#finishUnrequested();
        this.#transport.destroy();
        return;
      case 'AA-4':
      case 'AA-5':
        this.#finishLost();
        this.#transport.destroy();
        return;
      case 'AA-8':
        this.#abort({ source: 2, reason: reasonOf(details.error) }, details);
        return;
    }
  }

  #indicate(request: AssociationRequest): void {
    this.#request = request;
    const refusal = checkRequest(request);
    if (refusal === undefined) {
      this.#establishment.requested(request);
    } else {
      this.fire('Evt8', { outgoing: { ...refusal, kind: 'associate-reject' } });
      this.#establishment.rejected(refusal, request);
    }
  }

  #abort(abort: AbortFields, { error, end }: EventDetails): void {
    const aborted: AssociationEnd = { kind: 'aborted', ...abort };
    const detail = error === undefined ? {} : { detail: error.message };
    this.#finish(end ?? { ...aborted, ...detail }, error);
    this.#sendLast({ kind: 'abort', ...abort });
  }

  #finishAborted({ source, reason }: { readonly source: number; readonly reason: number }): void {
    const message = `the peer ended the association: ${describeAbort(source, reason)}`;
    const facts = { abortSource: source, abortReason: reason };
    const end: AssociationEnd = { kind: 'aborted-by-peer', source, reason };
    this.#finish(end, new AssociationAbortedError(message, facts));
  }

  #finishUnrequested(): void {
    const error = new AssociationTimeoutError('no association request in time');
    this.#finish({ kind: 'timeout', detail: error.message }, error);
  }

  #finishLost(): void {
    const message = 'the connection to the peer was lost';
    const error = new AssociationAbortedError(message, { cause: this.#transport.error });
    this.#finish({ kind: 'connection-lost', detail: message }, error);
  }

  /** Notes how it ended, the first time, and tells whoever listens. */
  #finish(end: AssociationEnd, error?: BridgeError): void {
    this.#guard.stop();
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end = end;
    this.#transport.writer.fail(error ?? new AssociationAbortedError('the association has ended'));
    if (end.kind === 'released') {
      this.#user?.released();
      return;
    }
    const failure = error ?? new AssociationAbortedError('the association was aborted');
    if (this.#user === undefined) this.#establishment.failed(failure, end);
    else this.#user.failed(failure);
  }

  #send(pdu: ControlPdu | undefined): void {
    if (pdu !== undefined) this.#transport.send(pdu);
  }

  #sendLast(pdu: ControlPdu | undefined): void {
    this.#send(pdu);
    this.#transport.close();
  }
}

function reasonOf(error: BridgeError | undefined): number {
  return error instanceof ProtocolViolationError ? error.abortReason : 0;
}
