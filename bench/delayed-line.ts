import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A line to a server on this machine that is as slow to answer as one across a country. */
export interface DelayedLine {
  /** Where it begins, on 127.0.0.1. */
  readonly port: number;
  stop(): Promise<void>;
}

export interface LineOptions {
  /** In each direction; a round trip takes twice as long. */
  readonly delayMs: number;
  /** Most bytes that a connection has under way in one direction, as a TCP window has it. */
  readonly windowBytes: number;
}

/** What one read of a socket gives at most. */
const readBytes = 64 * 1024;

/**
 * Carries TCP connections to a port and back, late: bytes arrive after `delayMs`, room in the window
 * comes back after as long again, and a new connection carries its first byte one round trip after it
 * was opened. The line itself has no limit and loses nothing, and windows are open from the beginning.
 */
export async function startDelayedLine(port: number, options: LineOptions): Promise<DelayedLine> {
  const { delayMs } = options;
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): Socket => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    return socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer(
    { noDelay: true, pauseOnConnect: true, allowHalfOpen: true },
    (near) => {
      keep(near);
      setTimeout(() => {
        const far = keep(connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true }));
        carry(near, far, options);
        carry(far, near, options);
      }, 2 * delayMs);
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

/** Timers of one length fire in the order they were set, so the bytes keep theirs. */
function carry(from: Socket, to: Socket, { delayMs, windowBytes }: LineOptions): void {
  let underWay = 0;
  const goOn = (): void => {
    if (underWay + readBytes <= windowBytes) from.resume();
    else from.pause();
  };
  from.on('data', (chunk: Buffer) => {
    underWay += chunk.length;
    goOn();
    setTimeout(() => {
      to.write(chunk, () => {
        setTimeout(() => {
          underWay -= chunk.length;
          goOn();
        }, delayMs);
      });
    }, delayMs);
  });
  from.on('end', () => setTimeout(() => to.end(), delayMs));
  from.on('close', () => setTimeout(() => to.destroySoon(), delayMs));
  goOn();
}
