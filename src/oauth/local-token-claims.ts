import type { Scope } from '../access/principal.ts';
import type { ClaimRules } from './token-claims.ts';

/**
 * Issuer and audience of the tokens a bridge makes for itself. They are the same everywhere: what
 * binds a token to its bridge is the key, and the address of a bridge may change.
 */
export const localIssuer = 'urn:drawbridge:local';

const scopeNames = { read: 'read', write: 'write', admin: 'admin' } as const satisfies Record<
  Scope,
  string
>;

/** One machine makes and reads them, so there are no two clocks. */
export const localRules: ClaimRules = {
  issuer: localIssuer,
  audiences: [localIssuer],
  clockToleranceMs: 0,
  scopeNames,
  scopeClaims: ['scope'],
  tenantClaim: 'tenant',
};
