import { encodeCommandSet, commandField } from '../../../src/upper-layer/command-set.ts';
import type { CommandSet } from '../../../src/upper-layer/command-set.ts';
import { dicomApplicationContext } from '../../../src/upper-layer/negotiation.ts';
import type { AssociationRequest, ProposedContext } from '../../../src/upper-layer/negotiation.ts';
import { encodePdu } from '../../../src/upper-layer/pdu-encoder.ts';
import type { Pdv } from '../../../src/upper-layer/pdu.ts';

export const verification = '1.2.840.10008.1.1';
export const ctImageStorage = '1.2.840.10008.5.1.4.1.1.2';
export const implicitLittle = '1.2.840.10008.1.2';
export const explicitLittle = '1.2.840.10008.1.2.1';

export const echoContext: ProposedContext = {
  id: 1,
  abstractSyntax: verification,
  transferSyntaxes: [implicitLittle],
};
export const storeContext: ProposedContext = {
  id: 3,
  abstractSyntax: ctImageStorage,
  transferSyntaxes: [explicitLittle, implicitLittle],
};

/** An otherwise valid request: echo on context 1, CT storage on context 3. */
export function aRequest(changes: Partial<AssociationRequest> = {}): AssociationRequest {
  return {
    protocolVersion: 1,
    calledAeTitle: 'DRAWBRIDGE      ',
    callingAeTitle: 'MODALITY        ',
    reserved: Buffer.alloc(32),
    applicationContextName: dicomApplicationContext,
    presentationContexts: [echoContext, storeContext],
    maxPduBytes: 16384,
    implementationClassUid: '1.2.3',
    implementationVersionName: 'TEST',
    roleSelections: [],
    extendedNegotiations: [],
    ...changes,
  };
}

export function requestPdu(changes: Partial<AssociationRequest> = {}): Buffer {
  return encodePdu({ kind: 'associate-request', request: aRequest(changes) });
}

/** A PDU of any type with any body, its length right unless said otherwise. */
export function rawPdu(type: number, body: Buffer, length = body.length): Buffer {
  const header = Buffer.alloc(6);
  header.writeUInt8(type);
  header.writeUInt32BE(length, 2);
  return Buffer.concat([header, body]);
}

export const releaseRequest = encodePdu({ kind: 'release-request' });
export const releaseReply = encodePdu({ kind: 'release-reply' });

export function dataPdu(...pdvs: readonly Pdv[]): Buffer {
  return encodePdu({ kind: 'data', pdvs });
}

export function commandPdv(command: CommandSet | Buffer, contextId = 1, isLast = true): Pdv {
  const fragment = Buffer.isBuffer(command) ? command : encodeCommandSet(command);
  return { contextId, isCommand: true, isLast, fragment };
}

export function dataPdv(fragment: Buffer, isLast = true, contextId = 3): Pdv {
  return { contextId, isCommand: false, isLast, fragment };
}

export function echoCommand(messageId = 1): CommandSet {
  return {
    commandField: commandField.cEchoRq,
    messageId,
    affectedSopClassUid: verification,
    hasDataSet: false,
  };
}

export function storeCommand(messageId = 1): CommandSet {
  return {
    commandField: commandField.cStoreRq,
    messageId,
    affectedSopClassUid: ctImageStorage,
    affectedSopInstanceUid: `1.2.3.${messageId}`,
    priority: 0,
    hasDataSet: true,
  };
}

export function echoPdu(messageId = 1): Buffer {
  return dataPdu(commandPdv(echoCommand(messageId)));
}

/** A C-STORE-RQ in two PDUs. */
export function storePdus(messageId: number, dataSet: Buffer): Buffer {
  return Buffer.concat([
    dataPdu(commandPdv(storeCommand(messageId), 3)),
    dataPdu(dataPdv(dataSet)),
  ]);
}
