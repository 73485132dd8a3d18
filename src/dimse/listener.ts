import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { BridgeError } from '../errors/bridge-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import { acceptAssociation } from '../upper-layer/accept.ts';
import type { Association } from '../upper-layer/association.ts';
import type { AssociationTimeouts } from '../upper-layer/watchdog.ts';
import type { AssociationRequest } from '../upper-layer/negotiation.ts';
import { decideAssociation } from './association-policy.ts';
import type { AssociationRules, PolicyDecision, RefusalReason } from './association-policy.ts';
import { serveAssociation } from './association-server.ts';
import type {
  AssociationNames,
  AssociationServices,
  AssociationTally,
} from './association-server.ts';

/** Where and how to listen, and whom to serve. */
export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxPduBytes: number;
  readonly timeouts: AssociationTimeouts;
  readonly rules: AssociationRules;
  readonly isNetworkAllowed: (address: string) => boolean;
}

/** What the listener tells of, for metrics and for the forwarder. */
export interface ListenerEvents {
  associationBegan(): void;
  associationEnded(outcome: AssociationOutcome): void;
  /** @param refused - who it was, where the peer came as far as saying so. */
  associationRefused(reason: RefusalReason | ConnectionRefusal, refused?: RefusedPeer): void;
}

/** Who was refused an association, and why; titles as sent, fit to be shown. */
export interface RefusedPeer {
  readonly peer: string;
  readonly callingAeTitle: string;
  readonly calledAeTitle: string;
  /** A sentence for the operator. */
  readonly message: string;
}

/** Why a connection never came as far as the policy. */
type ConnectionRefusal = 'protocol' | 'no-association' | 'too-many-connections';

/** How an association ended. */
export type AssociationOutcome = 'released' | 'aborted' | 'lost' | 'failed';

/** Connections that have not asked for an association yet, beyond the associations themselves. */
const spareConnections = 32;

/**
 * The DIMSE front: accepts TCP connections, negotiates, serves, and ends them in order.
 *
 * Associations beyond the limits are refused with a reason the device can show; connections far
 * beyond them are closed unheard, since even a refusal costs a socket for the ARTIM time.
 */
export class DimseListener {
  readonly #options: ListenerOptions;
  readonly #services: AssociationServices;
  readonly #events: ListenerEvents;
  readonly #log: Logger;
  readonly #newId: () => string;
  readonly #now: () => number;
  readonly #server: Server;
  readonly #connections = new Map<Socket, string>();
  readonly #associations = new Map<Association, string>();
  readonly #running = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(collaborators: {
    readonly options: ListenerOptions;
    readonly services: AssociationServices;
    readonly events: ListenerEvents;
    readonly log: Logger;
    readonly newId: () => string;
    readonly now: () => number;
  }) {
    this.#options = collaborators.options;
    this.#services = collaborators.services;
    this.#events = collaborators.events;
    this.#log = collaborators.log;
    this.#newId = collaborators.newId;
    this.#now = collaborators.now;
    this.#server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 30_000 });
    this.#server.on('connection', (socket) => this.#accept(socket));
  }

  /**
   * Binds the port.
   *
   * @returns the port, which differs from the asked one when that was 0.
   * @throws BridgeError `configuration_invalid` when the port cannot be bound.
   */
  async start(): Promise<{ readonly port: number }> {
    const { host, port } = this.#options;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (cause: NodeJS.ErrnoException) =>
        reject(
          new BridgeError(
            'configuration_invalid',
            `cannot listen for DICOM on ${host} port ${port} (${cause.code ?? 'error'}): set DRAWBRIDGE_DIMSE_PORT or DRAWBRIDGE_DIMSE_HOST`,
            { transient: false, cause },
          ),
        ),
      );
      // `::` is dual stack where the system allows it.
      this.#server.listen({ host, port, backlog: 511 }, resolve);
    });
    this.#server.on('error', (error) => this.#log.error({ err: error }, 'DICOM listener failed'));
    return { port: (this.#server.address() as AddressInfo).port };
  }

  /** Associations established now. */
  get activeAssociations(): number {
    return this.#associations.size;
  }

  /**
   * Takes no new associations, aborts those on which nothing is going on, lets the others finish
   * until `deadline` aborts, then aborts them.
   * Resolves when every connection is gone.
   */
  async stop(deadline: AbortSignal): Promise<void> {
    // Whoever has not asked yet would only wait for our refusal.
    this.#stopping.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const abortAll = (): void => {
      for (const association of this.#associations.keys()) association.abort(0, 0);
    };
    if (deadline.aborted) abortAll();
    else deadline.addEventListener('abort', abortAll, { once: true });
    await Promise.allSettled(this.#running);
    await closed;
    deadline.removeEventListener('abort', abortAll);
  }

  #accept(socket: Socket): void {
    const address = canonicalAddress(socket.remoteAddress ?? '');
    // A socket error surfaces through the association; unheard it would end the process.
    socket.on('error', () => undefined);
    const { maxAssociations, maxAssociationsPerPeer } = this.#options.rules;
    const ofPeer = countValues(this.#connections, address);
    if (
      this.#stopping.signal.aborted ||
      this.#connections.size >= maxAssociations + spareConnections ||
      ofPeer >= maxAssociationsPerPeer + spareConnections / 2
    ) {
      this.#events.associationRefused('too-many-connections');
      socket.destroy();
      return;
    }
    this.#connections.set(socket, address);
    socket.once('close', () => this.#connections.delete(socket));
    const running = this.#serve(socket, address).catch((error: unknown) => {
      this.#log.error({ err: error, peer: address }, 'association failed inside the bridge');
      socket.destroy();
    });
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
  }

  async #serve(socket: Socket, address: string): Promise<void> {
    const id = this.#newId();
    const log = this.#log.child({ association: id, peer: address });
    const begun = this.#now();
    let decision: PolicyDecision | undefined;
    const outcome = await acceptAssociation(socket, {
      maxPduBytes: this.#options.maxPduBytes,
      timeouts: this.#options.timeouts,
      decide: (request) => {
        decision = decideAssociation(request, this.#options.rules, {
          networkAllowed: this.#options.isNetworkAllowed(address),
          active: this.#associations.size,
          activeOfPeer: countValues(this.#associations, address),
        });
        return decision.answer;
      },
      signal: this.#stopping.signal,
    });
    if (outcome.kind === 'failed') {
      this.#events.associationRefused('no-association');
      log.info({ cause: outcome.cause }, 'connection ended without an association');
      return;
    }
    if (outcome.kind === 'rejected') {
      this.#refused(address, outcome.request, decision, log);
      return;
    }
    // An association stands only where the policy said so.
    if (decision?.kind !== 'accept') throw new Error('association without a decision');
    const { association } = outcome;
    const { callingAeTitle, calledAeTitle } = decision;
    this.#associations.set(association, address);
    this.#events.associationBegan();
    log.info(
      {
        callingAeTitle,
        calledAeTitle,
        contexts: association.contexts.size,
        maxPduBytes: association.peerMaxPduBytes,
      },
      'association begins',
    );
    const titles = { callingAeTitle, calledAeTitle };
    await this.#serveEstablished(association, { association: id, ...titles }, log, begun);
  }

  #refused(
    peer: string,
    request: AssociationRequest,
    decision: PolicyDecision | undefined,
    log: Logger,
  ): void {
    const { reason, message } =
      decision?.kind === 'reject'
        ? decision
        : { reason: 'protocol' as const, message: 'the request breaks PS3.8' };
    const callingAeTitle = printable(request.callingAeTitle);
    const calledAeTitle = printable(request.calledAeTitle);
    this.#events.associationRefused(reason, { peer, callingAeTitle, calledAeTitle, message });
    log.warn({ reason, callingAeTitle, calledAeTitle }, `association refused: ${message}`);
  }

  async #serveEstablished(
    association: Association,
    names: AssociationNames,
    log: Logger,
    begun: number,
  ): Promise<void> {
    const tally: AssociationTally = { objects: 0, refusedObjects: 0 };
    let defect: unknown;
    try {
      await serveAssociation(association, names, this.#services, tally, this.#stopping.signal);
    } catch (error) {
      if (!(error instanceof BridgeError)) {
        defect = error;
        association.abort(0, 0);
      }
    }
    const end = await association.closed;
    this.#associations.delete(association);
    const outcome: AssociationOutcome =
      defect !== undefined
        ? 'failed'
        : end.kind === 'released'
          ? 'released'
          : end.kind === 'connection-lost'
            ? 'lost'
            : 'aborted';
    this.#events.associationEnded(outcome);
    const fields = {
      callingAeTitle: names.callingAeTitle,
      calledAeTitle: names.calledAeTitle,
      objects: tally.objects,
      refusedObjects: tally.refusedObjects,
      bytes: association.bytesReceived,
      durationMs: this.#now() - begun,
      outcome,
      end,
    };
    if (defect !== undefined)
      log.error({ ...fields, err: defect }, 'association ends: internal error');
    else if (outcome === 'released') log.info(fields, 'association ends');
    else log.warn(fields, `association ends: ${end.kind}`);
  }
}

function canonicalAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
}

function countValues<Key>(map: ReadonlyMap<Key, string>, value: string): number {
  let count = 0;
  for (const each of map.values()) if (each === value) count += 1;
  return count;
}

/** A title as sent, fit for a log line. */
function printable(title: string): string {
  return title.trim().replace(/[^\x20-\x7e]/g, '?');
}
