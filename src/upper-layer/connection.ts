import type { Duplex } from 'node:stream';
import { AssociationAbortedError, ProtocolViolationError } from '../errors/association-errors.ts';
import type { BridgeError } from '../errors/bridge-error.ts';
import type { AssociationEnd } from './association.ts';
import type { AssociationUser, Establishment } from './association-user.ts';
import { judgeHeader } from './header-verdict.ts';
import type {
  AssociationAcceptance,
  AssociationRejection,
  AssociationRequest,
} from './negotiation.ts';
import { decodePdu } from './pdu-decoder.ts';
import { PduReader } from './pdu-stream.ts';
import type { BodyTreatment, PduSink } from './pdu-stream.ts';
import type { ControlPdu } from './pdu.ts';
import type { SocketWriter } from './socket-writer.ts';
import { StateMachine } from './state-machine.ts';
import { actionFor } from './state-table.ts';
import type { Event, Role } from './state-table.ts';
import { Transport } from './transport.ts';
import type { TransportUser } from './transport.ts';
import { Watchdog } from './watchdog.ts';
import type { AssociationTimeouts, Overdue, Vitals } from './watchdog.ts';

/**
 * One transport connection in use for an association: turns what the peer sends and what the local
 * user wants into events for the state machine. It knows nothing of commands and data sets.
 */
export class Connection implements PduSink, TransportUser {
  readonly role: Role;
  /** Resolves when the transport is gone. Never rejects. */
  readonly closed: Promise<AssociationEnd>;

  readonly #transport: Transport;
  readonly #machine: StateMachine;
  readonly #watchdog: Watchdog;
  readonly #reader = new PduReader(this);
  readonly #maxPduBytes: number;
  #resolveClosed: (end: AssociationEnd) => void = () => undefined;

  constructor(options: {
    readonly socket: Duplex;
    readonly role: Role;
    readonly maxPduBytes: number;
    readonly timeouts: AssociationTimeouts;
    readonly establishment: Establishment;
  }) {
    const { socket, role, timeouts, establishment } = options;
    this.role = role;
    this.#maxPduBytes = options.maxPduBytes;
    this.#transport = new Transport({ socket, artimMs: timeouts.artimMs });
    this.#watchdog = new Watchdog(timeouts);
    this.#machine = new StateMachine({
      role,
      transport: this.#transport,
      establishment,
      guard: {
        start: () =>
          this.#watchdog.start(
            () => this.#vitals(),
            (overdue) => this.#onOverdue(overdue),
          ),
        stop: () => this.#watchdog.stop(),
      },
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  get writer(): SocketWriter {
    return this.#transport.writer;
  }

  get bytesReceived(): number {
    return this.#transport.bytesReceived;
  }

  /** P-DATA may be sent: established, or asked to release but not yet answered. */
  get canSendData(): boolean {
    return actionFor(this.#machine.state, 'Evt9') !== undefined;
  }

  /** Acceptor: the transport connection is there; ARTIM runs from now. */
  open(): void {
    this.#transport.listen(this);
    this.#machine.fire('Evt5');
  }

  /** Requestor: the transport connection is there; sends the request. */
  request(request: AssociationRequest): void {
    this.#transport.listen(this);
    this.#machine.fire('Evt1');
    this.#machine.fire('Evt2', { outgoing: { kind: 'associate-request', request } });
  }

  /** @returns false when the connection has ended meanwhile. */
  accept(acceptance: AssociationAcceptance, user: AssociationUser): boolean {
    return this.#machine.fire('Evt7', { outgoing: { kind: 'associate-accept', acceptance }, user });
  }

  /** @returns false when the connection has ended meanwhile. */
  reject(rejection: AssociationRejection): boolean {
    return this.#machine.fire('Evt8', { outgoing: { ...rejection, kind: 'associate-reject' } });
  }

  requestRelease(): void {
    this.#machine.fire('Evt11');
  }

  answerRelease(): void {
    this.#machine.fire('Evt14');
  }

  /** Ends the association now, by A-ABORT where one may be sent. Does nothing once it has ended. */
  abort(source: 0 | 2, reason: number, error: BridgeError): void {
    const end: AssociationEnd = { kind: 'aborted', source, reason, detail: error.message };
    this.#machine.giveUp(error, end, { source, reason });
  }

  /** Stops reading from the peer. */
  pause(): void {
    if (!this.#machine.isClosing) this.#transport.pause();
  }

  resume(): void {
    this.#transport.resume();
  }

  received(chunk: Buffer): void {
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#reader.stop();
      if (error instanceof ProtocolViolationError) {
        // Who has got as far as a whole A-ASSOCIATE-RQ is told what is wrong with it, though AA-1
        // speaks of the service user as the source.
        const abort = { source: 2, reason: error.abortReason } as const;
        this.#machine.fire('Evt19', { error, abort });
      } else {
        const defect = new AssociationAbortedError('internal failure', { cause: error });
        this.abort(0, 0, defect);
      }
    }
  }

  ended(): void {
    // Having sent our last word we wait for the socket to close, so that the word gets out.
    if (!this.#machine.isClosing) this.#machine.fire('Evt17');
  }

  gone(): void {
    this.#machine.fire('Evt17');
    this.#transport.stopArtim();
    this.#resolveClosed(this.#machine.end ?? { kind: 'connection-lost' });
  }

  artimExpired(): void {
    this.#machine.artimExpired();
  }

  header(type: number, length: number): BodyTreatment {
    const { state } = this.#machine;
    const verdict = judgeHeader(state, { type, length, maxPduBytes: this.#maxPduBytes });
    switch (verdict.kind) {
      case 'go-on':
        return verdict.treatment;
      case 'refuse':
        this.#machine.fire(verdict.event, { error: verdict.error });
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
    this.#machine.user?.fragmentStart(contextId, control, fragmentBytes);
  }

  fragmentBytes(slice: Buffer): void {
    this.#machine.user?.fragmentBytes(slice);
  }

  fragmentEnd(): void {
    this.#machine.user?.fragmentEnd();
  }

  #receive(received: ControlPdu): void {
    this.#machine.fire(eventOfPdu[received.kind], { received });
  }

  #vitals(): Vitals {
    const { user } = this.#machine;
    return {
      bytesReceived: this.#transport.bytesReceived,
      writesCompleted: this.#transport.writer.writesCompleted,
      writesPending: this.#transport.writer.writesPending,
      paused: this.#transport.isPaused,
      workingLocally: user?.isWorkingLocally ?? false,
      peerOwesBytes: this.#reader.isInsidePdu || (user?.isMidMessage ?? false),
    };
  }

  #onOverdue(overdue: Overdue): void {
    this.#machine.timeOut(overdueMessages[overdue]);
    // An A-ABORT would queue behind what the peer does not take.
    if (overdue === 'write-stall') this.#transport.destroy();
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
