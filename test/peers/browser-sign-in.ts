import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Provider } from 'oidc-provider';

/** A web application: it can keep no secret, and proves by PKCE that a code is its own. */
export interface BrowserClient {
  readonly clientId: string;
  /** Where its pages are. */
  readonly origin: string;
  /** What it wants tokens for (RFC 8707), which is their audience. */
  readonly resource: string;
}

export function browserClientMetadata({ clientId, origin }: BrowserClient): object {
  return {
    client_id: clientId,
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [`${origin}/callback`, `${origin}/silent-refresh.html`],
    post_logout_redirect_uris: [`${origin}/`],
  };
}

interface GrantContext {
  readonly oidc: {
    readonly session?: { readonly accountId: string };
    readonly client?: { readonly clientId: string };
    readonly params?: { readonly resource?: string; readonly scope?: string };
    readonly provider: Provider;
  };
}

/** Everybody may sign in; nobody is asked whether a client may act for them. */
export function signInSettings(resourceScope: string): object {
  return {
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email'] },
    findAccount: (_context: unknown, accountId: string) => ({
      accountId,
      claims: () => ({ sub: accountId, name: accountId, email: `${accountId}@hospital.test` }),
    }),
    interactions: {
      url: (_context: unknown, { uid }: { readonly uid: string }) => `/interaction/${uid}`,
    },
    issueRefreshToken: () => true,
    loadExistingGrant: async ({ oidc }: GrantContext) => {
      const { session, client, provider, params } = oidc;
      const grant = new provider.Grant({
        clientId: client?.clientId,
        accountId: session?.accountId,
      });
      grant.addOIDCScope('openid profile email');
      if (params?.resource !== undefined) grant.addResourceScope(params.resource, resourceScope);
      await grant.save();
      return grant;
    },
  };
}

/** The page people sign in on: a name and a button, for the password is not what is tested. */
export async function signIn(
  provider: Provider,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method === 'POST') {
    await provider.interactionFinished(request, response, { login: { accountId: 'reader' } });
    return;
  }
  response
    .writeHead(200, { 'content-type': 'text/html' })
    .end(
      '<!doctype html><title>Sign in</title><form method="post"><button>Sign in</button></form>',
    );
}
