import { exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'jose';
import type { IncomingMessage, RequestListener } from 'node:http';
import { TLSSocket } from 'node:tls';
import { Provider } from 'oidc-provider';
import { browserClientMetadata, signIn, signInSettings } from './browser-sign-in.ts';
import type { BrowserClient } from './browser-sign-in.ts';
import { startLoopbackServer } from './loopback-server.ts';
import type { Peer } from './peer.ts';

/** A client that may ask for tokens by client credentials (RFC 6749 §4.4). */
export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

interface IdentityProviderOptions {
  /** Resource indicator (RFC 8707), which is also the tokens' audience. */
  readonly audience?: string;
  readonly tokenTtlSeconds?: number;
  /** JWTs unless said otherwise; opaque ones can only be asked about (RFC 7662). */
  readonly tokenFormat?: 'jwt' | 'opaque';
  /** Clients that sign what they say (RFC 7523); their public keys. */
  readonly keyClients?: readonly { readonly clientId: string; readonly publicKey: JWK }[];
  /** A second listener, for a client that shows a certificate of this authority (RFC 8705). */
  readonly mtls?: {
    readonly clientId: string;
    /** DNS name in its certificate. */
    readonly dnsName: string;
    readonly ca: string;
    readonly cert: string;
    readonly key: string;
  };
}

/** A real `oidc-provider` that gives JWT access tokens for one DICOMweb resource. */
export interface IdentityProvider extends Peer {
  readonly issuer: string;
  readonly tokenUrl: string;
  /** The end point of those who show a certificate. */
  readonly mtlsTokenUrl: string | undefined;
  readonly jwksUrl: string;
  readonly introspectionUrl: string;
  readonly audience: string;
  readonly scope: string;
  /** Authenticates with the Authorization header (`client_secret_basic`). */
  readonly basicClient: OAuthClient;
  /** Authenticates with form fields (`client_secret_post`). */
  readonly postClient: OAuthClient;
  /** How often each end point was asked so far. */
  readonly requests: { readonly token: number; readonly jwks: number; readonly metadata: number };
  /** Lifetime of the tokens given from now on. */
  setTokenTtl(seconds: number): void;
  /** Claims of the JWTs given from now on, in place of those that would be right. */
  setTokenClaims(claims: Readonly<Record<string, unknown>>): void;
  /** From now on users of this web application may sign in: authorization code and PKCE. */
  addBrowserClient(client: BrowserClient): void;
  down(): Promise<void>;
  up(): Promise<void>;
}

const scope = 'dicomweb.read dicomweb.write';
// Characters that RFC 6749 §2.3.1 wants form-encoded before they go into Basic: many clients forget.
const basicClient = { clientId: 'bridge basic', clientSecret: 'b+s/c: %secret=&' };
const postClient = { clientId: 'bridge-post', clientSecret: 'p+st%20secret' };

export async function startIdentityProvider(
  options: IdentityProviderOptions = {},
): Promise<IdentityProvider> {
  const audience = options.audience ?? 'https://archive.test/dicom-web';
  const key = await signingKey();
  const requests = { token: 0, jwks: 0, metadata: 0 };
  let ttlSeconds = options.tokenTtlSeconds ?? 300;
  let otherClaims: Readonly<Record<string, unknown>> = {};
  const browserClients: BrowserClient[] = [];

  let answer: RequestListener = (_request, response) => response.writeHead(503).end();
  const { mtls } = options;
  const mtlsServer = mtls
    ? await startLoopbackServer(() => (request, response) => answer(request, response), {
        ca: mtls.ca,
        cert: mtls.cert,
        key: mtls.key,
        requestCert: true,
        // The end point judges, so that its refusal is one of OAuth.
        rejectUnauthorized: false,
      })
    : undefined;

  const createProvider = (issuer: string): Provider =>
    new Provider(issuer, {
      clients: [
        clientMetadata(basicClient, 'client_secret_basic'),
        clientMetadata(postClient, 'client_secret_post'),
        ...(options.keyClients ?? []).map(keyClientMetadata),
        ...(mtls ? [certificateClientMetadata(mtls)] : []),
        ...browserClients.map(browserClientMetadata),
      ],
      enabledJWA: {
        clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
      },
      clientAuthMethods: [
        'client_secret_basic',
        'client_secret_post',
        'private_key_jwt',
        ...(mtls ? ['tls_client_auth'] : []),
        ...(browserClients.length > 0 ? ['none'] : []),
      ],
      ...(mtlsServer && {
        discovery: { mtls_endpoint_aliases: { token_endpoint: `${mtlsServer.url}/token` } },
      }),
      jwks: { keys: [key] },
      ttl: { ClientCredentials: () => ttlSeconds },
      formats: {
        customizers: {
          jwt: (_context: unknown, _token: unknown, jwt: { readonly payload: object }) =>
            Object.assign(jwt.payload, otherClaims),
        },
      },
      cookies: { keys: ['only-for-tests'] },
      ...(browserClients.length > 0 && signInSettings(scope)),
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: { enabled: true },
        ...(mtls && { mTLS: mutualTls }),
        resourceIndicators: {
          enabled: true,
          defaultResource: () => audience,
          // What a browser names in its first request holds for the token it gets in the end.
          useGrantedResource: () => true,
          // Without `jwt` the tokens are opaque and the gate could not judge them.
          getResourceServerInfo: (_context: unknown, resource: string) => ({
            scope,
            audience: browserClients.some((each) => each.resource === resource)
              ? resource
              : audience,
            accessTokenTTL: ttlSeconds,
            accessTokenFormat: options.tokenFormat ?? 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    });
  let provider: Provider | undefined;
  const server = await startLoopbackServer((issuer) => {
    answer = (request, response) => {
      if (request.url === '/token') requests.token += 1;
      if (request.url === '/jwks') requests.jwks += 1;
      if (request.url?.includes('/.well-known/') === true) requests.metadata += 1;
      provider ??= createProvider(issuer);
      if (request.url?.startsWith('/interaction/') === true) {
        void signIn(provider, request, response);
      } else provider.callback()(request, response);
    };
    return answer;
  });
  const stop = async (): Promise<void> => {
    await server.stop();
    await mtlsServer?.stop();
  };

  return {
    ...server,
    stop,
    [Symbol.asyncDispose]: stop,
    mtlsTokenUrl: mtlsServer && `${mtlsServer.url}/token`,
    issuer: server.url,
    tokenUrl: `${server.url}/token`,
    jwksUrl: `${server.url}/jwks`,
    introspectionUrl: `${server.url}/token/introspection`,
    audience,
    scope,
    basicClient,
    postClient,
    requests,
    setTokenTtl: (seconds) => (ttlSeconds = seconds),
    setTokenClaims: (claims) => (otherClaims = claims),
    addBrowserClient: (client) => {
      browserClients.push(client);
      provider = undefined; // it learns of its clients only when it is made
    },
  };
}

async function signingKey(): Promise<JWK> {
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: 'test', alg: 'RS256', use: 'sig' };
}

function clientMetadata(client: OAuthClient, method: string): object {
  return {
    client_id: client.clientId,
    client_secret: client.clientSecret,
    token_endpoint_auth_method: method,
    ...machineClient,
  };
}

function keyClientMetadata({
  clientId,
  publicKey,
}: {
  readonly clientId: string;
  readonly publicKey: JWK;
}): object {
  return {
    ...machineClient,
    client_id: clientId,
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: publicKey.alg,
    jwks: { keys: [publicKey] },
  };
}

function certificateClientMetadata({
  clientId,
  dnsName,
}: {
  readonly clientId: string;
  readonly dnsName: string;
}): object {
  return {
    ...machineClient,
    client_id: clientId,
    token_endpoint_auth_method: 'tls_client_auth',
    tls_client_auth_san_dns: dnsName,
  };
}

const machineClient = {
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
};

interface Context {
  readonly req: IncomingMessage;
}

/** What oidc-provider leaves to its owner: it may stand behind a proxy that ends TLS. */
const mutualTls = {
  enabled: true,
  tlsClientAuth: true,
  getCertificate: (context: Context) => {
    const { socket } = context.req;
    return socket instanceof TLSSocket ? socket.getPeerX509Certificate() : undefined;
  },
  certificateAuthorized: ({ req: { socket } }: Context) =>
    socket instanceof TLSSocket && socket.authorized,
  certificateSubjectMatches: ({ req: { socket } }: Context, _property: string, expected: string) =>
    socket instanceof TLSSocket &&
    socket.getPeerX509Certificate()?.checkHost(expected, { wildcards: false }) === expected,
};
