import { exportJWK, generateKeyPair } from 'jose';
import type { JWK } from 'jose';
import { Provider } from 'oidc-provider';
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
}

/** A real `oidc-provider` that gives JWT access tokens for one DICOMweb resource. */
export interface IdentityProvider extends Peer {
  readonly issuer: string;
  readonly tokenUrl: string;
  readonly jwksUrl: string;
  readonly audience: string;
  readonly scope: string;
  /** Authenticates with the Authorization header (`client_secret_basic`). */
  readonly basicClient: OAuthClient;
  /** Authenticates with form fields (`client_secret_post`). */
  readonly postClient: OAuthClient;
  /** How often each end point was asked so far. */
  readonly requests: { readonly token: number; readonly jwks: number };
  /** Lifetime of the tokens given from now on. */
  setTokenTtl(seconds: number): void;
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
  const requests = { token: 0, jwks: 0 };
  let ttlSeconds = options.tokenTtlSeconds ?? 300;

  const server = await startLoopbackServer((issuer) => {
    const provider = new Provider(issuer, {
      clients: [
        clientMetadata(basicClient, 'client_secret_basic'),
        clientMetadata(postClient, 'client_secret_post'),
      ],
      jwks: { keys: [key] },
      ttl: { ClientCredentials: () => ttlSeconds },
      cookies: { keys: ['only-for-tests'] },
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        resourceIndicators: {
          enabled: true,
          defaultResource: () => audience,
          // Without `jwt` the tokens are opaque and the gate could not judge them.
          getResourceServerInfo: () => ({
            scope,
            audience,
            accessTokenTTL: ttlSeconds,
            accessTokenFormat: 'jwt',
            jwt: { sign: { alg: 'RS256' } },
          }),
        },
      },
    });
    const answer = provider.callback();
    return (request, response) => {
      if (request.url === '/token') requests.token += 1;
      if (request.url === '/jwks') requests.jwks += 1;
      answer(request, response);
    };
  });

  return {
    ...server,
    issuer: server.url,
    tokenUrl: `${server.url}/token`,
    jwksUrl: `${server.url}/jwks`,
    audience,
    scope,
    basicClient,
    postClient,
    requests,
    setTokenTtl: (seconds) => (ttlSeconds = seconds),
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
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  };
}
