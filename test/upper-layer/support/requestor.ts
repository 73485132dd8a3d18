import { connect } from 'node:net';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { onTestFinished } from 'vitest';
import type { Association } from '../../../src/upper-layer/association.ts';
import { encodePdu } from '../../../src/upper-layer/pdu-encoder.ts';
import type { AssociationAcceptance } from '../../../src/upper-layer/negotiation.ts';
import { requestAssociation } from '../../../src/upper-layer/request.ts';
import type { RequestOptions } from '../../../src/upper-layer/request.ts';
import { patient } from './acceptor.ts';
import { aRequest, echoContext, implicitLittle, storeContext } from './bytes.ts';
import { RawPeer } from './raw-peer.ts';

/** Asks for echo on context 1 and CT storage on context 3. */
export const options: RequestOptions = {
  callingAeTitle: 'DRAWBRIDGE',
  calledAeTitle: 'ARCHIVE',
  contexts: [echoContext, storeContext],
  maxPduBytes: 16384,
  timeouts: patient,
};

/** An association over loopback with whoever listens there. */
export function associateWith(
  port: number,
  changes: Partial<RequestOptions> = {},
): Promise<Association> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  return requestAssociation(socket, { ...options, ...changes });
}

/** An answer that takes the echo context and refuses the other. */
export function acceptance(changes: Partial<AssociationAcceptance> = {}): Buffer {
  const contexts = [
    { id: 1, result: 0, transferSyntax: implicitLittle },
    { id: 3, result: 4, transferSyntax: '' },
  ] as const;
  return encodePdu({
    kind: 'associate-accept',
    acceptance: { ...aRequest(), contexts, ...changes },
  });
}

/** A requestor on one end, raw bytes on the other. */
export function ask(changes: Partial<RequestOptions> = {}): {
  readonly asking: Promise<Association>;
  readonly peer: RawPeer<Duplex>;
} {
  const [near, far] = duplexPair();
  onTestFinished(() => {
    near.destroy();
    far.destroy();
  });
  const asking = requestAssociation(near, { ...options, ...changes });
  asking.catch(() => undefined);
  return { asking, peer: new RawPeer(far) };
}

/** An association with raw bytes on the other end. */
export async function established(changes: Partial<RequestOptions> = {}): Promise<{
  readonly association: Association;
  readonly peer: RawPeer<Duplex>;
}> {
  const { asking, peer } = ask(changes);
  await peer.next();
  peer.write(acceptance());
  return { association: await asking, peer };
}
