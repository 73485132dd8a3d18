import type { BridgeError } from '../errors/bridge-error.ts';
import { ProtocolViolationError } from '../errors/association-errors.ts';
import type { AcceptedContext, IncomingMessage } from './association.ts';
import { ByteGatherer } from './byte-gatherer.ts';
import { commandField, decodeCommandSet, maxCommandSetBytes } from './command-set.ts';
import type { CommandSet } from './command-set.ts';
import { DataSetQueue } from './data-set-queue.ts';
import { messageControl } from './pdu.ts';

/** Above this the socket is paused, until it is half gone. */
const maxHeldBytes = 4 * 1024 * 1024;

/** What a queued message costs beside its bytes. */
const messageOverheadBytes = 1024;

type Phase = 'between' | 'command' | 'data-set';

/**
 * Puts fragments together to messages (PS3.7 §6.3.1, PS3.8 Annex E) and hands them out one at a
 * time, in order. Commands are collected, data sets stream.
 *
 * Fragments of different messages do not mix on one association, so one assembly is enough.
 */
export class MessageInbox {
  readonly #contexts: ReadonlyMap<number, AcceptedContext>;
  readonly #flow: FlowControl;
  readonly #command = new ByteGatherer();
  readonly #cancelListeners: ((messageId: number) => void)[] = [];
  #phase: Phase = 'between';
  #context: AcceptedContext | undefined;
  #isLast = false;
  #incoming: DataSetQueue | undefined;

  #queue: QueuedMessage[] = [];
  /** The message the local user has. */
  #current: QueuedMessage | undefined;
  #receiver: Receiver | undefined;
  #releaseRequested = false;
  #dropping = false;
  #ended = false;
  #error: BridgeError | undefined;
  #heldBytes = 0;

  constructor(options: {
    readonly contexts: ReadonlyMap<number, AcceptedContext>;
    readonly flow: FlowControl;
  }) {
    this.#contexts = options.contexts;
    this.#flow = options.flow;
  }

  get isMidMessage(): boolean {
    return this.#phase !== 'between';
  }

  get isWorkingLocally(): boolean {
    if (this.#current === undefined) return false;
    return this.#receiver === undefined && this.#current.dataSet?.isAwaited !== true;
  }

  onCancel(listener: (messageId: number) => void): void {
    this.#cancelListeners.push(listener);
  }

  /** The next message; `undefined` once the association was released. */
  receive(): Promise<IncomingMessage | undefined> {
    if (this.#receiver !== undefined) {
      return Promise.reject(new RangeError('the next message is being awaited already'));
    }
    this.#current?.dataSet?.discard();
    this.#current = undefined;
    if (this.#error !== undefined) return Promise.reject(this.#error);
    return new Promise((resolve, reject) => {
      this.#receiver = { resolve, reject };
      this.#handOut();
    });
  }

  fragmentStart(contextId: number, control: number, fragmentBytes: number): void {
    const isCommand = (control & messageControl.command) !== 0;
    this.#isLast = (control & messageControl.last) !== 0;
    const context = this.#contexts.get(contextId);
    if (context === undefined) {
      throw new ProtocolViolationError('presentation context was not accepted', 6);
    }
    if (this.#phase === 'between') {
      if (!isCommand) throw new ProtocolViolationError('data set without a command', 2);
      this.#phase = 'command';
      this.#context = context;
    } else if (isCommand !== (this.#phase === 'command')) {
      throw new ProtocolViolationError('command and data set fragments are mixed', 2);
    } else if (context !== this.#context) {
      throw new ProtocolViolationError('presentation context changes within a message', 6);
    }
    if (isCommand && this.#command.length + fragmentBytes > maxCommandSetBytes) {
      throw new ProtocolViolationError('command set is too long', 6);
    }
  }

  fragmentBytes(slice: Buffer): void {
    if (this.#phase === 'command') this.#command.append(slice);
    else this.#incoming?.push(slice);
  }

  fragmentEnd(): void {
    if (!this.#isLast) return;
    if (this.#phase === 'command') {
      this.#endCommand(decodeCommandSet(this.#command.take()));
    } else {
      this.#phase = 'between';
      this.#incoming?.end();
      this.#incoming = undefined;
    }
  }

  /** The peer wants to release: whoever awaits the next message learns so after the last one. */
  releaseRequested(): void {
    if (this.isMidMessage) throw new ProtocolViolationError('release within a message', 2);
    this.#releaseRequested = true;
    this.#handOut();
  }

  /** The local user wants nothing more: what is queued and what comes is dropped. */
  drop(error: BridgeError): void {
    this.#dropping = true;
    this.#current?.dataSet?.fail(error);
    this.#incoming?.fail(error);
    for (const { dataSet } of this.#queue) dataSet?.fail(error);
    this.#charge(-messageOverheadBytes * this.#queue.length);
    this.#queue = [];
  }

  /** The association was released: whoever awaits a message learns that there is none. */
  end(): void {
    this.#ended = true;
    this.#handOut();
  }

  /** The association ended otherwise. */
  fail(error: BridgeError): void {
    this.#error ??= error;
    this.drop(error);
    this.#handOut();
  }

  #endCommand(command: CommandSet): void {
    const context = this.#context;
    if (context === undefined) return;
    this.#phase = command.hasDataSet ? 'data-set' : 'between';
    const dataSet = command.hasDataSet ? this.#openDataSet() : undefined;
    if (command.commandField === commandField.cCancelRq) {
      dataSet?.discard();
      this.#cancel(command.messageIdBeingRespondedTo);
      return;
    }
    if (this.#dropping) return;
    this.#queue.push(new QueuedMessage(context, command, dataSet));
    this.#charge(messageOverheadBytes);
    this.#handOut();
  }

  #openDataSet(): DataSetQueue {
    this.#incoming = new DataSetQueue((bytes) => this.#charge(bytes));
    return this.#incoming;
  }

  #cancel(messageId: number | undefined): void {
    if (messageId === undefined) return;
    for (const message of this.#queue) {
      if (message.command.messageId === messageId) message.isCancelled = true;
    }
    for (const listener of this.#cancelListeners) listener(messageId);
  }

  #handOut(): void {
    const receiver = this.#receiver;
    if (receiver === undefined) return;
    if (this.#error !== undefined) {
      this.#receiver = undefined;
      receiver.reject(this.#error);
      return;
    }
    const message = this.#queue.shift();
    if (message !== undefined) {
      this.#receiver = undefined;
      this.#current = message;
      this.#charge(-messageOverheadBytes);
      receiver.resolve(message);
    } else if (this.#ended) {
      this.#receiver = undefined;
      receiver.resolve(undefined);
    } else if (this.#releaseRequested) {
      // Everything received is worked off. The answer comes back here by `end`.
      this.#flow.answerRelease();
    }
  }

  #charge(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes > maxHeldBytes) this.#flow.pause();
    else if (this.#heldBytes <= maxHeldBytes / 2) this.#flow.resume();
  }
}

/** What the inbox asks of the connection. */
export interface FlowControl {
  pause(): void;
  resume(): void;
  answerRelease(): void;
}

class QueuedMessage implements IncomingMessage {
  readonly context: AcceptedContext;
  readonly command: CommandSet;
  readonly dataSet: DataSetQueue | undefined;
  isCancelled = false;

  constructor(context: AcceptedContext, command: CommandSet, dataSet: DataSetQueue | undefined) {
    this.context = context;
    this.command = command;
    this.dataSet = dataSet;
  }
}

interface Receiver {
  readonly resolve: (message: IncomingMessage | undefined) => void;
  readonly reject: (error: BridgeError) => void;
}
