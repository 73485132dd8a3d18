import { tokenAlgorithms } from '../../access/token-algorithms.ts';
import { parsedBy } from '../variable.ts';
import * as accept from '../value-schemas.ts';

/** Kinds of tokens that are accepted, or `none` where nobody else can call. */
const authKinds = ['oidc', 'local'] as const;

const words = (pattern: RegExp) => accept.listOf((text) => (pattern.test(text) ? text : undefined));

const oneOfEach = <const T extends string>(allowed: readonly T[]) =>
  accept.listOf((text) => allowed.find((one) => one === text));

/** RFC 6749 §3.3. */
const scopeName = parsedBy((text) =>
  /^[\x21\x23-\x5b\x5d-\x7e]{1,200}$/.test(text) ? text : undefined,
);
const claimName = /^[A-Za-z0-9_.:/-]{1,200}$/;

/** Who may call the HTTP front. */
export const accessVariables = {
  HTTP_AUTH: {
    default: 'local',
    accepts: 'a list of oidc and local, or none',
    description:
      'Whose access tokens the HTTP front accepts: those of `OIDC_ISSUER`, those made by `drawbridge token create`. `none` asks nobody for a token and needs `HTTP_HOST` on loopback.',
    schema: parsedBy((text) =>
      text === 'none' ? ('none' as const) : oneOfEach(authKinds).safeParse(text).data,
    ),
  },
  OIDC_ISSUER: {
    whenUnset: 'no tokens of an issuer',
    accepts: 'an http: or https: URL, exactly as the issuer writes it',
    description: 'The issuer of access tokens, as their claim `iss` names it to the character.',
    schema: accept.issuer,
  },
  OIDC_AUDIENCE: {
    whenUnset: 'the public address of the DICOMweb root',
    accepts: 'one or more texts without spaces, separated by commas',
    description: 'What the claim `aud` of an access token has to hold; one of them will do.',
    schema: words(/^[\x21-\x7e]{1,500}$/),
  },
  OIDC_JWKS_URL: {
    whenUnset: 'what the issuer says',
    accepts: 'an http: or https: URL',
    description: "Where the issuer's public keys are.",
    schema: accept.tokenUrl,
  },
  OIDC_ALGORITHMS: {
    default: 'RS256,PS256,ES256,ES384,EdDSA',
    accepts: `a list of ${tokenAlgorithms.join(', ')}`,
    description: 'How access tokens may be signed.',
    schema: oneOfEach(tokenAlgorithms),
  },
  OIDC_CLOCK_TOLERANCE: {
    default: '30s',
    accepts: 'a duration up to 5m',
    description: "How far the issuer's clock and ours may be apart.",
    schema: accept.duration({ min: 0, max: 300_000 }),
  },
  OIDC_SCOPE_READ: {
    default: 'dicomweb.read',
    accepts: 'one scope: visible ASCII without quote and backslash',
    description: 'The scope, or role, that may search and retrieve.',
    schema: scopeName,
  },
  OIDC_SCOPE_WRITE: {
    default: 'dicomweb.write',
    accepts: 'one scope: visible ASCII without quote and backslash',
    description: 'The scope, or role, that may store.',
    schema: scopeName,
  },
  OIDC_SCOPE_ADMIN: {
    default: 'drawbridge.admin',
    accepts: 'one scope: visible ASCII without quote and backslash',
    description: 'The scope, or role, that may run the bridge.',
    schema: scopeName,
  },
  OIDC_SCOPE_CLAIM: {
    default: 'scope,scp,roles',
    accepts: 'names of claims, separated by commas',
    description: 'The claims that hold scopes: words in a string, or a list.',
    schema: words(claimName),
  },
  OIDC_TENANT_CLAIM: {
    default: 'tenant',
    accepts: 'the name of a claim',
    description: 'The claim that names the tenant a token belongs to.',
    schema: parsedBy((text) => (claimName.test(text) ? text : undefined)),
  },
  OIDC_INTROSPECTION_URL: {
    whenUnset: 'opaque tokens are refused',
    accepts: 'an http: or https: URL',
    description: 'Where the issuer is asked about access tokens that are no JWTs (RFC 7662).',
    schema: accept.tokenUrl,
  },
  OIDC_INTROSPECTION_CLIENT_ID: {
    whenUnset: 'nobody is asked',
    accepts: 'a text',
    description: 'Who we are to the introspection end point.',
    schema: accept.text,
  },
  OIDC_INTROSPECTION_CLIENT_SECRET: {
    whenUnset: 'nobody is asked',
    accepts: 'a text',
    description: 'Our secret there, sent by HTTP Basic.',
    secret: true,
    schema: accept.text,
  },
} as const;
