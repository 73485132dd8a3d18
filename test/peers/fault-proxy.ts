import { createServer, connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { Peer } from './peer.ts';

type Direction = 'request' | 'answer';

/** A line to a server, on which every byte can be the last one. */
export interface FaultProxy extends Peer {
  /** The server's address as it is reached through here. */
  readonly url: string;
  /** Connections that were cut at their byte. */
  readonly cuts: number;
  /**
   * After so many more bytes in one direction, over all connections: the connection that carries the
   * last of them is reset, once those bytes have gone on.
   */
  cutAfter(bytes: number, direction: Direction): void;
  /** From now until `resume` no byte moves in either direction, and no connection ends. */
  stall(): void;
  /** The same, after so many more bytes in one direction. */
  stallAfter(bytes: number, direction: Direction): void;
  readonly isStalled: boolean;
  /** Breaks every connection and takes no new one, until `resume`. */
  refuse(): Promise<void>;
  /** What is held and what is to come passes; a fault that was not reached is forgotten. */
  resume(): Promise<void>;
}

/** Carries TCP connections to `target` and back. */
export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const to = new URL(target);
  const pairs = new Set<readonly [Socket, Socket]>();
  let fault:
    | { readonly kind: 'cut' | 'stall'; readonly direction: Direction; bytesLeft: number }
    | undefined;
  let cuts = 0;
  let isStalled = false;

  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host: to.hostname, port: Number(to.port), noDelay: true });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    for (const socket of pair) socket.on('error', () => undefined);
    carry(client, upstream, 'request', pair);
    carry(upstream, client, 'answer', pair);
  });

  function carry(
    from: Socket,
    onward: Socket,
    direction: Direction,
    pair: readonly [Socket, Socket],
  ): void {
    if (isStalled) from.pause();
    from.on('data', (chunk: Buffer) => {
      if (fault?.direction !== direction || fault.bytesLeft >= chunk.length) {
        if (fault?.direction === direction) fault.bytesLeft -= chunk.length;
        pass(chunk);
        return;
      }
      const { kind, bytesLeft } = fault;
      fault = undefined;
      from.pause();
      if (kind === 'cut') {
        cuts += 1;
        onward.write(chunk.subarray(0, bytesLeft), () => breakOff(pair));
        return;
      }
      stall();
      onward.write(chunk.subarray(0, bytesLeft));
      from.unshift(chunk.subarray(bytesLeft));
    });
    const pass = (chunk: Buffer): void => {
      if (onward.write(chunk)) return;
      from.pause();
      onward.once('drain', () => {
        if (!isStalled) from.resume();
      });
    };
    from.on('end', () => onward.end());
    from.on('close', () => {
      onward.destroy();
      pairs.delete(pair);
    });
  }

  function stall(): void {
    isStalled = true;
    for (const socket of [...pairs].flat()) socket.pause();
  }

  function breakOff(pair: readonly [Socket, Socket]): void {
    for (const socket of pair) socket.resetAndDestroy();
  }

  const listen = (port: number): Promise<void> =>
    new Promise((resolve, reject) => {
      server.once('error', reject).listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve();
      });
    });
  const stop = async (): Promise<void> => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const pair of pairs) breakOff(pair);
    await closed;
  };

  await listen(0);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${to.pathname}`,
    get cuts() {
      return cuts;
    },
    cutAfter: (bytesLeft, direction) => (fault = { kind: 'cut', direction, bytesLeft }),
    stallAfter: (bytesLeft, direction) => (fault = { kind: 'stall', direction, bytesLeft }),
    stall,
    get isStalled() {
      return isStalled;
    },
    refuse: stop,
    resume: async () => {
      fault = undefined;
      isStalled = false;
      for (const socket of [...pairs].flat()) socket.resume();
      if (!server.listening) await listen(port);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
