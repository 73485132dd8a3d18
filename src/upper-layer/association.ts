import type { CommandSet } from './command-set.ts';
import type { AssociationAcceptance, AssociationRequest } from './negotiation.ts';

/** A presentation context both sides agreed on. */
export interface AcceptedContext {
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntax: string;
}

/** The data set of a message, while it arrives. */
export interface DataSetStream {
  /**
   * All fragments that have arrived since the last call (at least one), or `undefined` at the end of
   * the data set. Waits when nothing is there. The slices point into the chunks the socket
   * delivered. Reading lets a paused socket flow again.
   *
   * @throws {@link AssociationAbortedError}, {@link AssociationTimeoutError} or
   *   {@link ProtocolViolationError} when the association breaks: what was read is half an object.
   */
  read(): Promise<readonly Buffer[] | undefined>;
}

export interface IncomingMessage {
  readonly context: AcceptedContext;
  readonly command: CommandSet;
  readonly dataSet: DataSetStream | undefined;
  /** A C-CANCEL-RQ for it came in before it was handed out. */
  readonly isCancelled: boolean;
}

export interface OutgoingMessage {
  readonly contextId: number;
  readonly command: CommandSet;
  /** Present exactly when `command.hasDataSet`. Its buffers must not be reused before `send` resolves. */
  readonly dataSet?: AsyncIterable<Buffer> | Buffer;
}

export interface AssociationEnd {
  readonly kind: 'released' | 'aborted-by-peer' | 'aborted' | 'connection-lost' | 'timeout';
  /** Of the A-ABORT that was sent or received. */
  readonly source?: number;
  readonly reason?: number;
  readonly detail?: string;
}

/** An established association, in either role. */
export interface Association {
  readonly role: 'acceptor' | 'requestor';
  readonly request: AssociationRequest;
  /** What the acceptor answered. */
  readonly acceptance: AssociationAcceptance;
  readonly contexts: ReadonlyMap<number, AcceptedContext>;
  /** As the peer said; 0 means no limit. */
  readonly peerMaxPduBytes: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /**
   * The next command, its data set still streaming; `undefined` once the association was released.
   * What was left unread of the previous message's data set is dropped first. Calling it says that
   * the previous message is done with. A C-CANCEL-RQ does not come this way.
   *
   * @throws {@link AssociationAbortedError}, {@link AssociationTimeoutError} or
   *   {@link ProtocolViolationError} when the association ended otherwise.
   */
  receive(): Promise<IncomingMessage | undefined>;
  /** @param listener - told the Message ID of each C-CANCEL-RQ, at once. */
  onCancel(listener: (messageIdBeingRespondedTo: number) => void): void;
  /**
   * Resolves when everything was handed to the kernel. Messages leave whole, in the order of the
   * calls. When the data set's source fails after the first bytes have left, the association is
   * aborted: half a message cannot be taken back.
   */
  send(message: OutgoingMessage): Promise<void>;
  /** Asks the peer to release and resolves when it has agreed. What was not received is dropped. */
  release(): Promise<void>;
  abort(source?: 0 | 2, reason?: number): void;
  /** Resolves when the connection is gone, with how it ended. Never rejects. */
  readonly closed: Promise<AssociationEnd>;
}
