import type { Duplex } from 'node:stream';
import { encodePdu } from './pdu-encoder.ts';
import type { Pdu } from './pdu.ts';
import { SocketWriter } from './socket-writer.ts';

/** Who hears of the transport connection. */
export interface TransportUser {
  received(chunk: Buffer): void;
  /** The peer has closed its direction. */
  ended(): void;
  /** The connection is gone in both directions. */
  gone(): void;
  artimExpired(): void;
}

/** The transport connection as PS3.8 §9.1 speaks of it, with the ARTIM timer that guards it. */
export class Transport {
  readonly writer: SocketWriter;
  readonly #socket: Duplex;
  readonly #artimMs: number;
  #user: TransportUser | undefined;
  #artim: NodeJS.Timeout | undefined;
  #error: Error | undefined;
  #paused = false;
  #bytesReceived = 0;

  constructor(options: { readonly socket: Duplex; readonly artimMs: number }) {
    this.writer = new SocketWriter(options.socket);
    this.#socket = options.socket;
    this.#artimMs = options.artimMs;
  }

  get bytesReceived(): number {
    return this.#bytesReceived;
  }

  get isPaused(): boolean {
    return this.#paused;
  }

  /** What broke the connection, where the operating system said so. */
  get error(): Error | undefined {
    return this.#error;
  }

  listen(user: TransportUser): void {
    this.#user = user;
    this.#socket.on('data', (chunk: Buffer) => {
      this.#bytesReceived += chunk.length;
      user.received(chunk);
    });
    this.#socket.on('end', () => user.ended());
    this.#socket.on('error', (error) => {
      this.#error = error;
      this.#socket.destroy();
    });
    this.#socket.on('close', () => user.gone());
    if (this.#socket.destroyed) queueMicrotask(() => user.gone());
    this.#socket.resume();
  }

  send(pdu: Pdu): void {
    this.writer.write([encodePdu(pdu)]);
  }

  pause(): void {
    this.#paused = true;
    this.#socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#socket.resume();
  }

  /** Closes our direction and reads on into nothing, so that the peer's close, or ARTIM, ends it. */
  close(): void {
    this.startArtim();
    this.#paused = false;
    this.#socket.resume();
    this.#socket.end();
  }

  /** Ends it at once. What was written and not yet taken by the kernel is lost. */
  destroy(): void {
    this.stopArtim();
    this.#socket.destroy();
  }

  startArtim(): void {
    this.stopArtim();
    this.#artim = setTimeout(() => this.#user?.artimExpired(), this.#artimMs);
  }

  stopArtim(): void {
    clearTimeout(this.#artim);
  }
}
