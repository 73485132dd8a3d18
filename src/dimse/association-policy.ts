import { parseAeTitle } from '../dicom/ae-title.ts';
import type { AeTitle } from '../dicom/ae-title.ts';
import { isStorageSopClass, verificationSopClass } from '../dicom/sop-class.ts';
import { parseUid } from '../dicom/uid.ts';
import { negotiateContexts } from '../upper-layer/negotiation.ts';
import type { AssociationDecision, AssociationRequest } from '../upper-layer/negotiation.ts';

/** What the administrator decided about who may associate. */
export interface AssociationRules {
  readonly aeTitles: readonly AeTitle[];
  readonly requireCalledAeTitle: boolean;
  readonly maxAssociations: number;
  readonly maxAssociationsPerPeer: number;
}

/** What the listener knows at the moment of the request. */
export interface AssociationCircumstances {
  readonly networkAllowed: boolean;
  /** Associations established now, this one not counted. */
  readonly active: number;
  readonly activeOfPeer: number;
}

/** Why an association was refused: a label for metrics and the log. */
export type RefusalReason =
  'protocol' | 'network' | 'calling-ae-title' | 'called-ae-title' | 'too-many' | 'too-many-of-peer';

/** The answer to an A-ASSOCIATE-RQ, with what the log needs. */
export type PolicyDecision =
  | {
      readonly kind: 'accept';
      readonly callingAeTitle: AeTitle;
      readonly calledAeTitle: AeTitle;
      readonly answer: AssociationDecision;
    }
  | {
      readonly kind: 'reject';
      readonly reason: RefusalReason;
      /** A sentence for the operator: what was wrong and which setting decides. */
      readonly message: string;
      readonly answer: AssociationDecision;
    };

/**
 * Decides on an association request that PS3.8 has nothing against.
 *
 * Results, sources and reasons are those of PS3.8 §9.3.4: permanent for what a person must change
 * (titles, network), transient for what passes by itself (limits).
 */
export function decideAssociation(
  request: AssociationRequest,
  rules: AssociationRules,
  circumstances: AssociationCircumstances,
): PolicyDecision {
  const callingAeTitle = parseAeTitle(request.callingAeTitle);
  if (callingAeTitle === undefined) {
    return reject('calling-ae-title', 'calling AE title is blank or invalid', [1, 1, 3]);
  }
  if (!circumstances.networkAllowed) {
    return reject(
      'network',
      'source address is outside DRAWBRIDGE_DIMSE_ALLOWED_NETWORKS',
      [1, 1, 3],
    );
  }
  const calledAeTitle = parseAeTitle(request.calledAeTitle);
  if (calledAeTitle === undefined) {
    return reject('called-ae-title', 'called AE title is blank or invalid', [1, 1, 7]);
  }
  if (rules.requireCalledAeTitle && !rules.aeTitles.includes(calledAeTitle)) {
    return reject(
      'called-ae-title',
      `it calls us ${calledAeTitle}, we are ${rules.aeTitles.join(', ')} (DRAWBRIDGE_DIMSE_AE_TITLE, DRAWBRIDGE_DIMSE_AE_TITLES)`,
      [1, 1, 7],
    );
  }
  if (circumstances.active >= rules.maxAssociations) {
    return reject('too-many', 'DRAWBRIDGE_DIMSE_MAX_ASSOCIATIONS reached', [2, 3, 2]);
  }
  if (circumstances.activeOfPeer >= rules.maxAssociationsPerPeer) {
    return reject(
      'too-many-of-peer',
      'DRAWBRIDGE_DIMSE_MAX_ASSOCIATIONS_PER_PEER reached',
      [2, 3, 2],
    );
  }
  return {
    kind: 'accept',
    callingAeTitle,
    calledAeTitle,
    answer: {
      kind: 'accept',
      contexts: negotiateContexts(request, {
        acceptsAbstractSyntax: (uid) =>
          parseUid(uid) !== undefined && (uid === verificationSopClass || isStorageSopClass(uid)),
        acceptsTransferSyntax: (_abstractSyntax, uid) => parseUid(uid) !== undefined,
      }),
      // We provide and never use: a peer that wants to be the provider is told no (PS3.7 §D.3.3.4).
      roleSelections: request.roleSelections.map(({ sopClassUid, scu }) => ({
        sopClassUid,
        scu,
        scp: false,
      })),
    },
  };
}

function reject(
  reason: RefusalReason,
  message: string,
  [result, source, diagnostic]: readonly [1 | 2, 1 | 2 | 3, number],
): PolicyDecision {
  return {
    kind: 'reject',
    reason,
    message,
    answer: { kind: 'reject', result, source, diagnostic },
  };
}
