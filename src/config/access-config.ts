import type { accessVariables } from './variables/access-variables.ts';
import type { ValueOf } from './variable.ts';

/** The values of the variables that say who may call. */
export type AccessValues = {
  readonly [Name in keyof typeof accessVariables]: ValueOf<(typeof accessVariables)[Name]>;
};

/** The issuer whose access tokens are accepted. */
export interface OidcConfig {
  readonly issuer: string;
  /** `undefined`: the public address of the DICOMweb root. */
  readonly audiences: readonly string[] | undefined;
  readonly jwksUrl: string | undefined;
  readonly algorithms: AccessValues['OIDC_ALGORITHMS'];
  readonly clockToleranceMs: number;
  readonly scopeNames: Readonly<Record<'read' | 'write' | 'admin', string>>;
  readonly scopeClaims: readonly string[];
  readonly tenantClaim: string;
  readonly introspection:
    { readonly url: string; readonly clientId: string; readonly clientSecret: string } | undefined;
}

/** Who may call the HTTP front. */
export interface AccessConfig {
  /** Nobody is asked for a token; the front is on loopback then. */
  readonly isOpen: boolean;
  readonly oidc: OidcConfig | undefined;
  /** Tokens this bridge made are accepted. */
  readonly local: boolean;
}

/** Puts checked values together. */
export function assembleAccess(values: AccessValues): AccessConfig {
  const kinds = values.HTTP_AUTH;
  const isOpen = kinds === 'none';
  return {
    isOpen,
    oidc: !isOpen && kinds.includes('oidc') ? assembleOidc(values) : undefined,
    local: !isOpen && kinds.includes('local'),
  };
}

function assembleOidc(values: AccessValues): OidcConfig {
  const {
    OIDC_INTROSPECTION_URL: url,
    OIDC_INTROSPECTION_CLIENT_ID: clientId,
    OIDC_INTROSPECTION_CLIENT_SECRET: clientSecret,
  } = values;
  const isAsked = url !== undefined && clientId !== undefined && clientSecret !== undefined;
  return {
    issuer: values.OIDC_ISSUER ?? '',
    audiences: values.OIDC_AUDIENCE,
    jwksUrl: values.OIDC_JWKS_URL,
    algorithms: values.OIDC_ALGORITHMS,
    clockToleranceMs: values.OIDC_CLOCK_TOLERANCE,
    scopeNames: {
      read: values.OIDC_SCOPE_READ,
      write: values.OIDC_SCOPE_WRITE,
      admin: values.OIDC_SCOPE_ADMIN,
    },
    scopeClaims: values.OIDC_SCOPE_CLAIM,
    tenantClaim: values.OIDC_TENANT_CLAIM,
    introspection: isAsked ? { url, clientId, clientSecret } : undefined,
  };
}
