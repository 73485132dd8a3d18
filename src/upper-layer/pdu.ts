import type { AssociationAcceptance, AssociationRequest } from './negotiation.ts';

/** PDU-type of the seven PDUs (PS3.8 §9.3.1). */
export const pduType = {
  associateRequest: 0x01,
  associateAccept: 0x02,
  associateReject: 0x03,
  data: 0x04,
  releaseRequest: 0x05,
  releaseReply: 0x06,
  abort: 0x07,
} as const;

/** Item types on the first level and below a presentation context (PS3.8 §9.3.2, §9.3.3). */
export const itemType = {
  applicationContext: 0x10,
  proposedContext: 0x20,
  answeredContext: 0x21,
  abstractSyntax: 0x30,
  transferSyntax: 0x40,
  userInformation: 0x50,
} as const;

/** Type, reserved byte, length: what every PDU starts with. */
export const pduHeaderBytes = 6;

/** Item-length, presentation context ID, message control header: what every PDV starts with. */
export const pdvHeaderBytes = 6;

/** The part of A-ASSOCIATE-RQ and -AC before the items (PS3.8 Table 9-11). */
export const associateFixedBytes = 68;

/** Longest A-ASSOCIATE PDU we read: 128 contexts with dozens of syntaxes each fit several times. */
export const maxAssociateBytes = 256 * 1024;

/** Bits of the message control header (PS3.8 §E.2); the others are ignored. */
export const messageControl = { command: 0x01, last: 0x02 } as const;

/** One Presentation Data Value: a fragment of a command or data set (PS3.8 §9.3.5.1). */
export interface Pdv {
  readonly contextId: number;
  readonly isCommand: boolean;
  readonly isLast: boolean;
  readonly fragment: Buffer;
}

/** Every PDU but P-DATA-TF: those that are read as a whole. */
export type ControlPdu =
  | { readonly kind: 'associate-request'; readonly request: AssociationRequest }
  | { readonly kind: 'associate-accept'; readonly acceptance: AssociationAcceptance }
  | {
      readonly kind: 'associate-reject';
      readonly result: number;
      readonly source: number;
      readonly diagnostic: number;
    }
  | { readonly kind: 'release-request' }
  | { readonly kind: 'release-reply' }
  | { readonly kind: 'abort'; readonly source: number; readonly reason: number };

/** The seven PDUs. P-DATA-TF appears whole only when written; read, it is never held together. */
export type Pdu = ControlPdu | { readonly kind: 'data'; readonly pdvs: readonly Pdv[] };
