import { isLoopbackHost } from '../access/networks.ts';
import type { ConfigurationProblem } from '../errors/configuration-error.ts';
import type { AccessValues } from './access-config.ts';

/** What there is to judge by; a value that could not be parsed is missing, and told elsewhere. */
interface Evidence {
  readonly values: Partial<AccessValues> & {
    readonly HTTP_HOST?: string;
    readonly HTTP_ALLOW_PLAINTEXT?: boolean;
  };
  /** Names somebody set, well or badly. */
  readonly given: ReadonlySet<string>;
}

type Name = keyof AccessValues;

/** Finds settings of who may call that are right each for itself but not together. */
export function findAccessContradictions(evidence: Evidence): readonly ConfigurationProblem[] {
  return [
    ...openToOthers(evidence),
    ...missing(evidence),
    ...withoutEffect(evidence),
    ...sameScopes(evidence),
    ...plaintext(evidence),
  ];
}

/** Whoever reaches the port could read every study. */
function openToOthers({ values }: Evidence): readonly ConfigurationProblem[] {
  const { HTTP_AUTH: auth, HTTP_HOST: host } = values;
  if (auth !== 'none' || host === undefined || isLoopbackHost(host)) return [];
  return [problem('HTTP_AUTH', 'none', `oidc or local, because ${full('HTTP_HOST')} is ${host}`)];
}

const introspection = [
  'OIDC_INTROSPECTION_URL',
  'OIDC_INTROSPECTION_CLIENT_ID',
  'OIDC_INTROSPECTION_CLIENT_SECRET',
] as const satisfies readonly Name[];

function missing({ values, given }: Evidence): readonly ConfigurationProblem[] {
  if (!usesOidc(values)) return [];
  const present = introspection.find((name) => given.has(name));
  const absent = introspection.filter((name) => !given.has(name));
  return [
    ...(given.has('OIDC_ISSUER')
      ? []
      : [problem('OIDC_ISSUER', 'nothing', `a value, because ${full('HTTP_AUTH')} has oidc`)]),
    ...(present === undefined ? [] : absent).map((name) =>
      problem(name, 'nothing', `a value, because ${full(present ?? name)} has one`),
    ),
  ];
}

/** More likely a forgotten `HTTP_AUTH` than a joke: a viewer would be turned away for no visible reason. */
function withoutEffect({ values, given }: Evidence): readonly ConfigurationProblem[] {
  if (values.HTTP_AUTH === undefined || usesOidc(values)) return [];
  const accepts = `nothing unless ${full('HTTP_AUTH')} has oidc`;
  return [...given]
    .filter((name): name is Name => name.startsWith('OIDC_'))
    .map((name) => problem(name, 'a value', accepts));
}

/** One word for two rights would give the larger to everybody who has the smaller. */
function sameScopes({ values }: Evidence): readonly ConfigurationProblem[] {
  const names = ['OIDC_SCOPE_READ', 'OIDC_SCOPE_WRITE', 'OIDC_SCOPE_ADMIN'] as const;
  return names.flatMap((name, index) =>
    names
      .slice(0, index)
      .filter((earlier) => values[name] !== undefined && values[name] === values[earlier])
      .map((earlier) =>
        problem(name, values[name] ?? '', `a scope of its own; ${full(earlier)} is the same`),
      ),
  );
}

/** Keys that come in clear can be anybody's, and tokens that go out in clear are everybody's. */
function plaintext({ values }: Evidence): readonly ConfigurationProblem[] {
  if (values.HTTP_ALLOW_PLAINTEXT !== false) return [];
  const names = ['OIDC_ISSUER', 'OIDC_JWKS_URL', 'OIDC_INTROSPECTION_URL'] as const;
  return names.flatMap((name) => {
    const url = values[name];
    if (url === undefined || !leavesUnencrypted(url)) return [];
    const accepts = `an https: URL, because tokens are believed by it, or ${full('HTTP_ALLOW_PLAINTEXT')}=true`;
    return [problem(name, url, accepts)];
  });
}

function leavesUnencrypted(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopbackHost(hostname);
}

function usesOidc({ HTTP_AUTH: auth }: Partial<AccessValues>): boolean {
  return auth !== undefined && auth !== 'none' && auth.includes('oidc');
}

function problem(name: Name, got: string, accepts: string): ConfigurationProblem {
  return { variable: full(name), got, accepts };
}

function full(name: string): string {
  return `DRAWBRIDGE_${name}`;
}
