import type { BridgeError } from '../errors/bridge-error.ts';
import { AssociationAbortedError } from '../errors/association-errors.ts';
import type {
  AcceptedContext,
  Association,
  AssociationEnd,
  IncomingMessage,
  OutgoingMessage,
} from './association.ts';
import type { AssociationUser } from './association-user.ts';
import type { Connection } from './connection.ts';
import { MessageInbox } from './message-inbox.ts';
import type { AssociationAcceptance, AssociationRequest } from './negotiation.ts';
import { PdvSender } from './pdv-sender.ts';

/** Joins a connection with the inbox and the sender: what the local user holds. */
export class EstablishedAssociation implements Association, AssociationUser {
  readonly request: AssociationRequest;
  readonly acceptance: AssociationAcceptance;
  readonly contexts: ReadonlyMap<number, AcceptedContext>;
  readonly peerMaxPduBytes: number;
  readonly #connection: Connection;
  readonly #inbox: MessageInbox;
  readonly #sender: PdvSender;
  #lastSend: Promise<unknown> = Promise.resolve();
  #error: BridgeError | undefined;
  #release: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined;

  /** @param options.maxPduBytes - our own limit, for what we send to a peer without one. */
  constructor(options: {
    readonly connection: Connection;
    readonly request: AssociationRequest;
    readonly acceptance: AssociationAcceptance;
    readonly maxPduBytes: number;
  }) {
    const { connection, request, acceptance, maxPduBytes } = options;
    this.request = request;
    this.acceptance = acceptance;
    this.contexts = acceptedContexts(request, acceptance);
    this.peerMaxPduBytes = (connection.role === 'acceptor' ? request : acceptance).maxPduBytes;
    this.#connection = connection;
    this.#inbox = new MessageInbox({ contexts: this.contexts, flow: connection });
    this.#sender = new PdvSender({
      writer: connection.writer,
      maxPduBytes:
        this.peerMaxPduBytes === 0 ? maxPduBytes : Math.min(this.peerMaxPduBytes, maxPduBytes),
    });
  }

  get role(): 'acceptor' | 'requestor' {
    return this.#connection.role;
  }

  get bytesReceived(): number {
    return this.#connection.bytesReceived;
  }

  get bytesSent(): number {
    return this.#connection.writer.bytesSent;
  }

  get closed(): Promise<AssociationEnd> {
    return this.#connection.closed;
  }

  receive(): Promise<IncomingMessage | undefined> {
    return this.#inbox.receive();
  }

  onCancel(listener: (messageIdBeingRespondedTo: number) => void): void {
    this.#inbox.onCancel(listener);
  }

  send(message: OutgoingMessage): Promise<void> {
    if (!this.contexts.has(message.contextId)) {
      return Promise.reject(new RangeError(`no accepted context ${message.contextId}`));
    }
    if (message.command.hasDataSet !== (message.dataSet !== undefined)) {
      return Promise.reject(new RangeError('command and message disagree about a data set'));
    }
    return this.#inTurn(() => this.#send(message));
  }

  release(): Promise<void> {
    return this.#inTurn(() => {
      if (!this.#connection.canSendData) {
        return this.#error === undefined ? Promise.resolve() : Promise.reject(this.#error);
      }
      return new Promise((resolve, reject) => {
        this.#release = { resolve, reject };
        this.#connection.requestRelease();
        // Blank in the table when the peer asked first: then our wish is its answer.
        this.#connection.answerRelease();
        this.#inbox.drop(new AssociationAbortedError('the association is being released'));
      });
    });
  }

  abort(source: 0 | 2 = 0, reason = 0): void {
    const error = new AssociationAbortedError('the association was aborted here', {
      abortSource: source,
      abortReason: reason,
    });
    this.#connection.abort(source, reason, error);
  }

  get isMidMessage(): boolean {
    return this.#inbox.isMidMessage;
  }

  get isWorkingLocally(): boolean {
    return this.#inbox.isWorkingLocally;
  }

  fragmentStart(contextId: number, control: number, fragmentBytes: number): void {
    this.#inbox.fragmentStart(contextId, control, fragmentBytes);
  }

  fragmentBytes(slice: Buffer): void {
    this.#inbox.fragmentBytes(slice);
  }

  fragmentEnd(): void {
    this.#inbox.fragmentEnd();
  }

  releaseRequested(): void {
    this.#inbox.releaseRequested();
  }

  released(): void {
    this.#inbox.end();
    this.#release?.resolve();
  }

  failed(error: BridgeError): void {
    this.#error = error;
    this.#inbox.fail(error);
    this.#release?.reject(error);
  }

  async #send(message: OutgoingMessage): Promise<void> {
    this.#mustStand();
    const progress = { started: false };
    const onStart = (): void => {
      // The data set's first piece may have taken its time.
      this.#mustStand();
      progress.started = true;
    };
    try {
      await this.#sender.send(message, onStart);
    } catch (error) {
      if (progress.started) this.abort();
      throw error;
    }
  }

  #mustStand(): void {
    if (this.#error !== undefined) throw this.#error;
    if (!this.#connection.canSendData) {
      throw new AssociationAbortedError('the association was released');
    }
  }

  /** One after the other, whatever became of the one before. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const turn = this.#lastSend.then(work);
    this.#lastSend = turn.catch(() => undefined);
    return turn;
  }
}

function acceptedContexts(
  request: AssociationRequest,
  acceptance: AssociationAcceptance,
): ReadonlyMap<number, AcceptedContext> {
  const proposed = new Map(request.presentationContexts.map((context) => [context.id, context]));
  const accepted = new Map<number, AcceptedContext>();
  for (const { id, result, transferSyntax } of acceptance.contexts) {
    const context = proposed.get(id);
    if (result !== 0 || context === undefined) continue;
    accepted.set(id, { id, abstractSyntax: context.abstractSyntax, transferSyntax });
  }
  return accepted;
}
