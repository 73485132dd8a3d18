/** What is known of the tenant a token names. */
export type TenantAccess = { readonly kind: 'everything' } | { readonly kind: 'unknown' };

/** Finds what a tenant may reach, `undefined` being whoever names none. */
export type TenantRule = (tenant: string | undefined) => TenantAccess;

/**
 * The rule of a bridge that has no tenants. A token of some tenant was never meant for everything
 * that is here, so it gets nothing rather than everything.
 */
export const noTenants: TenantRule = (tenant) => ({
  kind: tenant === undefined ? 'everything' : 'unknown',
});
