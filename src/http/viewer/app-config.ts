/** How users of the viewer sign in. */
export interface ViewerSignIn {
  readonly issuer: string;
  readonly clientId: string;
  /** What the viewer may do with the tokens it gets. */
  readonly scopes: readonly string[];
  /** What the tokens are for (RFC 8707); `undefined` where the issuer knows without being told. */
  readonly resource: string | undefined;
}

/** What the configuration of the viewer is made from. */
export interface AppConfigOptions {
  /** Paths on this origin. */
  readonly dicomwebRoot: string;
  readonly wadoUriPath: string;
  readonly signIn: ViewerSignIn | undefined;
}

/**
 * The `app-config.js` of OHIF 3, which it loads before anything else.
 *
 * @see https://docs.ohif.org/configuration/configurationFiles
 */
export function appConfigScript({ dicomwebRoot, wadoUriPath, signIn }: AppConfigOptions): string {
  const config = {
    // Not null: sign-in addresses are made by appending to it.
    routerBasename: '/',
    extensions: [],
    modes: [],
    customizationService: {},
    showStudyList: true,
    maxNumberOfWebWorkers: 3,
    showWarningMessageForCrossOrigin: false,
    strictZSpacingForVolumeViewport: true,
    investigationalUseDialog: { option: 'never' },
    maxNumRequests: { interaction: 100, thumbnail: 5, prefetch: 25 },
    defaultDataSourceName: 'dicomweb',
    dataSources: [dataSource(dicomwebRoot, wadoUriPath)],
    ...(signIn && { oidc: [oidcClient(signIn)] }),
  };
  return `// Made by Drawbridge from its settings.\nwindow.config = ${JSON.stringify(config, null, 2)};\n`;
}

function dataSource(dicomwebRoot: string, wadoUriPath: string): object {
  return {
    namespace: '@ohif/extension-default.dataSourcesModule.dicomweb',
    sourceName: 'dicomweb',
    configuration: {
      friendlyName: 'Archive',
      name: 'archive',
      qidoRoot: dicomwebRoot,
      wadoRoot: dicomwebRoot,
      wadoUriRoot: wadoUriPath,
      qidoSupportsIncludeField: true,
      supportsReject: false,
      supportsStow: true,
      dicomUploadEnabled: false,
      imageRendering: 'wadors',
      thumbnailRendering: 'wadors',
      enableStudyLazyLoad: true,
      supportsFuzzyMatching: false,
      supportsWildcard: true,
      // A quote in Accept would cost a preflight on another origin; here it costs nothing.
      omitQuotationForMultipartRequest: true,
      bulkDataURI: { enabled: true, relativeResolution: 'studies' },
    },
  };
}

/** Authorization code with PKCE: `code` is what makes OHIF choose it. */
function oidcClient({ issuer, clientId, scopes, resource }: ViewerSignIn): object {
  return {
    authority: issuer,
    client_id: clientId,
    redirect_uri: '/callback',
    response_type: 'code',
    scope: ['openid', 'profile', 'email', ...scopes].join(' '),
    ...(resource !== undefined && { resource }),
    post_logout_redirect_uri: '/',
  };
}
