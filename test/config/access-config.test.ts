import { describe, expect, it } from 'vitest';
import { assembleAccess } from '../../src/config/access-config.ts';
import type { AccessValues } from '../../src/config/access-config.ts';
import { findAccessContradictions } from '../../src/config/access-contradictions.ts';
import type { Variable } from '../../src/config/variable.ts';
import { accessVariables } from '../../src/config/variables/access-variables.ts';

type Given = Partial<Record<keyof AccessValues, string>>;

const variables: Readonly<Record<string, Variable<unknown>>> = accessVariables;

function valueOf(name: keyof AccessValues, text: string): unknown {
  return variables[name]?.schema.safeParse(text).data;
}

function valuesOf(given: Given): AccessValues {
  const entries = Object.entries(variables).map(([name, { default: standard, schema }]) => {
    const text = given[name as keyof AccessValues] ?? standard;
    return [name, text === undefined ? undefined : schema.parse(text)];
  });
  return Object.fromEntries(entries) as AccessValues;
}

/** Names that are told to be wrong. */
function problemsOf(given: Given, http: { host?: string; plaintext?: boolean } = {}) {
  const { host = '127.0.0.1', plaintext = false } = http;
  const values = { ...valuesOf(given), HTTP_HOST: host, HTTP_ALLOW_PLAINTEXT: plaintext };
  return findAccessContradictions({ values, given: new Set(Object.keys(given)) });
}

const oidc = { HTTP_AUTH: 'oidc', OIDC_ISSUER: 'https://idp.test' } as const;
const introspection = {
  OIDC_INTROSPECTION_URL: 'https://idp.test/introspect',
  OIDC_INTROSPECTION_CLIENT_ID: 'bridge',
  OIDC_INTROSPECTION_CLIENT_SECRET: 'hush',
} as const;

describe('HTTP_AUTH', () => {
  it.each<[string, unknown]>([
    ['local', ['local']],
    ['oidc, local', ['oidc', 'local']],
    ['none', 'none'],
    ['', undefined],
    ['oidc,none', undefined],
    ['None', undefined],
    ['basic', undefined],
    ['oidc,', undefined],
  ])('%j is %j', (text, value) => {
    expect(valueOf('HTTP_AUTH', text)).toEqual(value);
  });

  it('none is refused where others reach the port', () => {
    expect(problemsOf({ HTTP_AUTH: 'none' })).toEqual([]);
    expect(problemsOf({ HTTP_AUTH: 'none' }, { host: 'localhost' })).toEqual([]);
    for (const host of ['0.0.0.0', '::', '10.0.0.1', 'bridge.test']) {
      expect(problemsOf({ HTTP_AUTH: 'none' }, { host })).toEqual([
        {
          variable: 'DRAWBRIDGE_HTTP_AUTH',
          got: 'none',
          accepts: `oidc or local, because DRAWBRIDGE_HTTP_HOST is ${host}`,
        },
      ]);
    }
    expect(problemsOf({}, { host: '0.0.0.0' })).toEqual([]);
  });
});

describe('OIDC_ALGORITHMS', () => {
  it.each(['HS256', 'none', 'RS256,HS256', 'RS256,none', 'rs256', ''])(
    'D02 cannot be %j',
    (text) => {
      expect(valueOf('OIDC_ALGORITHMS', text)).toBeUndefined();
    },
  );
});

describe('settings of an issuer', () => {
  it.each<[Given, readonly string[]]>([
    [oidc, []],
    [{ HTTP_AUTH: 'oidc' }, ['OIDC_ISSUER']],
    [{ ...oidc, ...introspection }, []],
    [
      { ...oidc, OIDC_INTROSPECTION_URL: 'https://idp.test/i' },
      ['OIDC_INTROSPECTION_CLIENT_ID', 'OIDC_INTROSPECTION_CLIENT_SECRET'],
    ],
    [
      { ...oidc, OIDC_INTROSPECTION_CLIENT_ID: 'x', OIDC_INTROSPECTION_CLIENT_SECRET: 'y' },
      ['OIDC_INTROSPECTION_URL'],
    ],
    [{ OIDC_ISSUER: 'https://idp.test' }, ['OIDC_ISSUER']],
    [{ HTTP_AUTH: 'none', OIDC_AUDIENCE: 'x' }, ['OIDC_AUDIENCE']],
    [{ ...oidc, OIDC_SCOPE_ADMIN: 'dicomweb.read' }, ['OIDC_SCOPE_ADMIN']],
    [{ ...oidc, OIDC_ISSUER: 'http://idp.test' }, ['OIDC_ISSUER']],
    [{ ...oidc, OIDC_ISSUER: 'http://127.0.0.1:8080' }, []],
    [{ ...oidc, OIDC_JWKS_URL: 'http://idp.test/keys' }, ['OIDC_JWKS_URL']],
    [
      { ...oidc, ...introspection, OIDC_INTROSPECTION_URL: 'http://idp.test/i' },
      ['OIDC_INTROSPECTION_URL'],
    ],
  ])('%j: %j', (given, names) => {
    expect(problemsOf(given).map(({ variable }) => variable)).toEqual(
      names.map((name) => `DRAWBRIDGE_${name}`),
    );
  });

  it('may be plain where somebody asked for it by name', () => {
    expect(problemsOf({ ...oidc, OIDC_ISSUER: 'http://idp.test' }, { plaintext: true })).toEqual(
      [],
    );
  });

  it('tell no secret when they are wrong', () => {
    const problems = problemsOf({ ...introspection, HTTP_AUTH: 'local' });

    expect(problems).toHaveLength(3);
    expect(JSON.stringify(problems)).not.toContain('hush');
  });
});

describe('who may call', () => {
  it('is, unless somebody says otherwise, whoever has a token of this bridge', () => {
    expect(assembleAccess(valuesOf({}))).toEqual({ isOpen: false, oidc: undefined, local: true });
  });

  it('may be everybody of this machine', () => {
    expect(assembleAccess(valuesOf({ HTTP_AUTH: 'none' }))).toEqual({
      isOpen: true,
      oidc: undefined,
      local: false,
    });
  });

  it('may be whom an issuer sends', () => {
    const given = { ...oidc, ...introspection, OIDC_AUDIENCE: 'api://a, b' };

    expect(assembleAccess(valuesOf(given))).toEqual({
      isOpen: false,
      local: false,
      oidc: {
        issuer: 'https://idp.test',
        audiences: ['api://a', 'b'],
        jwksUrl: undefined,
        algorithms: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
        clockToleranceMs: 30_000,
        scopeNames: {
          read: 'dicomweb.read',
          write: 'dicomweb.write',
          admin: 'drawbridge.admin',
        },
        scopeClaims: ['scope', 'scp', 'roles'],
        tenantClaim: 'tenant',
        introspection: {
          url: 'https://idp.test/introspect',
          clientId: 'bridge',
          clientSecret: 'hush',
        },
      },
    });
  });
});
