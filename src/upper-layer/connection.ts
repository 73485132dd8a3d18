import type { Duplex } from 'node:stream';
import type { BridgeError } from '../errors/bridge-error.ts';
import {
  AssociationAbortedError,
  AssociationTimeoutError,
  describeAbort,
  ProtocolViolationError,
} from '../errors/association-errors.ts';
import type { AssociationEnd } from './association.ts';
import { judgeHeader } from './header-verdict.ts';
import { checkRequest } from './negotiation.ts';
import type {
  AssociationAcceptance,
  AssociationRejection,
  AssociationRequest,
} from './negotiation.ts';
import { decodePdu } from './pdu-decoder.ts';
import { encodePdu } from './pdu-encoder.ts';
import { PduReader } from './pdu-stream.ts';
import type { BodyTreatment, PduSink } from './pdu-stream.ts';
import type { ControlPdu, Pdu } from './pdu.ts';
import { SocketWriter } from './socket-writer.ts';
import { actionFor, stateAfter } from './state-table.ts';
import type { Action, Event, Role, State } from './state-table.ts';
import { Watchdog } from './watchdog.ts';
import type { AssociationTimeouts, Overdue } from './watchdog.ts';

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

/** Details of an event, for the actions that need some. */
interface Details {
  readonly pdu?: ControlPdu;
  readonly outgoing?: Pdu;
  readonly error?: BridgeError;
  readonly end?: AssociationEnd;
  readonly abort?: { readonly source: 0 | 2; readonly reason: number };
}

/**
 * One transport connection driven through the state table of PS3.8 §9.2: the only place where
 * socket, reader, table and timers meet. It knows nothing of commands and data sets.
 *
 * Having sent its last PDU it closes its own direction at once instead of awaiting the peer's close
 * as Sta13 would have it: both toolkits and devices react to the end of the stream sooner than to
 * silence, the PDU still arrives, and ARTIM frees the socket either way.
 */
export class Connection implements PduSink {
  readonly role: Role;
  readonly writer: SocketWriter;
  /** Resolves when the transport is gone. Never rejects. */
  readonly closed: Promise<AssociationEnd>;

  readonly #socket: Duplex;
  readonly #maxPduBytes: number;
  readonly #timeouts: AssociationTimeouts;
  readonly #establishment: Establishment;
  readonly #reader = new PduReader(this);
  readonly #resolveClosed: (end: AssociationEnd) => void;
  #user: AssociationUser | undefined;
  #request: AssociationRequest | undefined;
  #state: State = 'Sta1';
  #isOver = false;
  #end: AssociationEnd | undefined;
  #artim: NodeJS.Timeout | undefined;
  #watchdogTimer: NodeJS.Timeout | undefined;
  #transportError: Error | undefined;
  #paused = false;
  #bytesReceived = 0;

  constructor(options: {
    readonly socket: Duplex;
    readonly role: Role;
    readonly maxPduBytes: number;
    readonly timeouts: AssociationTimeouts;
    readonly establishment: Establishment;
  }) {
    this.role = options.role;
    this.writer = new SocketWriter(options.socket);
    this.#socket = options.socket;
    this.#maxPduBytes = options.maxPduBytes;
    this.#timeouts = options.timeouts;
    this.#establishment = options.establishment;
    let resolveClosed: (end: AssociationEnd) => void = () => undefined;
    this.closed = new Promise((resolve) => {
      resolveClosed = resolve;
    });
    this.#resolveClosed = resolveClosed;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  /** P-DATA may be sent: established, or asked to release but not yet answered. */
  get canSendData(): boolean {
    return actionFor(this.#state, 'Evt9') !== undefined;
  }

  /** Acceptor: the transport connection is there; ARTIM runs from now. */
  open(): void {
    this.#listen();
    this.#fire('Evt5');
  }

  /** Requestor: the transport connection is there; sends the request. */
  request(request: AssociationRequest): void {
    this.#listen();
    this.#request = request;
    this.#fire('Evt1');
    this.#fire('Evt2', { outgoing: { kind: 'associate-request', request } });
  }

  /** @returns false when the connection has ended meanwhile. */
  accept(acceptance: AssociationAcceptance, user: AssociationUser): boolean {
    if (this.#state !== 'Sta3') return false;
    this.#user = user;
    return this.#fire('Evt7', { outgoing: { kind: 'associate-accept', acceptance } });
  }

  /** @returns false when the connection has ended meanwhile. */
  reject(rejection: AssociationRejection): boolean {
    const { result, source, diagnostic } = rejection;
    return this.#fire('Evt8', {
      outgoing: { kind: 'associate-reject', result, source, diagnostic },
    });
  }

  requestRelease(): void {
    this.#fire('Evt11');
  }

  answerRelease(): void {
    this.#fire('Evt14');
  }

  /** Ends the association now, by A-ABORT where one may be sent. Does nothing once it has ended. */
  abort(source: 0 | 2, reason: number, error: BridgeError): void {
    const end: AssociationEnd = { kind: 'aborted', source, reason, detail: error.message };
    this.#giveUp(error, end, { source, reason });
  }

  /** Stops reading from the peer. */
  pause(): void {
    if (this.#state === 'Sta1' || this.#state === 'Sta13') return;
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  header(type: number, length: number): BodyTreatment {
    const verdict = judgeHeader(this.#state, { type, length, maxPduBytes: this.#maxPduBytes });
    switch (verdict.kind) {
      case 'go-on':
        return verdict.treatment;
      case 'refuse':
        this.#fire(verdict.event, { error: verdict.error });
        return verdict.treatment;
      case 'aborted':
        this.#receive({ kind: 'abort', source: 0, reason: 0 });
        return 'stop';
    }
  }

  body(type: number, bytes: Buffer): void {
    this.#receive(decodePdu(type, bytes));
  }

  fragmentStart(contextId: number, control: number, fragmentBytes: number): void {
    if (!this.#isOver) this.#user?.fragmentStart(contextId, control, fragmentBytes);
  }

  fragmentBytes(slice: Buffer): void {
    if (!this.#isOver) this.#user?.fragmentBytes(slice);
  }

  fragmentEnd(): void {
    if (!this.#isOver) this.#user?.fragmentEnd();
  }

  #listen(): void {
    this.#socket.on('data', (chunk: Buffer) => this.#read(chunk));
    this.#socket.on('end', () => {
      // Having sent our last word we wait for the socket to close, so that the word gets out.
      if (this.#state !== 'Sta13' && this.#state !== 'Sta1') this.#fire('Evt17');
    });
    this.#socket.on('error', (error) => {
      this.#transportError = error;
      this.#socket.destroy();
    });
    this.#socket.on('close', () => this.#onClose());
    if (this.#socket.destroyed) queueMicrotask(() => this.#onClose());
    this.#socket.resume();
  }

  #onClose(): void {
    this.#fire('Evt17');
    this.#stopArtim();
    this.#resolveClosed(this.#end ?? { kind: 'connection-lost' });
  }

  #read(chunk: Buffer): void {
    this.#bytesReceived += chunk.length;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#reader.stop();
      if (error instanceof ProtocolViolationError) {
        // Who has got as far as a whole A-ASSOCIATE-RQ is told what is wrong with it, though AA-1
        // speaks of the service user as the source.
        this.#fire('Evt19', { error, abort: { source: 2, reason: error.abortReason } });
      } else {
        const defect = new AssociationAbortedError('internal failure', { cause: error });
        this.abort(0, 0, defect);
      }
    }
  }

  #receive(pdu: ControlPdu): void {
    this.#fire(eventOfPdu[pdu.kind], { pdu });
  }

  /** @returns false where the table is blank. */
  #fire(event: Event, details: Details = {}): boolean {
    const action = actionFor(this.#state, event);
    if (action === undefined) return false;
    this.#state = stateAfter(action, this.role);
    this.#perform(action, details);
    return true;
  }

  #perform(action: Action, details: Details): void {
    switch (action) {
      case 'AE-1': // the caller has connected already
      case 'DT-1': // data goes past the table, straight to the writer
      case 'DT-2':
      case 'AR-6':
      case 'AR-7':
      case 'AA-6':
        return;
      case 'AA-7': // our direction is closed: nothing can be sent, nothing more is read
        this.#reader.stop();
        return;
      case 'AE-2':
        this.#send(details.outgoing);
        // PS3.8 leaves the answer's time open; without a limit a mute peer would hold us for ever.
        this.#startArtim();
        return;
      case 'AE-3':
        this.#stopArtim();
        if (details.pdu?.kind === 'associate-accept') {
          this.#user = this.#establishment.accepted(details.pdu.acceptance);
        }
        this.#startWatchdog();
        return;
      case 'AE-4':
        this.#finishUnaccepted();
        if (details.pdu?.kind === 'associate-reject' && this.#request !== undefined) {
          this.#establishment.rejected(details.pdu, this.#request);
        }
        this.#closeTransport();
        return;
      case 'AE-5':
        this.#startArtim();
        return;
      case 'AE-6':
        this.#stopArtim();
        if (details.pdu?.kind === 'associate-request') this.#indicate(details.pdu.request);
        return;
      case 'AE-7':
        this.#send(details.outgoing);
        this.#startWatchdog();
        return;
      case 'AE-8':
        this.#finishUnaccepted();
        this.#sendLast(details.outgoing);
        return;
      case 'AR-1':
        this.#send({ kind: 'release-request' });
        this.#startArtim();
        return;
      case 'AR-2':
        this.#user?.releaseRequested();
        return;
      case 'AR-8':
        // Both asked: the requestor answers first, the acceptor after it was answered. Our user has
        // asked already, so its answer is given.
        if (this.role === 'requestor') this.#fire('Evt14');
        return;
      case 'AR-9':
        this.#send({ kind: 'release-reply' });
        return;
      case 'AR-10':
        this.#fire('Evt14');
        return;
      case 'AR-3':
        this.#finish({ kind: 'released' });
        this.#closeTransport();
        return;
      case 'AR-4':
        this.#finish({ kind: 'released' });
        this.#sendLast({ kind: 'release-reply' });
        return;
      case 'AR-5':
        this.#stopArtim();
        return;
      case 'AA-1': {
        const abort = details.abort ?? { source: 0, reason: 0 };
        this.#finish(
          details.end ?? { kind: 'aborted', ...abort, ...detailOf(details) },
          details.error,
        );
        this.#sendLast({ kind: 'abort', ...abort });
        return;
      }
      case 'AA-8': {
        const reason =
          details.error instanceof ProtocolViolationError ? details.error.abortReason : 0;
        this.#finish({ kind: 'aborted', source: 2, reason, ...detailOf(details) }, details.error);
        this.#sendLast({ kind: 'abort', source: 2, reason });
        return;
      }
      case 'AA-2':
      case 'AA-3':
        if (details.pdu?.kind === 'abort') {
          const { source, reason } = details.pdu;
          const message = `the peer ended the association: ${describeAbort(source, reason)}`;
          const error = new AssociationAbortedError(message, {
            abortSource: source,
            abortReason: reason,
          });
          this.#finish({ kind: 'aborted-by-peer', source, reason }, error);
        } else {
          const error = new AssociationTimeoutError('no association request in time');
          this.#finish({ kind: 'timeout', detail: error.message }, error);
        }
        this.#stopArtim();
        this.#socket.destroy();
        return;
      case 'AA-4':
      case 'AA-5': {
        const message = 'the connection to the peer was lost';
        const error = new AssociationAbortedError(message, { cause: this.#transportError });
        this.#finish({ kind: 'connection-lost', detail: message }, error);
        this.#stopArtim();
        this.#socket.destroy();
        return;
      }
    }
  }

  #indicate(request: AssociationRequest): void {
    this.#request = request;
    const refusal = checkRequest(request);
    if (refusal === undefined) {
      this.#establishment.requested(request);
    } else {
      this.reject(refusal);
      this.#establishment.rejected(refusal, request);
    }
  }

  #giveUp(error: BridgeError, end: AssociationEnd, abort: NonNullable<Details['abort']>): void {
    if (this.#fire('Evt15', { error, end, abort }) || this.#state !== 'Sta2') return;
    // The table is blank here: nobody to abort with yet.
    this.#state = 'Sta1';
    this.#finish(end, error);
    this.#stopArtim();
    this.#socket.destroy();
  }

  /** Notes how it ended, the first time, and tells whoever listens. */
  #finish(end: AssociationEnd, error?: BridgeError): void {
    clearInterval(this.#watchdogTimer);
    if (this.#isOver) return;
    this.#isOver = true;
    this.#end = end;
    this.writer.fail(error ?? new AssociationAbortedError('the association has ended'));
    if (end.kind === 'released') {
      this.#user?.released();
      return;
    }
    const failure = error ?? new AssociationAbortedError('the association was aborted');
    if (this.#user === undefined) this.#establishment.failed(failure, end);
    else this.#user.failed(failure);
  }

  /** An A-ASSOCIATE-RJ went one way or the other: there never was an association to end. */
  #finishUnaccepted(): void {
    this.#isOver = true;
  }

  #send(pdu: Pdu | undefined): void {
    if (pdu !== undefined) this.writer.write([encodePdu(pdu)]);
  }

  #sendLast(pdu: Pdu | undefined): void {
    this.#send(pdu);
    this.#closeTransport();
  }

  /** Closes our direction and reads on into nothing, so that the peer's close, or ARTIM, ends it. */
  #closeTransport(): void {
    this.#startArtim();
    this.#paused = false;
    this.#socket.resume();
    this.#socket.end();
  }

  #startArtim(): void {
    this.#stopArtim();
    this.#artim = setTimeout(() => this.#onArtim(), this.#timeouts.artimMs);
  }

  #stopArtim(): void {
    clearTimeout(this.#artim);
  }

  #onArtim(): void {
    if (this.#state === 'Sta1') {
      this.#socket.destroy();
    } else if (!this.#fire('Evt18')) {
      this.#timeOut('the peer did not answer in time');
    }
  }

  #timeOut(message: string): void {
    const error = new AssociationTimeoutError(message);
    this.#giveUp(error, { kind: 'timeout', detail: message }, { source: 2, reason: 0 });
  }

  #startWatchdog(): void {
    const watchdog = new Watchdog(this.#timeouts);
    this.#watchdogTimer = setInterval(() => {
      const user = this.#user;
      const overdue = watchdog.tick({
        bytesReceived: this.#bytesReceived,
        writesCompleted: this.writer.writesCompleted,
        writesPending: this.writer.writesPending,
        paused: this.#paused,
        workingLocally: user?.isWorkingLocally ?? false,
        peerOwesBytes: this.#reader.isInsidePdu || (user?.isMidMessage ?? false),
      });
      if (overdue !== undefined) this.#onOverdue(overdue);
    }, watchdog.tickMs);
  }

  #onOverdue(overdue: Overdue): void {
    this.#timeOut(overdueMessages[overdue]);
    // An A-ABORT would queue behind what the peer does not take.
    if (overdue === 'write-stall') this.#socket.destroy();
  }
}

const overdueMessages = {
  idle: 'the peer was silent for too long',
  'too-slow': 'the peer sends too slowly',
  'write-stall': 'the peer does not read what it is sent',
} as const satisfies Record<Overdue, string>;

const eventOfPdu = {
  'associate-request': 'Evt6',
  'associate-accept': 'Evt3',
  'associate-reject': 'Evt4',
  'release-request': 'Evt12',
  'release-reply': 'Evt13',
  abort: 'Evt16',
} as const satisfies Record<ControlPdu['kind'], Event>;

function detailOf({ error }: Details): { readonly detail?: string } {
  return error === undefined ? {} : { detail: error.message };
}
