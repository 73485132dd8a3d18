import * as accept from '../value-schemas.ts';

/** The HTTP front: where viewers and scripts come to, and what they find there. */
export const httpVariables = {
  HTTP_HOST: {
    default: '127.0.0.1',
    accepts: 'an IP address or host name',
    description:
      'The address the HTTP front is bound to. Off loopback it wants a certificate, trusted proxies before it, or `HTTP_ALLOW_PLAINTEXT`.',
    schema: accept.host,
  },
  HTTP_PORT: {
    default: '8080',
    accepts: 'a port from 0 to 65535 (0: any free one), or off',
    description:
      'The port of the HTTP front: DICOMweb, the viewer, /docs, /health/live and /health/ready.',
    schema: accept.portOrOff,
  },
  HTTP_TLS_CERT: {
    whenUnset: 'the front speaks HTTP without TLS',
    accepts: 'the path of a PEM file',
    description:
      'The certificate of the HTTP front with its chain; read anew when the file changes.',
    schema: accept.path,
  },
  HTTP_TLS_KEY: {
    accepts: 'the path of a PEM file',
    description: 'The key of that certificate.',
    schema: accept.path,
  },
  HTTP_PUBLIC_URL: {
    whenUnset: 'the address and port of the listener',
    accepts: 'https://host, with a port where it is not 443; http: on loopback',
    description:
      'How clients reach the HTTP front: links in answers begin with it. With `DICOMWEB_ROOT` behind it, it is the audience of access tokens.',
    schema: accept.origin,
  },
  HTTP_TRUSTED_PROXIES: {
    whenUnset: 'none',
    accepts: 'networks (10.0.0.0/8, fd00::/8), addresses, local or any, separated by commas',
    description:
      'Reverse proxies that speak TLS to the clients: off loopback, connections without TLS are taken from them alone.',
    schema: accept.networks,
  },
  HTTP_ALLOW_PLAINTEXT: {
    default: 'false',
    accepts: 'true or false',
    description:
      'Whether credentials may travel unencrypted beyond this machine: access tokens to the HTTP front, ours to an http: archive or token endpoint.',
    schema: accept.trueOrFalse,
  },
  HTTP_CORS_ORIGINS: {
    whenUnset: 'none',
    accepts: 'origins (https://viewer.example.org), separated by commas',
    description: 'Web pages of other origins that may use the HTTP front from a browser.',
    schema: accept.origins,
  },
  HTTP_MAX_BODY: {
    default: '16GiB',
    accepts: 'a size of at least 1KiB',
    description: 'The longest body of a request; a longer one is answered with 413.',
    schema: accept.size({ min: 1024 }),
  },
  DICOMWEB_ROOT: {
    default: '/dicom-web',
    accepts: 'a path of letters, digits and -._~ that none of our other resources begins with',
    description: 'Where DICOMweb begins on the HTTP front.',
    schema: accept.frontPath,
  },
  VIEWER_DIR: {
    whenUnset: 'no viewer',
    accepts: 'the path of a folder',
    description:
      'A built web viewer, such as the `dist` of OHIF, served at `/` with an `app-config.js` made from our settings.',
    schema: accept.path,
  },
  VIEWER_CLIENT_ID: {
    whenUnset: 'the viewer does not sign in',
    accepts: 'text without control characters',
    description:
      'The public client at `OIDC_ISSUER` that users of the viewer sign in with (authorization code and PKCE).',
    schema: accept.text,
  },
} as const;
