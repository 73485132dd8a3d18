import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Requests a client may send ahead of the answer it is getting; browsers send none. */
const mostAhead = 16;

/**
 * Lets the requests of one connection take turns. Node hands a pipelined request (RFC 9112 §9.3.2) on
 * before its answer can go out, and tells nobody when the client leaves meanwhile: what was begun for
 * it would run on, and hold its place, for ever.
 */
export class Turns {
  readonly #ahead = new WeakMap<Socket, number>();

  /** @param start - called when the answer can go out; never, when the client has gone before. */
  take({ socket }: IncomingMessage, outgoing: ServerResponse, start: () => void): void {
    if (outgoing.socket !== null) {
      start();
      return;
    }
    const ahead = this.#ahead.get(socket) ?? 0;
    if (ahead === mostAhead) {
      socket.destroy();
      return;
    }
    this.#ahead.set(socket, ahead + 1);
    outgoing.once('socket', () => {
      this.#ahead.set(socket, (this.#ahead.get(socket) ?? 1) - 1);
      start();
    });
  }
}
