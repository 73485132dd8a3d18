import { explicitVrBigEndian, implicitVrLittleEndian } from '../dicom/transfer-syntax.ts';
import { parseUid } from '../dicom/uid.ts';

/** The one application context of DICOM (PS3.7 §A.2.1). */
export const dicomApplicationContext = '1.2.840.10008.3.1.1.1';

/**
 * Below this a peer's maximum PDU length leaves no room for useful fragments, and at 6 none at all
 * (HOSTILE A27): a library that divides by what is left never ends.
 */
export const smallestPduBytes = 128;

/** A presentation context as proposed. The UIDs are the peer's text: parse before use or logging. */
export interface ProposedContext {
  readonly id: number;
  readonly abstractSyntax: string;
  readonly transferSyntaxes: readonly string[];
}

/** SCP/SCU Role Selection (PS3.7 §D.3.3.4). */
export interface RoleSelection {
  readonly sopClassUid: string;
  readonly scu: boolean;
  readonly scp: boolean;
}

/** User Identity (PS3.7 §D.3.3.7). The fields are secrets: never log them. */
export interface UserIdentity {
  readonly type: number;
  readonly positiveResponseRequested: boolean;
  readonly primary: Buffer;
  readonly secondary: Buffer;
}

/** SOP Class Extended Negotiation (PS3.7 §D.3.3.5), not interpreted here. */
export interface ExtendedNegotiation {
  readonly sopClassUid: string;
  readonly applicationInformation: Buffer;
}

/** Asynchronous Operations Window (PS3.7 §D.3.3.3). */
export interface AsynchronousOperations {
  readonly invoked: number;
  readonly performed: number;
}

/** What the User Information item says in either direction (PS3.8 §9.3.2.3, PS3.7 §D.3.3). */
export interface UserInformation {
  /** The longest P-DATA-TF the sender takes (PS3.8 §D.1); 0 means no limit. */
  readonly maxPduBytes: number;
  readonly implementationClassUid?: string;
  readonly implementationVersionName?: string;
  readonly roleSelections: readonly RoleSelection[];
  readonly extendedNegotiations: readonly ExtendedNegotiation[];
  readonly asynchronousOperations?: AsynchronousOperations;
}

/** What A-ASSOCIATE-RQ and -AC share. Texts are as the peer wrote them: parse before use or logging. */
export interface AssociatePdu extends UserInformation {
  readonly protocolVersion: number;
  /** 16 characters as received, one a byte (latin1). */
  readonly calledAeTitle: string;
  /** 16 characters as received, one a byte (latin1). */
  readonly callingAeTitle: string;
  readonly applicationContextName: string | undefined;
  /** 32 bytes, which the answer sends back as received (PS3.8 Table 9-17). */
  readonly reserved: Buffer;
}

/** A decoded A-ASSOCIATE-RQ. */
export interface AssociationRequest extends AssociatePdu {
  readonly presentationContexts: readonly ProposedContext[];
  readonly userIdentity?: UserIdentity;
}

/** How one proposed context was answered: 0 accepted, 1 by the user, 2 no reason, 3 abstract, 4 transfer syntaxes. */
export interface ContextResult {
  readonly id: number;
  readonly result: 0 | 1 | 2 | 3 | 4;
  readonly transferSyntax: string;
}

/** A decoded A-ASSOCIATE-AC. */
export interface AssociationAcceptance extends AssociatePdu {
  readonly contexts: readonly ContextResult[];
  readonly userIdentityResponse?: Buffer;
}

export type AssociationDecision =
  | {
      readonly kind: 'accept';
      readonly contexts: readonly ContextResult[];
      readonly roleSelections?: readonly RoleSelection[];
      readonly extendedNegotiations?: readonly ExtendedNegotiation[];
      readonly userIdentityResponse?: Buffer;
    }
  | AssociationRejection;

/** What an A-ASSOCIATE-RJ says (PS3.8 Table 9-21). */
export interface AssociationRejection {
  readonly kind: 'reject';
  /** 1 for good, 2 for now. */
  readonly result: 1 | 2;
  /** 1 user, 2 provider (ACSE), 3 provider (presentation). */
  readonly source: 1 | 2 | 3;
  readonly diagnostic: number;
}

/**
 * Checks what PS3.8 itself decides, before anybody's policy: protocol version, application context,
 * at least one context, a maximum length that can be worked with.
 *
 * @returns the refusal, or `undefined` to go on to policy.
 */
export function checkRequest(request: AssociationRequest): AssociationRejection | undefined {
  // Only bit 0 is tested: later versions keep it set (PS3.8 Table 9-11).
  if ((request.protocolVersion & 1) === 0) return reject(1, 2, 2);
  if (request.applicationContextName !== dicomApplicationContext) return reject(1, 1, 2);
  if (request.presentationContexts.length === 0) return reject(1, 2, 1);
  if (request.maxPduBytes !== 0 && request.maxPduBytes < smallestPduBytes) return reject(2, 3, 2);
  return undefined;
}

function reject(result: 1 | 2, source: 1 | 2 | 3, diagnostic: number): AssociationRejection {
  return { kind: 'reject', result, source, diagnostic };
}

/**
 * Answers every proposed context: the first transfer syntax the peer lists that is acceptable,
 * Explicit VR Big Endian only when nothing else is.
 *
 * @param rules - asked only with well-formed UIDs; a malformed abstract syntax is result 3, a
 *   malformed transfer syntax is passed over.
 * @returns one result per context, in the order proposed.
 */
export function negotiateContexts(
  request: AssociationRequest,
  rules: {
    acceptsAbstractSyntax(uid: string): boolean;
    acceptsTransferSyntax(abstractSyntax: string, transferSyntax: string): boolean;
  },
): readonly ContextResult[] {
  return request.presentationContexts.map(({ id, abstractSyntax, transferSyntaxes }) => {
    const wellFormed = transferSyntaxes.filter((uid) => parseUid(uid) !== undefined);
    // Not significant when refused (PS3.8 Table 9-18), but the item has to be there, and never
    // with a peer's nonsense in it.
    const placeholder = wellFormed[0] ?? implicitVrLittleEndian;
    if (parseUid(abstractSyntax) === undefined || !rules.acceptsAbstractSyntax(abstractSyntax)) {
      return { id, result: 3, transferSyntax: placeholder };
    }

    const acceptable = wellFormed.filter((uid) => rules.acceptsTransferSyntax(abstractSyntax, uid));
    const chosen = acceptable.find((uid) => uid !== explicitVrBigEndian) ?? acceptable[0];
    return chosen === undefined
      ? { id, result: 4, transferSyntax: placeholder }
      : { id, result: 0, transferSyntax: chosen };
  });
}
