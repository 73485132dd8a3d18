import { showProxy } from '../proxy.ts';
import * as accept from '../value-schemas.ts';

/** The archive behind the bridge and how it is reached. */
export const archiveVariables = {
  UPSTREAM_URL: {
    whenUnset: 'the embedded archive in the folder `archive` of `DRAWBRIDGE_DATA_DIR`',
    accepts:
      'https://… or http://… of a DICOMweb root, without credentials and query, or file:///folder for the embedded archive (dicom: and dicoms: do not exist in this version yet)',
    description: 'The archive that objects go to.',
    schema: accept.archiveUrl,
  },
  UPSTREAM_AUTH: {
    default: 'none',
    accepts: 'none, basic, bearer, client_credentials, private_key_jwt or tls_client_auth',
    description:
      'How the bridge proves itself to the archive; the last three get tokens by OAuth 2, with a secret, a signature (RFC 7523 §2.2) or a certificate (RFC 8705 §2).',
    schema: accept.oneOf(
      'none',
      'basic',
      'bearer',
      'client_credentials',
      'private_key_jwt',
      'tls_client_auth',
    ),
  },
  UPSTREAM_CLIENT_AUTH: {
    default: 'basic',
    accepts: 'basic or post',
    description:
      'How the client secret reaches the token endpoint: in the header or in the form (RFC 6749 §2.3.1).',
    schema: accept.oneOf('basic', 'post'),
  },
  UPSTREAM_TOKEN_URL: {
    accepts: 'an https:// or http:// URL without credentials and fragment',
    description: 'The token endpoint, where OAuth is used; or else `DRAWBRIDGE_UPSTREAM_ISSUER`.',
    schema: accept.tokenUrl,
  },
  UPSTREAM_ISSUER: {
    accepts: 'an https:// or http:// URL without credentials, query and fragment',
    description:
      'The issuer that says where its token endpoint is (OpenID Connect Discovery §4, RFC 8414 §3), to the character as it calls itself.',
    schema: accept.issuer,
  },
  UPSTREAM_CLIENT_ID: {
    accepts: 'text without control characters',
    description: 'The OAuth client.',
    schema: accept.text,
  },
  UPSTREAM_CLIENT_SECRET: {
    accepts: 'text without control characters',
    description: 'Its secret, for `client_credentials`.',
    secret: true,
    schema: accept.text,
  },
  UPSTREAM_CLIENT_KEY: {
    accepts:
      'a private JWK, or a private key in PEM without passphrase; a certificate beside it in the PEM text gives x5t#S256',
    description: 'The key the client signs with, for `private_key_jwt`.',
    secret: true,
    schema: accept.keyText,
  },
  UPSTREAM_CLIENT_KEY_ID: {
    whenUnset: 'the `kid` of the JWK, or none',
    accepts: 'text without control characters',
    description: 'By which name the server knows that key (`kid`), for `private_key_jwt`.',
    schema: accept.text,
  },
  UPSTREAM_CLIENT_ASSERTION_ALG: {
    whenUnset: 'the `alg` of the JWK, or what is usual for the key',
    accepts: 'RS256, PS256, ES256, ES384 or EdDSA',
    description: 'The algorithm of the signature, for `private_key_jwt`.',
    schema: accept.oneOf('RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'),
  },
  UPSTREAM_CLIENT_ASSERTION_AUDIENCE: {
    default: 'token_endpoint',
    accepts: 'token_endpoint or issuer',
    description: 'To whom the signed statement is addressed (`aud`), for `private_key_jwt`.',
    schema: accept.oneOf('token_endpoint', 'issuer'),
  },
  UPSTREAM_SCOPE: {
    accepts: 'scopes separated by spaces',
    description: 'The scope asked for (RFC 6749 §3.3).',
    schema: accept.text,
  },
  UPSTREAM_AUDIENCE: {
    accepts: 'text without control characters',
    description: 'The `audience` some servers want in the token request.',
    schema: accept.text,
  },
  UPSTREAM_RESOURCE: {
    accepts: 'text without control characters, by RFC 8707 an absolute URI',
    description: 'The `resource` the token is for (RFC 8707 §2).',
    schema: accept.text,
  },
  UPSTREAM_USERNAME: {
    accepts: 'text without control characters and colons',
    description: 'The user, for `basic` (RFC 7617 §2).',
    schema: accept.userName,
  },
  UPSTREAM_PASSWORD: {
    accepts: 'text without control characters',
    description: 'The password, for `basic`.',
    secret: true,
    schema: accept.text,
  },
  UPSTREAM_BEARER_TOKEN: {
    accepts: 'a token as RFC 6750 §2.1 spells it: letters, digits and -._~+/=',
    description: 'A token that does not change, for `bearer`.',
    secret: true,
    schema: accept.bearerToken,
  },
  UPSTREAM_TLS_CA: {
    whenUnset: 'the authorities Node.js knows',
    accepts: 'the path of a PEM file',
    description: 'The authorities that may vouch for the archive and the token endpoint.',
    schema: accept.path,
  },
  UPSTREAM_TLS_CERT: {
    accepts: 'the path of a PEM file',
    description:
      'Our certificate, where the archive or the token endpoint asks for one; what `tls_client_auth` goes by.',
    schema: accept.path,
  },
  UPSTREAM_TLS_KEY: {
    accepts: 'the path of a PEM file',
    description: 'The key of that certificate.',
    schema: accept.path,
  },
  UPSTREAM_PROXY: {
    whenUnset: '`HTTPS_PROXY` or `HTTP_PROXY`, except where `NO_PROXY` says otherwise',
    accepts: 'http://… or https://… of a proxy, with user:password@ where it wants them, or off',
    description:
      'The proxy (CONNECT) before the archive and the token endpoint; `off` is none, whatever the environment says.',
    secret: true,
    show: showProxy,
    schema: accept.proxyUrlOrOff,
  },
  UPSTREAM_CONNECTIONS: {
    default: '4',
    accepts: 'a whole number from 1 to 256',
    description: 'How many connections to the archive are kept at most.',
    schema: accept.integer({ min: 1, max: 256 }),
  },
  UPSTREAM_TIMEOUT: {
    default: '60s',
    accepts: 'a duration from 100ms to 24h',
    description:
      'How long the archive may be silent: to its first byte and between two, not in all.',
    schema: accept.duration({ min: 100, max: 86_400_000 }),
  },
  UPSTREAM_QUIRKS: {
    default: 'orthanc',
    accepts: 'orthanc or none',
    description:
      'Whose peculiarities are reckoned with when the archive is asked for others; `orthanc` is the more careful, `none` for one that keeps to PS3.18.',
    schema: accept.oneOf('orthanc', 'none'),
  },
  UPSTREAM_QIDO_PATH: {
    whenUnset: 'the archive URL itself',
    accepts: 'a path of letters, digits and -._~/',
    description: 'The path of the search service below the archive URL, where it has its own.',
    schema: accept.urlPath,
  },
  UPSTREAM_WADO_PATH: {
    whenUnset: 'the archive URL itself',
    accepts: 'a path of letters, digits and -._~/',
    description: 'The path of the retrieve service below the archive URL, where it has its own.',
    schema: accept.urlPath,
  },
  UPSTREAM_STOW_PATH: {
    whenUnset: 'the archive URL itself',
    accepts: 'a path of letters, digits and -._~/',
    description: 'The path of the store service below the archive URL, where it has its own.',
    schema: accept.urlPath,
  },
} as const;
