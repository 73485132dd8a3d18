import type { Uid } from '../dicom/uid.ts';
import type { Principal, Scope } from './principal.ts';
import { noTenants } from './tenant-rule.ts';
import type { TenantRule } from './tenant-rule.ts';

/** What somebody wants to do; every route of the front is one of these. */
export type Action = 'search' | 'retrieve' | 'store' | 'administer';

/** What it is to be done to. */
export interface Resource {
  /** As it stands in the path, or for a single object in its data set. */
  readonly studyInstanceUid?: Uid | undefined;
}

export type Decision =
  | {
      readonly kind: 'allow';
      /**
       * The only studies a search may find and a store may add to; `undefined` is any. Empty means
       * that there is nothing to find: the answer is that of a search without results.
       */
      readonly onlyStudies: ReadonlySet<Uid> | undefined;
    }
  /** The token is good, and not for this: HTTP 403 with `insufficient_scope` and the scope named. */
  | { readonly kind: 'deny'; readonly reason: 'insufficient_scope'; readonly scope: Scope }
  /** As if it did not exist: HTTP 404, in nothing different from that of a UID nobody has. */
  | { readonly kind: 'deny'; readonly reason: 'outside_grant' }
  /** Of a tenant this bridge does not have; no scope would help: HTTP 403. */
  | { readonly kind: 'deny'; readonly reason: 'unknown_tenant' };

const neededScope = {
  search: 'read',
  retrieve: 'read',
  store: 'write',
  administer: 'admin',
} as const satisfies Record<Action, Scope>;

/**
 * Decides on one request.
 *
 * The scope comes first: whoever may not read at all learns nothing about what is there.
 *
 * @param tenantRule - which tenants there are and what belongs to them.
 */
export function decide(
  principal: Principal,
  action: Action,
  { studyInstanceUid }: Resource,
  tenantRule: TenantRule = noTenants,
): Decision {
  const tenant = tenantRule(principal.tenant);
  if (tenant.kind === 'unknown') return { kind: 'deny', reason: 'unknown_tenant' };
  const scope = neededScope[action];
  if (!principal.scopes.has(scope)) return { kind: 'deny', reason: 'insufficient_scope', scope };
  switch (action) {
    case 'administer':
      return { kind: 'allow', onlyStudies: undefined };
    case 'retrieve':
      // What names no study cannot be proven to lie inside.
      return includesStudy(principal, studyInstanceUid)
        ? { kind: 'allow', onlyStudies: undefined }
        : { kind: 'deny', reason: 'outside_grant' };
    case 'search':
    case 'store':
      return { kind: 'allow', onlyStudies: narrowed(principal.studies, studyInstanceUid) };
  }
}

/** Says whether one object that is being stored, or one result, lies within what was allowed. */
export function mayTouchStudy(
  { onlyStudies }: Extract<Decision, { readonly kind: 'allow' }>,
  studyInstanceUid: Uid | undefined,
): boolean {
  if (onlyStudies === undefined) return true;
  return studyInstanceUid !== undefined && onlyStudies.has(studyInstanceUid);
}

function includesStudy({ studies }: Principal, studyInstanceUid: Uid | undefined): boolean {
  return studies === undefined || (studyInstanceUid !== undefined && studies.has(studyInstanceUid));
}

/** A path that names a study narrows a grant further; without a grant the path speaks for itself. */
function narrowed(
  studies: ReadonlySet<Uid> | undefined,
  studyInstanceUid: Uid | undefined,
): ReadonlySet<Uid> | undefined {
  if (studies === undefined || studyInstanceUid === undefined) return studies;
  return new Set(studies.has(studyInstanceUid) ? [studyInstanceUid] : []);
}
