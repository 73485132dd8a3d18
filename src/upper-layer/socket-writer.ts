import type { Duplex } from 'node:stream';
import type { BridgeError } from '../errors/bridge-error.ts';

/**
 * What may wait in the socket before a sender has to wait: enough to keep the wire busy while the
 * next PDU is made, little enough to have for every association.
 */
const maxWaitingBytes = 512 * 1024;

/** Writes PDUs to a socket: one system call each, with back-pressure and a progress counter. */
export class SocketWriter {
  readonly #socket: Duplex;
  #bytesSent = 0;
  #pending = 0;
  #completed = 0;
  #error: BridgeError | undefined;
  #waiters: Waiter[] = [];

  constructor(socket: Duplex) {
    this.#socket = socket;
  }

  get bytesSent(): number {
    return this.#bytesSent;
  }

  get writesPending(): boolean {
    return this.#pending > 0;
  }

  /** Writes the kernel has taken over. */
  get writesCompleted(): number {
    return this.#completed;
  }

  /** Hands the parts over as one `writev`. They must not be changed before `flushed` resolves. */
  write(parts: readonly Buffer[]): void {
    if (this.#socket.destroyed || this.#socket.writableEnded) return;
    this.#socket.cork();
    parts.forEach((part, index) => {
      this.#bytesSent += part.length;
      this.#socket.write(part, index === parts.length - 1 ? this.#onWritten : undefined);
    });
    this.#pending += 1;
    this.#socket.uncork();
  }

  /** Resolves when there is room for another PDU; `undefined` when there is room now. */
  room(): Promise<void> | undefined {
    if (this.#error === undefined && this.#socket.writableLength < maxWaitingBytes)
      return undefined;
    return this.#wait(() => this.#socket.writableLength < maxWaitingBytes);
  }

  /** Resolves when the kernel has everything. */
  flushed(): Promise<void> {
    return this.#wait(() => this.#pending === 0);
  }

  /** Rejects who waits now and later: nothing will be taken any more. */
  fail(error: BridgeError): void {
    this.#error ??= error;
    for (const { reject } of this.#waiters) reject(error);
    this.#waiters = [];
  }

  #wait(isDone: () => boolean): Promise<void> {
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (isDone()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.#waiters.push({ isDone, resolve, reject });
    });
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#pending -= 1;
    if (error) return;
    this.#completed += 1;
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const waiter of waiters) {
      if (waiter.isDone()) waiter.resolve();
      else this.#waiters.push(waiter);
    }
  };
}

interface Waiter {
  readonly isDone: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: BridgeError) => void;
}
