import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeConfig } from '../../src/config/describe-config.ts';
import { loadConfig } from '../../src/config/load-config.ts';
import type { LoadedConfig } from '../../src/config/load-config.ts';
import { laterVariables } from '../../src/config/variables/later-variables.ts';
import { variableNames } from '../../src/config/variables/variables.ts';
import { ConfigurationError } from '../../src/errors/configuration-error.ts';
import type { ConfigurationProblem } from '../../src/errors/configuration-error.ts';

const oauth = {
  UPSTREAM_URL: 'https://pacs.example.org/dicom-web/',
  UPSTREAM_AUTH: 'client_credentials',
  UPSTREAM_TOKEN_URL: 'https://idp.example.org/token?p=policy',
  UPSTREAM_CLIENT_ID: 'bridge',
  UPSTREAM_CLIENT_SECRET: 's3cret',
};

describe('the configuration', () => {
  it('is complete without any variable', () => {
    const { config, sources, notes } = load({});

    expect(config.dimse).toMatchObject({
      aeTitle: 'DRAWBRIDGE',
      aeTitles: ['DRAWBRIDGE'],
      host: '::',
      port: 11112,
      requireCalledAeTitle: true,
      maxPduBytes: 131_072,
      idleTimeoutMs: 300_000,
      maxObjectBytes: 16 * 2 ** 30,
    });
    expect(config.archive).toEqual({ kind: 'embedded', folder: resolve('data/archive') });
    expect(config.spool).toEqual({
      folder: resolve('data/spool'),
      minFreeBytes: 2 * 2 ** 30,
      maxBytes: undefined,
      keepMs: 0,
    });
    expect(config.http).toEqual({
      host: '127.0.0.1',
      port: 8080,
      tls: undefined,
      publicUrl: undefined,
      trustedProxies: [],
      plaintextFrom: [],
      corsOrigins: [],
      maxBodyBytes: 16 * 2 ** 30,
      dicomwebRoot: '/dicom-web',
      viewer: undefined,
    });
    expect(config.access).toEqual({ isOpen: false, oidc: undefined, local: true });
    expect(new Set(Object.values(sources))).toEqual(new Set(['default']));
    expect(notes).toEqual([]);
  });

  it('is frozen to the bottom', () => {
    const { config } = load({});

    expect(Object.isFrozen(config.dimse.allowedNetworks[0])).toBe(true);
    expect(() => {
      (config.dimse as { port: unknown }).port = 1;
    }).toThrow(TypeError);
  });

  it('takes what the environment says, in its units', () => {
    const { config, sources } = load({
      ...oauth,
      UPSTREAM_RESOURCE: 'https://pacs.example.org',
      UPSTREAM_TIMEOUT: '1500ms',
      UPSTREAM_STOW_PATH: '/store/rs/',
      DIMSE_AE_TITLES: 'CT1, MR1 ,DRAWBRIDGE',
      DIMSE_PORT: 'off',
      DIMSE_ALLOWED_NETWORKS: '192.0.2.0/24, local',
      SPOOL_MAX_BYTES: '1.5GiB',
      DATA_DIR: '/srv/bridge',
      SHUTDOWN_GRACE: '0s',
      STORE_ACK: 'archived',
      URGENT_MODALITIES: 'CR, DX,US',
    });

    expect(config.archive).toEqual({
      kind: 'dicomweb',
      url: 'https://pacs.example.org/dicom-web',
      auth: {
        kind: 'client_credentials',
        tokenUrl: 'https://idp.example.org/token?p=policy',
        clientId: 'bridge',
        clientSecret: 's3cret',
        clientAuth: 'basic',
        scope: undefined,
        audience: undefined,
        resource: 'https://pacs.example.org',
      },
      tls: { caFile: undefined, certFile: undefined, keyFile: undefined },
      connections: 4,
      timeoutMs: 1500,
      quirks: 'orthanc',
      qidoPath: undefined,
      wadoPath: undefined,
      stowPath: 'store/rs',
    });
    expect(config.dimse.aeTitles).toEqual(['DRAWBRIDGE', 'CT1', 'MR1']);
    expect(config.dimse.port).toBe('off');
    expect(config.dimse.allowedNetworks).toHaveLength(7);
    expect(config.spool).toMatchObject({ folder: '/srv/bridge/spool', maxBytes: 1.5 * 2 ** 30 });
    expect(config.shutdownGraceMs).toBe(0);
    expect(config.delivery).toMatchObject({
      archiveAckTimeoutMs: 25_000,
      urgentModalities: ['CR', 'DX', 'US'],
    });
    expect(sources.UPSTREAM_URL).toBe('environment');
    expect(sources.UPSTREAM_CONNECTIONS).toBe('default');
  });

  it('counts an empty value as not set', () => {
    expect(load({ UPSTREAM_URL: '', DIMSE_PORT: '' }).sources.DIMSE_PORT).toBe('default');
  });

  it('ignores what does not start with DRAWBRIDGE_', () => {
    expect(loadConfig({ DIMSE_PORT: 'x', HTTP_PROXY: 'y' }, { readFile }).config.dimse.port).toBe(
      11112,
    );
  });

  it('tells every problem at once', () => {
    const problems = problemsOf({
      DIMSE_PORT: '70000',
      DIMSE_AE_TITLE: 'a title that is too long',
      UPSTREAM_AUTH: 'client_credentials',
      UPSTREAM_URL: 'https://pacs.example.org',
      RETRY_MIN: '10s',
      RETRY_MAX: '1s',
      COLOUR: 'red',
    });

    expect(problems.map(({ variable }) => variable.replace('DRAWBRIDGE_', ''))).toEqual([
      'COLOUR',
      'DIMSE_AE_TITLE',
      'DIMSE_PORT',
      'UPSTREAM_TOKEN_URL',
      'UPSTREAM_CLIENT_ID',
      'UPSTREAM_CLIENT_SECRET',
      'RETRY_MAX',
    ]);
  });

  it('names the variable, what it got and what it accepts', () => {
    expect(problemsOf({ DIMSE_ARTIM_TIMEOUT: '30' })).toEqual([
      {
        variable: 'DRAWBRIDGE_DIMSE_ARTIM_TIMEOUT',
        got: '"30"',
        accepts: 'a duration from 100ms to 1h',
      },
    ]);
  });

  it.each([
    ['DIMSE_PORT', '-1'],
    ['DIMSE_PORT', '0x10'],
    ['DIMSE_MAX_PDU', '1KiB'],
    ['DIMSE_MAX_ASSOCIATIONS', '0'],
    ['DIMSE_REQUIRE_CALLED_AE', 'yes'],
    ['DIMSE_ALLOWED_NETWORKS', '10.0.0.0/8,'],
    ['DIMSE_AE_TITLES', 'CT1,,MR1'],
    ['DIMSE_HOST', '10.0.0.0/8'],
    ['UPSTREAM_URL', 'dicom://PACS@host:104'],
    ['UPSTREAM_URL', 'https://pacs.example.org/?a=b'],
    ['UPSTREAM_URL', 'pacs.example.org'],
    ['UPSTREAM_URL', 'file://host/folder'],
    ['UPSTREAM_URL', 'file:///a%2Fb'],
    ['UPSTREAM_URL', 'file:///a%00b'],
    ['UPSTREAM_AUTH', 'negotiate'],
    ['UPSTREAM_ISSUER', 'https://idp.example.org?x'],
    ['UPSTREAM_CLIENT_ASSERTION_ALG', 'none'],
    ['UPSTREAM_QIDO_PATH', '../admin'],
    ['UPSTREAM_TIMEOUT', '600h'],
    ['STORE_ACK', 'never'],
    ['ARCHIVE_ACK_TIMEOUT', '10ms'],
    ['URGENT_MODALITIES', 'CR,,US'],
    ['URGENT_MODALITIES', 'cr'],
    ['LOG_LEVEL', 'trace'],
  ])('refuses %s=%s', (name, value) => {
    expect(problemsOf({ [name]: value }).map(({ variable }) => variable)).toContain(
      `DRAWBRIDGE_${name}`,
    );
  });

  it('says of dicom: that this version does not have it yet', () => {
    expect(problemsOf({ UPSTREAM_URL: 'dicom://PACS@host:104' })[0]?.accepts).toContain(
      'do not exist in this version yet',
    );
  });
});

describe('names', () => {
  it('says what an unknown one was perhaps meant to be, without repeating its value', () => {
    const [problem] = problemsOf({ UPSTREAM_CLIENT_SECRT: 'hush' });

    expect(problem?.accepts).toBe('perhaps DRAWBRIDGE_UPSTREAM_CLIENT_SECRET was meant');
    expect(JSON.stringify(problem)).not.toContain('hush');
  });

  it.each([...laterVariables])('refuses %s, which has no behaviour yet', (name) => {
    expect(problemsOf({ [name]: 'x' })).toEqual([
      {
        variable: `DRAWBRIDGE_${name}`,
        got: 'a value',
        accepts: 'nothing: this version does not have it yet',
      },
    ]);
  });

  it('passes over what Kubernetes sets for a Service of our name, with one note', () => {
    const { config, notes } = load({
      SERVICE_HOST: '10.0.0.9',
      SERVICE_PORT: '11112',
      SERVICE_PORT_DIMSE: '11112',
      PORT: 'tcp://10.0.0.9:11112',
      PORT_11112_TCP: 'tcp://10.0.0.9:11112',
      PORT_11112_TCP_PROTO: 'tcp',
      PORT_11112_TCP_PORT: '11112',
      PORT_11112_TCP_ADDR: '10.0.0.9',
      HTTP_PORT: 'tcp://10.0.0.10:8080',
      HTTP_SERVICE_HOST: '10.0.0.10',
    });

    expect(config.http.port).toBe(8080);
    expect(notes).toHaveLength(1);
    expect(notes[0]).toContain('10 variables');
  });
});

describe('secrets', () => {
  it('come from a file, without the line end', () => {
    const { config, sources, shown } = load({
      ...oauth,
      UPSTREAM_CLIENT_SECRET: '',
      UPSTREAM_CLIENT_SECRET_FILE: '/run/secrets/client',
    });

    expect(config.archive).toMatchObject({ auth: { clientSecret: 'from a file ' } });
    expect(sources.UPSTREAM_CLIENT_SECRET).toBe('file');
    expect(shown.UPSTREAM_CLIENT_SECRET).toBe('********');
  });

  it('are not taken from two places', () => {
    expect(
      problemsOf({ ...oauth, UPSTREAM_CLIENT_SECRET_FILE: '/run/secrets/client' }),
    ).toMatchObject([
      { variable: 'DRAWBRIDGE_UPSTREAM_CLIENT_SECRET_FILE', accepts: 'one of the two' },
    ]);
  });

  it.each(['/run/secrets/missing', '/run/secrets/empty'])('are missed in %s', (path) => {
    const problems = problemsOf({
      ...oauth,
      UPSTREAM_CLIENT_SECRET: '',
      UPSTREAM_CLIENT_SECRET_FILE: path,
    });

    expect(problems[0]?.variable).toBe('DRAWBRIDGE_UPSTREAM_CLIENT_SECRET_FILE');
    expect(problems[0]?.got).toContain(path);
  });

  it('have no file where they are none', () => {
    expect(problemsOf({ DIMSE_PORT_FILE: '/port' })[0]?.got).toContain('no variable of this name');
  });

  it('never stand in what is shown, good or bad', () => {
    const bad = problemsOf({
      UPSTREAM_URL: 'https://user:hush@pacs.example.org',
      UPSTREAM_TOKEN_URL: 'https://user:hush@idp.example.org#hush',
      UPSTREAM_AUTH: 'bearer',
      UPSTREAM_BEARER_TOKEN: 'hush hush',
      UPSTREAM_PASSWORD: 'hush\n',
    });
    const good = load(oauth);

    expect(JSON.stringify(bad).replace('#hush', '')).not.toContain('hush');
    expect(JSON.stringify([good.shown, good.notes, describeConfig(good)])).not.toContain('s3cret');
  });
});

describe('contradictions', () => {
  const signed = {
    UPSTREAM_AUTH: 'private_key_jwt',
    UPSTREAM_TOKEN_URL: 'https://idp.example.org/token',
    UPSTREAM_CLIENT_ID: 'bridge',
    UPSTREAM_CLIENT_KEY: '{"kty":"OKP"}',
  };
  const shown = {
    UPSTREAM_AUTH: 'tls_client_auth',
    UPSTREAM_TOKEN_URL: 'https://idp.example.org/token',
    UPSTREAM_CLIENT_ID: 'bridge',
    UPSTREAM_TLS_CERT: 'c.pem',
    UPSTREAM_TLS_KEY: 'k.pem',
  };

  it.each([
    ['basic without user', { UPSTREAM_AUTH: 'basic', UPSTREAM_PASSWORD: 'p' }, 'UPSTREAM_USERNAME'],
    [
      'basic without password',
      { UPSTREAM_AUTH: 'basic', UPSTREAM_USERNAME: 'u' },
      'UPSTREAM_PASSWORD',
    ],
    ['bearer without token', { UPSTREAM_AUTH: 'bearer' }, 'UPSTREAM_BEARER_TOKEN'],
    ['a secret nobody uses', { UPSTREAM_CLIENT_SECRET: 's' }, 'UPSTREAM_CLIENT_SECRET'],
    ['a certificate without key', { UPSTREAM_TLS_CERT: 'c.pem' }, 'UPSTREAM_TLS_KEY'],
    ['a key without certificate', { UPSTREAM_TLS_KEY: 'k.pem' }, 'UPSTREAM_TLS_CERT'],
    ['a key without a token server', { ...signed, UPSTREAM_TOKEN_URL: '' }, 'UPSTREAM_TOKEN_URL'],
    ['a signature without key', { ...signed, UPSTREAM_CLIENT_KEY: '' }, 'UPSTREAM_CLIENT_KEY'],
    ['a secret beside a key', { ...signed, UPSTREAM_CLIENT_SECRET: 's' }, 'UPSTREAM_CLIENT_SECRET'],
    [
      'an issuer beside a token endpoint',
      { ...signed, UPSTREAM_ISSUER: 'https://idp.example.org' },
      'UPSTREAM_ISSUER',
    ],
    [
      'a statement to an issuer nobody named',
      { ...signed, UPSTREAM_CLIENT_ASSERTION_AUDIENCE: 'issuer' },
      'UPSTREAM_ISSUER',
    ],
    [
      'an issuer others can listen to',
      { ...signed, UPSTREAM_TOKEN_URL: '', UPSTREAM_ISSUER: 'http://idp.example.org' },
      'UPSTREAM_ISSUER',
    ],
    ['a proof by certificate without key', { ...shown, UPSTREAM_TLS_KEY: '' }, 'UPSTREAM_TLS_KEY'],
    [
      'a proof by certificate without TLS',
      { ...shown, UPSTREAM_TOKEN_URL: 'http://127.0.0.1/token' },
      'UPSTREAM_TOKEN_URL',
    ],
    [
      'an assertion setting nobody uses',
      { ...shown, UPSTREAM_CLIENT_KEY_ID: 'k' },
      'UPSTREAM_CLIENT_KEY_ID',
    ],
    ['retries that shrink', { RETRY_MIN: '1h' }, 'RETRY_MAX'],
    ['a timeout nobody waits for', { ARCHIVE_ACK_TIMEOUT: '5s' }, 'ARCHIVE_ACK_TIMEOUT'],
    ['one port twice', { OPS_PORT: '8080' }, 'OPS_PORT'],
    ['a port DIMSE has everywhere', { HTTP_PORT: '11112' }, 'HTTP_PORT'],
  ])('%s stops the start', (_, settings, name) => {
    const problems = problemsOf({ UPSTREAM_URL: 'https://pacs.example.org', ...settings });

    expect(problems.map(({ variable }) => variable)).toEqual([`DRAWBRIDGE_${name}`]);
  });

  it.each([{}, { UPSTREAM_URL: 'file:///srv/archive' }])(
    'credentials for the embedded archive stop the start %j',
    (where) => {
      const problems = problemsOf({
        ...where,
        UPSTREAM_AUTH: 'bearer',
        UPSTREAM_BEARER_TOKEN: 't',
      });

      expect(problems.map(({ variable }) => variable)).toEqual([
        'DRAWBRIDGE_UPSTREAM_AUTH',
        'DRAWBRIDGE_UPSTREAM_BEARER_TOKEN',
      ]);
    },
  );

  it('lets several listeners take any free port', () => {
    const { config } = load({ DIMSE_PORT: '0', HTTP_PORT: '0', OPS_PORT: '0' });

    expect([config.dimse.port, config.http.port, config.operations.port]).toEqual([0, 0, 0]);
  });
});

describe('credentials in clear', () => {
  const bearer = { UPSTREAM_AUTH: 'bearer', UPSTREAM_BEARER_TOKEN: 'abc' };

  it('are refused off loopback', () => {
    expect(problemsOf({ ...bearer, UPSTREAM_URL: 'http://pacs.example.org' })).toMatchObject([
      { variable: 'DRAWBRIDGE_UPSTREAM_URL' },
    ]);
    expect(
      problemsOf({ ...oauth, UPSTREAM_TOKEN_URL: 'http://idp.example.org/token' }),
    ).toMatchObject([{ variable: 'DRAWBRIDGE_UPSTREAM_TOKEN_URL' }]);
  });

  it.each([
    { ...bearer, UPSTREAM_URL: 'http://127.0.0.1:8042/dicom-web' },
    { ...bearer, UPSTREAM_URL: 'http://[::1]:8042/dicom-web' },
    { UPSTREAM_URL: 'http://pacs.example.org' },
    { ...bearer, UPSTREAM_URL: 'http://pacs.example.org', HTTP_ALLOW_PLAINTEXT: 'true' },
  ])(
    'pass where nobody listens, where there are none, or where it was asked for: %j',
    (settings) => {
      expect(load(settings).config.archive.kind).toBe('dicomweb');
    },
  );

  it('are announced where they were asked for', () => {
    expect(load({ HTTP_ALLOW_PLAINTEXT: 'true' }).notes).toHaveLength(1);
    expect(
      load({ DIMSE_ALLOWED_NETWORKS: 'any', DIMSE_REQUIRE_CALLED_AE: 'false' }).notes,
    ).toHaveLength(2);
  });
});

describe('the description', () => {
  it('has a row for every variable, with what will be used and where it came from', () => {
    const rows = describeConfig(load({ DATA_DIR: 'elsewhere' }));

    expect(rows).toHaveLength(variableNames.length);
    expect(rows).toContainEqual({
      variable: 'DRAWBRIDGE_UPSTREAM_URL',
      value: `file://${resolve('elsewhere/archive')}`,
      from: 'default',
    });
    expect(rows).toContainEqual({
      variable: 'DRAWBRIDGE_DATA_DIR',
      value: resolve('elsewhere'),
      from: 'environment',
    });
    expect(rows).toContainEqual({
      variable: 'DRAWBRIDGE_UPSTREAM_CLIENT_ID',
      value: undefined,
      from: 'default',
    });
  });
});

function readFile(path: string): string {
  if (path === '/run/secrets/client') return 'from a file \r\n';
  if (path === '/run/secrets/empty') return '\n';
  throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
}

function load(settings: Readonly<Record<string, string>>): LoadedConfig {
  const environment = Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [`DRAWBRIDGE_${name}`, value]),
  );
  return loadConfig(environment, { readFile });
}

function problemsOf(settings: Readonly<Record<string, string>>): readonly ConfigurationProblem[] {
  try {
    load(settings);
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  throw new Error('the configuration was accepted');
}
