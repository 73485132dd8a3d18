import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { AeTitle } from '../dicom/ae-title.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import type { Association } from '../upper-layer/association.ts';
import type { AssociationTimeouts } from '../upper-layer/watchdog.ts';
import type { ProposedContext } from '../upper-layer/negotiation.ts';
import { requestAssociation } from '../upper-layer/request.ts';

/** A DIMSE peer and how to call it. */
export interface DimseTarget {
  readonly host: string;
  readonly port: number;
  readonly calledAeTitle: AeTitle;
  readonly callingAeTitle: AeTitle;
  readonly maxPduBytes: number;
  readonly timeouts: AssociationTimeouts;
  readonly connectTimeoutMs: number;
}

/**
 * Connects to a peer and asks for an association.
 *
 * @throws BridgeError `peer_unreachable` (name, TCP), `association_rejected`, `association_aborted`,
 *   `association_timeout`; each says what the peer said.
 */
export async function associate(
  target: DimseTarget,
  contexts: readonly ProposedContext[],
): Promise<Association> {
  const socket = await connectTo(target);
  // Errors reach the association as the end of its stream; unheard they would end the process.
  socket.on('error', () => undefined);
  return requestAssociation(socket, { ...target, contexts });
}

function connectTo({ host, port, connectTimeoutMs }: DimseTarget): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, noDelay: true, timeout: connectTimeoutMs });
    const fail = (cause: string, error?: unknown): void => {
      socket.destroy();
      reject(
        new BridgeError('peer_unreachable', `cannot connect to ${host} port ${port}: ${cause}`, {
          transient: true,
          cause: error,
        }),
      );
    };
    socket.once('timeout', () => fail(`no answer in ${connectTimeoutMs / 1000} s`));
    socket.once('error', (error: NodeJS.ErrnoException) =>
      fail(error.code ?? error.message, error),
    );
    socket.once('connect', () => {
      socket.setTimeout(0);
      socket.removeAllListeners('timeout').removeAllListeners('error');
      resolve(socket);
    });
  });
}
