import { encodeItem } from './items.ts';
import type { AssociatePdu, AssociationAcceptance, AssociationRequest } from './negotiation.ts';
import { itemType, messageControl, pduHeaderBytes, pdvHeaderBytes, pduType } from './pdu.ts';
import type { Pdu, Pdv } from './pdu.ts';
import { encodeUserInformation } from './user-information.ts';

/** Writes a whole PDU. Bulk data goes out by {@link encodeDataHeader} instead, without copying. */
export function encodePdu(pdu: Pdu): Buffer {
  switch (pdu.kind) {
    case 'associate-request':
      return encodeRequest(pdu.request);
    case 'associate-accept':
      return encodeAcceptance(pdu.acceptance);
    case 'associate-reject':
      return frame(pduType.associateReject, Buffer.of(0, pdu.result, pdu.source, pdu.diagnostic));
    case 'data':
      return frame(
        pduType.data,
        ...pdu.pdvs.flatMap((pdv) => [encodePdvHeader(pdv), pdv.fragment]),
      );
    case 'release-request':
      return frame(pduType.releaseRequest, Buffer.alloc(4));
    case 'release-reply':
      return frame(pduType.releaseReply, Buffer.alloc(4));
    case 'abort':
      return frame(pduType.abort, Buffer.of(0, 0, pdu.source, pdu.reason));
  }
}

/**
 * Writes what stands before the fragment of a P-DATA-TF with a single PDV (PS3.8 §9.3.5).
 *
 * @param control - bits of {@link messageControl}.
 */
export function encodeDataHeader(
  contextId: number,
  control: number,
  fragmentBytes: number,
): Buffer {
  const header = Buffer.allocUnsafe(pduHeaderBytes + pdvHeaderBytes);
  header.writeUInt16BE(pduType.data << 8, 0);
  header.writeUInt32BE(pdvHeaderBytes + fragmentBytes, 2);
  header.writeUInt32BE(2 + fragmentBytes, 6);
  header.writeUInt8(contextId, 10);
  header.writeUInt8(control, 11);
  return header;
}

function encodePdvHeader({ contextId, isCommand, isLast, fragment }: Pdv): Buffer {
  const header = Buffer.alloc(pdvHeaderBytes);
  header.writeUInt32BE(2 + fragment.length, 0);
  header.writeUInt8(contextId, 4);
  header.writeUInt8(
    (isCommand ? messageControl.command : 0) | (isLast ? messageControl.last : 0),
    5,
  );
  return header;
}

function encodeRequest(request: AssociationRequest): Buffer {
  const contexts = request.presentationContexts.map(({ id, abstractSyntax, transferSyntaxes }) =>
    encodeItem(
      itemType.proposedContext,
      Buffer.of(id, 0, 0, 0),
      uidItem(itemType.abstractSyntax, abstractSyntax),
      ...transferSyntaxes.map((uid) => uidItem(itemType.transferSyntax, uid)),
    ),
  );
  return frame(
    pduType.associateRequest,
    ...associateStart(request),
    ...contexts,
    encodeItem(itemType.userInformation, encodeUserInformation(request)),
  );
}

function encodeAcceptance(acceptance: AssociationAcceptance): Buffer {
  const contexts = acceptance.contexts.map(({ id, result, transferSyntax }) =>
    encodeItem(
      itemType.answeredContext,
      Buffer.of(id, 0, result, 0),
      uidItem(itemType.transferSyntax, transferSyntax),
    ),
  );
  return frame(
    pduType.associateAccept,
    ...associateStart(acceptance),
    ...contexts,
    encodeItem(itemType.userInformation, encodeUserInformation(acceptance)),
  );
}

function associateStart(associate: AssociatePdu): Buffer[] {
  const version = Buffer.alloc(4);
  version.writeUInt16BE(associate.protocolVersion, 0);
  const start = [
    version,
    aeTitle(associate.calledAeTitle),
    aeTitle(associate.callingAeTitle),
    associate.reserved,
  ];
  if (associate.applicationContextName !== undefined) {
    start.push(uidItem(itemType.applicationContext, associate.applicationContextName));
  }
  return start;
}

function aeTitle(text: string): Buffer {
  return Buffer.from(text.slice(0, 16).padEnd(16, ' '), 'latin1');
}

function uidItem(type: number, uid: string): Buffer {
  return encodeItem(type, Buffer.from(uid, 'latin1'));
}

function frame(type: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const header = Buffer.alloc(pduHeaderBytes);
  header.writeUInt8(type, 0);
  header.writeUInt32BE(body.length, 2);
  return Buffer.concat([header, body]);
}
