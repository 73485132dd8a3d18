import type { AccessConfig } from '../config/access-config.ts';
import type { FrontConfig } from '../config/front-config.ts';
import type { ViewerSignIn } from '../http/viewer/app-config.ts';
import { createViewer } from '../http/viewer/viewer.ts';
import type { Viewer } from '../http/viewer/viewer.ts';
import type { OpenAuthenticator } from '../oauth/open-authenticator.ts';

/** Builds the viewer; `undefined` where there is none. */
export function composeViewer(
  { viewer, dicomwebRoot }: FrontConfig,
  access: AccessConfig,
  site: {
    readonly publicRoot: string;
    readonly authenticator: OpenAuthenticator | undefined;
  },
): Viewer | undefined {
  if (viewer === undefined) return undefined;
  const signIn = signInOf(access, viewer.clientId, site.publicRoot);
  const { authenticator } = site;
  return createViewer({
    ...{ folder: viewer.folder, dicomwebRoot, signIn },
    wadoUriPath: '/wado',
    signInOrigins: async () =>
      signIn && authenticator ? authenticator.signInOrigins() : Promise.resolve([]),
  });
}

function signInOf(
  { oidc }: AccessConfig,
  clientId: string | undefined,
  publicRoot: string,
): ViewerSignIn | undefined {
  if (oidc === undefined || clientId === undefined) return undefined;
  const { issuer, scopeNames, audiences } = oidc;
  return {
    ...{ issuer, clientId },
    scopes: [scopeNames.read, scopeNames.write],
    // An audience of the site's own is one the issuer finds by the client or the scopes.
    resource: audiences === undefined ? publicRoot : undefined,
  };
}
