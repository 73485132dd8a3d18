import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { appConfigScript } from '../../../src/http/viewer/app-config.ts';
import type { ViewerSignIn } from '../../../src/http/viewer/app-config.ts';

interface OhifConfig {
  readonly routerBasename: string;
  readonly defaultDataSourceName: string;
  readonly dataSources: readonly {
    readonly sourceName: string;
    readonly configuration: Readonly<Record<string, unknown>>;
  }[];
  readonly oidc?: readonly Readonly<Record<string, unknown>>[];
}

const signIn = {
  issuer: 'https://idp.test',
  clientId: 'ohif</script>',
  scopes: ['dicomweb.read', 'dicomweb.write'],
  resource: 'https://pacs.test/dicom-web',
};

/** As a browser would. */
function configOf(given: ViewerSignIn | undefined): OhifConfig {
  const script = appConfigScript({
    dicomwebRoot: '/rs',
    wadoUriPath: '/wado',
    signIn: given,
  });
  const window: { config?: OhifConfig } = {};
  runInNewContext(script, { window });
  // Through JSON, for the prototypes of another realm are not ours.
  return JSON.parse(JSON.stringify(window.config)) as OhifConfig;
}

it('tells OHIF to ask this very origin', () => {
  const { dataSources, defaultDataSourceName, oidc } = configOf(undefined);
  const [source] = dataSources;

  expect(source?.sourceName).toBe(defaultDataSourceName);
  expect(source?.configuration).toMatchObject({
    qidoRoot: '/rs',
    wadoRoot: '/rs',
    wadoUriRoot: '/wado',
    supportsStow: true,
    bulkDataURI: { enabled: true },
  });
  expect(oidc).toBeUndefined();
});

it('tells OHIF how to sign in, by code and PKCE, for tokens meant for us', () => {
  const { oidc, routerBasename } = configOf(signIn);

  expect(routerBasename).toBe('/');
  expect(oidc).toEqual([
    {
      authority: 'https://idp.test',
      client_id: 'ohif</script>',
      redirect_uri: '/callback',
      response_type: 'code',
      scope: 'openid profile email dicomweb.read dicomweb.write',
      resource: 'https://pacs.test/dicom-web',
      post_logout_redirect_uri: '/',
    },
  ]);
});

it('names no resource where the issuer knows the audience by itself', () => {
  expect(configOf({ ...signIn, resource: undefined }).oidc?.[0]).not.toHaveProperty('resource');
});
