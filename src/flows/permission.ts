import type { Decision } from '../access/decide.ts';
import { NotFoundError } from '../errors/origin-errors.ts';
import { InsufficientScopeError, UnknownTenantError } from '../errors/request-errors.ts';

/** A decision that lets somebody do something, and says to which studies. */
export type Permission = Extract<Decision, { readonly kind: 'allow' }>;

/**
 * What a decision allows.
 *
 * @throws when it is a refusal: {@link InsufficientScopeError}, {@link UnknownTenantError}, and
 *   {@link NotFoundError} for what lies outside the grant.
 */
export function permissionOf(decision: Decision): Permission {
  if (decision.kind === 'allow') return decision;
  switch (decision.reason) {
    case 'insufficient_scope':
      throw new InsufficientScopeError(decision.scope);
    case 'unknown_tenant':
      throw new UnknownTenantError();
    case 'outside_grant':
      throw notThere();
  }
}

/** In nothing different for what exists outside a grant and for what nobody has (HOSTILE D31). */
export function notThere(): NotFoundError {
  return new NotFoundError('the archive does not have it');
}
