import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load-config.ts';
import type { LoadedConfig } from '../../src/config/load-config.ts';
import { ConfigurationError } from '../../src/errors/configuration-error.ts';

type Settings = Readonly<Record<string, string>>;

const everywhere = { HTTP_HOST: '0.0.0.0', HTTP_PUBLIC_URL: 'https://pacs.example.org' };
const tls = { HTTP_TLS_CERT: 'cert.pem', HTTP_TLS_KEY: 'key.pem' };
const oidc = { HTTP_AUTH: 'oidc', OIDC_ISSUER: 'https://idp.example.org' };

describe('the HTTP front', () => {
  it('takes what the environment says', () => {
    const { config } = load({
      ...everywhere,
      ...tls,
      ...oidc,
      HTTP_TRUSTED_PROXIES: '192.0.2.1',
      HTTP_CORS_ORIGINS: 'https://viewer.example.org, http://localhost:3000/',
      HTTP_MAX_BODY: '2GiB',
      DICOMWEB_ROOT: '/pacs/dicom-web',
      VIEWER_DIR: 'viewer/dist',
      VIEWER_CLIENT_ID: 'ohif',
    });

    expect(config.http).toEqual({
      host: '0.0.0.0',
      port: 8080,
      tls: { certFile: resolve('cert.pem'), keyFile: resolve('key.pem') },
      publicUrl: 'https://pacs.example.org',
      trustedProxies: [{ family: 'ipv4', address: '192.0.2.1', prefix: 32 }],
      plaintextFrom: [{ family: 'ipv4', address: '192.0.2.1', prefix: 32 }],
      corsOrigins: ['https://viewer.example.org', 'http://localhost:3000'],
      maxBodyBytes: 2 * 2 ** 30,
      dicomwebRoot: '/pacs/dicom-web',
      viewer: { folder: resolve('viewer/dist'), clientId: 'ohif' },
    });
    expect(config.access.oidc?.issuer).toBe('https://idp.example.org');
  });

  it.each([
    ['HTTP_PUBLIC_URL', 'https://pacs.example.org/pacs'],
    ['HTTP_PUBLIC_URL', 'https://pacs.example.org/?'],
    ['HTTP_PUBLIC_URL', 'https://user@pacs.example.org'],
    ['HTTP_PUBLIC_URL', 'pacs.example.org'],
    ['HTTP_CORS_ORIGINS', '*'],
    ['HTTP_CORS_ORIGINS', 'null'],
    ['HTTP_CORS_ORIGINS', 'https://viewer.example.org/app'],
    ['HTTP_CORS_ORIGINS', 'https://a.example.org,'],
    ['DICOMWEB_ROOT', '/'],
    ['DICOMWEB_ROOT', 'dicom-web'],
    ['DICOMWEB_ROOT', '/dicom-web/'],
    ['DICOMWEB_ROOT', '/a/../b'],
    ['DICOMWEB_ROOT', '/a b'],
    ['DICOMWEB_ROOT', '/health'],
    ['DICOMWEB_ROOT', '/wado/rs'],
    ['DICOMWEB_ROOT', '/.well-known'],
    ['HTTP_MAX_BODY', '10'],
    ['HTTP_TRUSTED_PROXIES', 'proxy.example.org'],
    ['VIEWER_CLIENT_ID', ' '],
    ['UPSTREAM_QUIRKS', 'dcm4chee'],
  ])('refuses %s=%s', (name, value) => {
    expect(problemsOf({ [name]: value })).toContain(name);
  });

  it('takes paths without end slash and origins however they are written', () => {
    const { config } = load({
      HTTP_PUBLIC_URL: 'HTTPS://PACS.example.org:443/',
      DICOMWEB_ROOT: '/d',
    });

    expect(config.http).toMatchObject({
      publicUrl: 'https://pacs.example.org',
      dicomwebRoot: '/d',
    });
  });
});

describe('access tokens in clear', () => {
  it.each<[Settings, readonly string[]]>([
    [everywhere, ['HTTP_HOST']],
    [{ HTTP_HOST: '192.0.2.7' }, ['HTTP_HOST']],
    [{ HTTP_HOST: '::' }, ['HTTP_HOST', 'HTTP_PUBLIC_URL']],
    [{ ...everywhere, ...tls }, []],
    [{ ...everywhere, HTTP_TRUSTED_PROXIES: '192.0.2.1' }, []],
    [{ ...everywhere, HTTP_ALLOW_PLAINTEXT: 'true' }, []],
    [{ ...everywhere, HTTP_PORT: 'off' }, []],
    [{ HTTP_HOST: '::', HTTP_PORT: 'off' }, []],
    [{ HTTP_HOST: 'localhost' }, []],
    [{ HTTP_HOST: '::1' }, []],
    [{ HTTP_PUBLIC_URL: 'http://pacs.example.org' }, ['HTTP_PUBLIC_URL']],
    [{ HTTP_PUBLIC_URL: 'http://pacs.example.org', HTTP_ALLOW_PLAINTEXT: 'true' }, []],
    [{ HTTP_PUBLIC_URL: 'http://localhost:8080' }, []],
  ])('%j: %j', (settings, names) => {
    expect(problemsOf(settings)).toEqual(names);
  });

  it('come from the named proxies alone, unless anybody may send them', () => {
    const proxies = { HTTP_TRUSTED_PROXIES: '192.0.2.1' };
    const plain = { HTTP_ALLOW_PLAINTEXT: 'true' };

    expect(load({}).config.http.plaintextFrom).toEqual([]);
    expect(load({ ...everywhere, ...proxies }).config.http.plaintextFrom).toHaveLength(1);
    expect(load({ ...everywhere, ...proxies, ...plain }).config.http.plaintextFrom).toBe(undefined);
  });

  it('are announced where they were asked for', () => {
    const { notes } = load({ ...everywhere, HTTP_ALLOW_PLAINTEXT: 'true' });

    expect(notes).toEqual([expect.stringContaining('DRAWBRIDGE_HTTP_ALLOW_PLAINTEXT=true')]);
  });
});

describe('a front that asks nobody for a token', () => {
  it('is announced', () => {
    expect(load({ HTTP_AUTH: 'none' }).notes).toEqual([
      expect.stringContaining('DRAWBRIDGE_HTTP_AUTH=none'),
    ]);
    expect(load({ HTTP_AUTH: 'none', HTTP_PORT: 'off' }).notes).toEqual([]);
  });

  it.each<[Settings, readonly string[]]>([
    [{}, []],
    [{ HTTP_PUBLIC_URL: 'http://localhost:8080' }, []],
    [{ HTTP_HOST: '192.0.2.7' }, ['HTTP_AUTH']],
    [{ HTTP_PUBLIC_URL: 'https://pacs.example.org' }, ['HTTP_PUBLIC_URL']],
    [{ HTTP_TRUSTED_PROXIES: 'local' }, ['HTTP_TRUSTED_PROXIES']],
  ])('is on loopback, and known so to nobody else: %j', (settings, names) => {
    expect(problemsOf({ HTTP_AUTH: 'none', ...settings })).toEqual(names);
  });
});

describe('settings of the front that do not fit together', () => {
  const viewer = { VIEWER_DIR: 'dist', VIEWER_CLIENT_ID: 'ohif' };

  it.each<[Settings, readonly string[]]>([
    [{ HTTP_TLS_CERT: 'c' }, ['HTTP_TLS_KEY']],
    [{ HTTP_TLS_KEY: 'k' }, ['HTTP_TLS_CERT']],
    [{ ...viewer, ...oidc }, []],
    [{ VIEWER_CLIENT_ID: 'ohif', ...oidc }, ['VIEWER_CLIENT_ID']],
    [viewer, ['VIEWER_CLIENT_ID']],
    [{ ...viewer, HTTP_AUTH: 'none' }, ['VIEWER_CLIENT_ID']],
    [{ OIDC_AUDIENCE: 'x' }, ['OIDC_AUDIENCE']],
    [{ HTTP_AUTH: 'oidc' }, ['OIDC_ISSUER']],
  ])('%j: %j', (settings, names) => {
    expect(problemsOf(settings)).toEqual(names);
  });

  it('are told all at once, with those of everything else', () => {
    const settings = {
      ...{ HTTP_HOST: '0.0.0.0', HTTP_AUTH: 'oidc', HTTP_TLS_CERT: 'c' },
      ...{ HTTP_MAX_BODY: '1', RETRY_MIN: '1h' },
    };

    expect(problemsOf(settings)).toEqual([
      'HTTP_MAX_BODY',
      'RETRY_MAX',
      'HTTP_TLS_KEY',
      'HTTP_PUBLIC_URL',
      'OIDC_ISSUER',
    ]);
  });
});

function load(settings: Settings): LoadedConfig {
  const environment = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`DRAWBRIDGE_${name}`, value]),
  );
  return loadConfig(environment, { readFile: () => '' });
}

/** Names that are told to be wrong. */
function problemsOf(settings: Settings): readonly string[] {
  try {
    load(settings);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ variable }) => variable.replace('DRAWBRIDGE_', ''));
  }
}
