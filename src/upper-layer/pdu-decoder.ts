import { ProtocolViolationError } from '../errors/association-errors.ts';
import { FieldReader, readItems, readText, readUidText } from './items.ts';
import type { Item } from './items.ts';
import type {
  AssociatePdu,
  AssociationAcceptance,
  AssociationRequest,
  ContextResult,
  ProposedContext,
} from './negotiation.ts';
import { associateFixedBytes, itemType, pduType } from './pdu.ts';
import type { ControlPdu } from './pdu.ts';
import { decodeUserInformation } from './user-information.ts';

/**
 * Decodes the body of any PDU but P-DATA-TF (see {@link PduReader} for that one).
 *
 * Reserved fields are not tested (PS3.8 §9.3.1), unknown items are passed over, lengths are held to
 * strictly.
 *
 * @param type - one of {@link pduType}, not `data`.
 * @param body - exactly the bytes the PDU-length announced.
 * @throws {@link ProtocolViolationError} for whatever else is wrong.
 */
export function decodePdu(type: number, body: Buffer): ControlPdu {
  switch (type) {
    case pduType.associateRequest:
      return { kind: 'associate-request', request: decodeRequest(body) };
    case pduType.associateAccept:
      return { kind: 'associate-accept', acceptance: decodeAcceptance(body) };
    case pduType.associateReject: {
      const fields = new FieldReader(body);
      fields.uint8();
      return {
        kind: 'associate-reject',
        result: fields.uint8(),
        source: fields.uint8(),
        diagnostic: fields.uint8(),
      };
    }
    case pduType.releaseRequest:
      return { kind: 'release-request' };
    case pduType.releaseReply:
      return { kind: 'release-reply' };
    case pduType.abort:
      // Whatever its length, an A-ABORT is the end; short ones just do not say why.
      return { kind: 'abort', source: body[2] ?? 0, reason: body[3] ?? 0 };
    default:
      throw new ProtocolViolationError('unrecognised PDU', 1);
  }
}

function decodeRequest(body: Buffer): AssociationRequest {
  const { items, ...shared } = readAssociate(body);
  const contexts = items.filter(({ type }) => type === itemType.proposedContext);
  const presentationContexts = contexts.map(({ value }) => readProposedContext(value));
  refuseRepeatedIds(presentationContexts);
  return { ...shared, presentationContexts };
}

function decodeAcceptance(body: Buffer): AssociationAcceptance {
  const { items, ...shared } = readAssociate(body);
  const answers = items.filter(({ type }) => type === itemType.answeredContext);
  const contexts = answers.map(({ value }) => readContextResult(value));
  refuseRepeatedIds(contexts);
  return { ...shared, contexts };
}

/** What both PDUs say alike: the 68 bytes they start with (PS3.8 Table 9-11) and some of the items. */
function readAssociate(body: Buffer): AssociatePdu & { readonly items: readonly Item[] } {
  const fields = new FieldReader(body);
  const protocolVersion = fields.uint16();
  fields.uint16();
  const calledAeTitle = fields.bytes(16).toString('latin1');
  const callingAeTitle = fields.bytes(16).toString('latin1');
  const reserved = Buffer.from(fields.bytes(32));
  const items = readItems(body.subarray(associateFixedBytes));
  const applicationContext = only(items, itemType.applicationContext);
  return {
    protocolVersion,
    calledAeTitle,
    callingAeTitle,
    reserved,
    applicationContextName:
      applicationContext === undefined ? undefined : readUidText(applicationContext),
    ...decodeUserInformation(only(items, itemType.userInformation)),
    items,
  };
}

function readProposedContext(value: Buffer): ProposedContext {
  const fields = new FieldReader(value);
  const id = readContextId(fields.uint8());
  fields.bytes(3);
  const items = readItems(fields.bytes(fields.remaining));
  const abstractSyntax = only(items, itemType.abstractSyntax);
  if (abstractSyntax === undefined) {
    throw new ProtocolViolationError('presentation context without abstract syntax');
  }
  return {
    id,
    abstractSyntax: readUidText(abstractSyntax),
    transferSyntaxes: items
      .filter(({ type }) => type === itemType.transferSyntax)
      .map((item) => readUidText(item.value)),
  };
}

function readContextResult(value: Buffer): ContextResult {
  const fields = new FieldReader(value);
  const id = readContextId(fields.uint8());
  fields.uint8();
  const result = fields.uint8();
  fields.uint8();
  if (!isContextResult(result)) {
    throw new ProtocolViolationError('presentation context result is none of 0 to 4');
  }
  // Not significant unless accepted (PS3.8 Table 9-18): some leave it empty or out.
  const transferSyntax = only(readItems(fields.bytes(fields.remaining)), itemType.transferSyntax);
  return {
    id,
    result,
    transferSyntax: transferSyntax === undefined ? '' : readText(transferSyntax),
  };
}

function isContextResult(value: number): value is ContextResult['result'] {
  return value <= 4;
}

function readContextId(id: number): number {
  if (id % 2 === 0) throw new ProtocolViolationError('presentation context ID is even');
  return id;
}

function refuseRepeatedIds(contexts: readonly { readonly id: number }[]): void {
  if (new Set(contexts.map(({ id }) => id)).size !== contexts.length) {
    throw new ProtocolViolationError('presentation context ID appears twice');
  }
}

/** The value of the item that may appear at most once. */
function only(items: readonly Item[], wanted: number): Buffer | undefined {
  const [first, second] = items.filter(({ type }) => type === wanted);
  if (second !== undefined) throw new ProtocolViolationError('item appears twice');
  if (first?.value.length === 0 && wanted !== itemType.transferSyntax) {
    throw new ProtocolViolationError('item is empty');
  }
  return first?.value;
}
