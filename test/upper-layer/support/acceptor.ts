import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import { acceptAssociation } from '../../../src/upper-layer/accept.ts';
import type { AcceptOptions, AcceptOutcome } from '../../../src/upper-layer/accept.ts';
import type {
  Association,
  AssociationEnd,
  IncomingMessage,
} from '../../../src/upper-layer/association.ts';
import { commandField } from '../../../src/upper-layer/command-set.ts';
import { negotiateContexts } from '../../../src/upper-layer/negotiation.ts';
import type {
  AssociationDecision,
  AssociationRequest,
} from '../../../src/upper-layer/negotiation.ts';
import type { AssociationTimeouts } from '../../../src/upper-layer/watchdog.ts';
import { RawPeer } from './raw-peer.ts';

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
  /** How the association ended, if there was one. */
  readonly end?: AssociationEnd;
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

interface ServeOptions extends Partial<AcceptOptions> {
  readonly handle?: Handler;
  readonly onAssociation?: (association: Association) => void;
}

/** A bridge in small on loopback: acceptor role, C-ECHO and C-STORE. Closed with the test. */
export async function startAcceptor(
  options: ServeOptions & {
    readonly tls?: { readonly key: string; readonly cert: string };
  } = {},
): Promise<TestAcceptor> {
  const served: Served[] = [];
  const sockets: Socket[] = [];
  let wake: () => void = () => undefined;
  const serve = (socket: Socket): void => {
    sockets.push(socket);
    void serveConnection(socket, options).then((result) => {
      served.push(result);
      wake();
    });
  };
  const server =
    options.tls === undefined
      ? createServer({ noDelay: true }, serve)
      : createTlsServer({ ...options.tls, noDelay: true }, serve);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    sockets,
    connect: () => RawPeer.connect(port),
    associate: async (request) => {
      const peer = await RawPeer.connect(port);
      await peer.associate(request);
      return peer;
    },
    nextServed: async () => {
      for (;;) {
        const first = served.shift();
        if (first !== undefined) return first;
        await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
}

/** The same for one connection that is no socket: what is written arrives before time goes on. */
export function acceptInMemory(options: ServeOptions = {}): {
  readonly peer: RawPeer<Duplex>;
  readonly served: Promise<Served>;
} {
  const [near, far] = duplexPair();
  near.once('close', () => far.destroy()); // as over TCP
  onTestFinished(() => {
    near.destroy();
    far.destroy();
  });
  return { peer: new RawPeer(far), served: serveConnection(near, options) };
}

async function serveConnection(socket: Duplex, options: ServeOptions): Promise<Served> {
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
  let error: unknown;
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
  } catch (thrown) {
    error = thrown;
  }
  return { outcome, error, end: await association.closed, messages };
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
