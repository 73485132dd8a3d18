import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { acceptAssociation } from '../../../src/upper-layer/accept.ts';
import type { AcceptOptions, AcceptOutcome } from '../../../src/upper-layer/accept.ts';
import type { Association, IncomingMessage } from '../../../src/upper-layer/association.ts';
import { commandField } from '../../../src/upper-layer/command-set.ts';
import { negotiateContexts } from '../../../src/upper-layer/negotiation.ts';
import type {
  AssociationDecision,
  AssociationRequest,
} from '../../../src/upper-layer/negotiation.ts';
import type { AssociationTimeouts } from '../../../src/upper-layer/watchdog.ts';
import { RawPeer, describePdu } from './raw-peer.ts';
import { requestPdu } from './bytes.ts';

/** Long enough not to matter in a test, short enough not to hang one. */
export const patient: AssociationTimeouts = {
  artimMs: 20_000,
  idleMs: 20_000,
  writeStallMs: 20_000,
  minimumBytesPerSecond: 0,
};

export function acceptAll(request: AssociationRequest): AssociationDecision {
  return {
    kind: 'accept',
    contexts: negotiateContexts(request, {
      acceptsAbstractSyntax: (uid) => !uid.startsWith('1.2.840.10008.9999'),
      acceptsTransferSyntax: (_, uid) => !uid.startsWith('1.2.840.10008.9999'),
    }),
  };
}

/** What one connection came to, for assertions. */
export interface Served {
  readonly outcome: AcceptOutcome;
  /** Set when the service loop ended by an error. */
  readonly error: unknown;
  readonly messages: readonly { readonly messageId: number; readonly dataSet: Buffer }[];
}

export type Handler = (association: Association, message: IncomingMessage) => Promise<void>;

export interface TestAcceptor {
  readonly port: number;
  readonly sockets: readonly Socket[];
  /** The connections in order of their end. */
  nextServed(): Promise<Served>;
  connect(): Promise<RawPeer>;
  /** A peer whose request was accepted. */
  associate(request?: Buffer): Promise<RawPeer>;
}

/** A bridge in small on loopback: acceptor role, C-ECHO and C-STORE. Closed with the test. */
export async function startAcceptor(
  options: Partial<AcceptOptions> & {
    readonly handle?: Handler;
    readonly onAssociation?: (association: Association) => void;
  } = {},
): Promise<TestAcceptor> {
  const served: Served[] = [];
  const sockets: Socket[] = [];
  let wake: () => void = () => undefined;
  const server: Server = createServer({ noDelay: true }, (socket) => {
    sockets.push(socket);
    void serveConnection(socket, options).then((result) => {
      served.push(result);
      wake();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const associate = async (request = requestPdu()): Promise<RawPeer> => {
    const peer = await RawPeer.connect(port);
    peer.write(request);
    const answer = await peer.next();
    if (answer?.type !== 2) throw new Error(`not accepted: ${answer && describePdu(answer)}`);
    return peer;
  };
  return {
    port,
    sockets,
    connect: () => RawPeer.connect(port),
    associate,
    nextServed: async () => {
      for (;;) {
        const first = served.shift();
        if (first !== undefined) return first;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

async function serveConnection(
  socket: Socket,
  options: Parameters<typeof startAcceptor>[0] & object,
): Promise<Served> {
  const messages: { messageId: number; dataSet: Buffer }[] = [];
  const outcome = await acceptAssociation(socket, {
    maxPduBytes: options.maxPduBytes ?? 131072,
    timeouts: options.timeouts ?? patient,
    decide: options.decide ?? acceptAll,
    ...(options.signal !== undefined && { signal: options.signal }),
  });
  if (outcome.kind !== 'accepted') return { outcome, error: undefined, messages };
  const { association } = outcome;
  options.onAssociation?.(association);
  try {
    for (;;) {
      const message = await association.receive();
      if (message === undefined) break;
      if (options.handle !== undefined) {
        await options.handle(association, message);
        continue;
      }
      const dataSet = await readAll(message);
      messages.push({ messageId: message.command.messageId ?? -1, dataSet });
      await answer(association, message);
    }
  } catch (error) {
    await association.closed;
    return { outcome, error, messages };
  }
  await association.closed;
  return { outcome, error: undefined, messages };
}

export async function readAll(message: IncomingMessage): Promise<Buffer> {
  const slices: Buffer[] = [];
  for (;;) {
    const some = await message.dataSet?.read();
    if (some === undefined) return Buffer.concat(slices);
    slices.push(...some);
  }
}

export async function answer(
  association: Association,
  { context, command }: IncomingMessage,
): Promise<void> {
  await association.send({
    contextId: context.id,
    command: {
      commandField: command.commandField | 0x8000,
      ...(command.messageId !== undefined && { messageIdBeingRespondedTo: command.messageId }),
      ...(command.affectedSopClassUid !== undefined && {
        affectedSopClassUid: command.affectedSopClassUid,
      }),
      status: command.commandField === commandField.cFindRq ? 0xa700 : 0,
      hasDataSet: false,
    },
  });
}
