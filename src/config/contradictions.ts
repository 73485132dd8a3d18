import { isLoopbackHost } from '../access/networks.ts';
import type { ConfigurationProblem } from '../errors/configuration-error.ts';
import { variablePrefix } from './variables/variables.ts';
import type { Values, VariableName } from './variables/variables.ts';

/** What there is to judge by; a value that could not be parsed is missing, and told elsewhere. */
interface Evidence {
  readonly values: Partial<Values>;
  /** Names somebody set, well or badly. */
  readonly given: ReadonlySet<VariableName>;
}

/** Finds settings that are right each for itself but not together. */
export function findContradictions(evidence: Evidence): readonly ConfigurationProblem[] {
  return [
    ...missingForAuth(evidence),
    ...issuerAndTokenUrl(evidence),
    ...withoutEffect(evidence),
    ...certificateWithoutTls(evidence),
    ...plaintextCredentials(evidence),
    ...halfOfAPair(evidence),
    ...retryOrder(evidence),
    ...timeoutWithoutWaiting(evidence),
    ...samePort(evidence),
  ];
}

type Auth = Values['UPSTREAM_AUTH'];

const neededBy = {
  none: [],
  basic: ['UPSTREAM_USERNAME', 'UPSTREAM_PASSWORD'],
  bearer: ['UPSTREAM_BEARER_TOKEN'],
  client_credentials: ['UPSTREAM_TOKEN_URL', 'UPSTREAM_CLIENT_ID', 'UPSTREAM_CLIENT_SECRET'],
  private_key_jwt: ['UPSTREAM_TOKEN_URL', 'UPSTREAM_CLIENT_ID', 'UPSTREAM_CLIENT_KEY'],
  tls_client_auth: [
    'UPSTREAM_TOKEN_URL',
    'UPSTREAM_CLIENT_ID',
    'UPSTREAM_TLS_CERT',
    'UPSTREAM_TLS_KEY',
  ],
} as const satisfies Record<Auth, readonly VariableName[]>;

const byOAuth = ['client_credentials', 'private_key_jwt', 'tls_client_auth'] as const;

/** Variables that some kinds of proof look at, and the others do not. */
const usedOnlyBy: Readonly<Partial<Record<VariableName, readonly Auth[]>>> = {
  UPSTREAM_USERNAME: ['basic'],
  UPSTREAM_PASSWORD: ['basic'],
  UPSTREAM_BEARER_TOKEN: ['bearer'],
  UPSTREAM_TOKEN_URL: byOAuth,
  UPSTREAM_ISSUER: byOAuth,
  UPSTREAM_CLIENT_ID: byOAuth,
  UPSTREAM_SCOPE: byOAuth,
  UPSTREAM_AUDIENCE: byOAuth,
  UPSTREAM_RESOURCE: byOAuth,
  UPSTREAM_CLIENT_SECRET: ['client_credentials'],
  UPSTREAM_CLIENT_AUTH: ['client_credentials'],
  UPSTREAM_CLIENT_KEY: ['private_key_jwt'],
  UPSTREAM_CLIENT_KEY_ID: ['private_key_jwt'],
  UPSTREAM_CLIENT_ASSERTION_ALG: ['private_key_jwt'],
  UPSTREAM_CLIENT_ASSERTION_AUDIENCE: ['private_key_jwt'],
};

function missingForAuth({ values, given }: Evidence): readonly ConfigurationProblem[] {
  const auth = values.UPSTREAM_AUTH;
  if (auth === undefined || !hasHttpArchive(values)) return [];
  return neededBy[auth]
    .filter((name) => !given.has(name))
    .filter((name) => !(name === 'UPSTREAM_TOKEN_URL' && given.has('UPSTREAM_ISSUER')))
    .map((name) => {
      const or = name === 'UPSTREAM_TOKEN_URL' ? ` here or for ${full('UPSTREAM_ISSUER')}` : '';
      return problem(name, 'nothing', `a value${or}, because ${full('UPSTREAM_AUTH')} is ${auth}`);
    });
}

/** Two places that could say where tokens come from, or none that says whom to address. */
function issuerAndTokenUrl({ values, given }: Evidence): readonly ConfigurationProblem[] {
  const byIssuer = values.UPSTREAM_CLIENT_ASSERTION_AUDIENCE === 'issuer';
  const audience = `${full('UPSTREAM_CLIENT_ASSERTION_AUDIENCE')} is issuer`;
  if (!hasHttpArchive(values)) return [];
  if (byIssuer && values.UPSTREAM_AUTH === 'private_key_jwt' && !given.has('UPSTREAM_ISSUER')) {
    return [problem('UPSTREAM_ISSUER', 'nothing', `a value, because ${audience}`)];
  }
  if (byIssuer || !given.has('UPSTREAM_ISSUER') || !given.has('UPSTREAM_TOKEN_URL')) return [];
  const accepts = `nothing beside ${full('UPSTREAM_TOKEN_URL')}, unless ${audience}`;
  return [problem('UPSTREAM_ISSUER', 'a value', accepts)];
}

/** Without TLS there is nobody to show a certificate to. */
function certificateWithoutTls({ values }: Evidence): readonly ConfigurationProblem[] {
  const url = values.UPSTREAM_TOKEN_URL;
  if (values.UPSTREAM_AUTH !== 'tls_client_auth' || url?.startsWith('http:') !== true) return [];
  const accepts = `an https: URL, because ${full('UPSTREAM_AUTH')} is tls_client_auth`;
  return [problem('UPSTREAM_TOKEN_URL', url, accepts)];
}

/** A credential that would not be used is more likely a forgotten `UPSTREAM_AUTH` than a joke. */
function withoutEffect({ values, given }: Evidence): readonly ConfigurationProblem[] {
  const auth = values.UPSTREAM_AUTH;
  if (auth === undefined) return [];
  if (isEmbedded(values, given)) {
    const names = [...given].filter((n) => n.startsWith('UPSTREAM_') && n !== 'UPSTREAM_URL');
    return names
      .filter((name) => !(name === 'UPSTREAM_AUTH' && auth === 'none'))
      .map((name) =>
        problem(name, 'a value', `nothing while ${full('UPSTREAM_URL')} is not an http(s): URL`),
      );
  }
  return (Object.keys(usedOnlyBy) as VariableName[])
    .filter((name) => given.has(name) && usedOnlyBy[name]?.includes(auth) === false)
    .map((name) => {
      const users = usedOnlyBy[name]?.join(' or ') ?? '';
      const accepts = `nothing unless ${full('UPSTREAM_AUTH')} is ${users}; it is ${auth}`;
      return problem(name, 'a value', accepts);
    });
}

function plaintextCredentials({ values }: Evidence): readonly ConfigurationProblem[] {
  if (values.HTTP_ALLOW_PLAINTEXT !== false) return [];
  const credentials = values.UPSTREAM_AUTH !== undefined && values.UPSTREAM_AUTH !== 'none';
  return (['UPSTREAM_URL', 'UPSTREAM_TOKEN_URL', 'UPSTREAM_ISSUER'] as const).flatMap((name) => {
    const url = values[name];
    if (!credentials || url === undefined || !leavesUnencrypted(url)) return [];
    const accepts = `an https: URL, because credentials go there, or ${full('HTTP_ALLOW_PLAINTEXT')}=true`;
    return [problem(name, url, accepts)];
  });
}

function halfOfAPair({ values, given }: Evidence): readonly ConfigurationProblem[] {
  // Whoever needs both has been told so.
  if (!hasHttpArchive(values) || values.UPSTREAM_AUTH === 'tls_client_auth') return [];
  const pairs = [
    { one: 'UPSTREAM_TLS_CERT', other: 'UPSTREAM_TLS_KEY' },
    { one: 'UPSTREAM_TLS_KEY', other: 'UPSTREAM_TLS_CERT' },
  ] as const;
  return pairs
    .filter(({ one, other }) => given.has(one) && !given.has(other))
    .map(({ one, other }) => problem(other, 'nothing', `a value, because ${full(one)} has one`));
}

function retryOrder({ values }: Evidence): readonly ConfigurationProblem[] {
  const { RETRY_MIN: min, RETRY_MAX: max } = values;
  if (min === undefined || max === undefined || min <= max) return [];
  return [problem('RETRY_MAX', `${max}ms`, `at least ${full('RETRY_MIN')}, which is ${min}ms`)];
}

function timeoutWithoutWaiting({ values, given }: Evidence): readonly ConfigurationProblem[] {
  if (values.STORE_ACK !== 'spooled' || !given.has('ARCHIVE_ACK_TIMEOUT')) return [];
  const accepts = `nothing unless ${full('STORE_ACK')} is archived`;
  return [problem('ARCHIVE_ACK_TIMEOUT', 'a value', accepts)];
}

/** Two listeners on one port: the second would fail to start, after the first took objects in. */
function samePort({ values }: Evidence): readonly ConfigurationProblem[] {
  const listeners = [
    { name: 'DIMSE_PORT', host: values.DIMSE_HOST, port: values.DIMSE_PORT },
    { name: 'HTTP_PORT', host: values.HTTP_HOST, port: values.HTTP_PORT },
    { name: 'OPS_PORT', host: values.OPS_HOST, port: values.OPS_PORT },
  ] as const;
  return listeners.flatMap((listener, index) =>
    listeners
      .slice(0, index)
      .filter(({ host, port }) => port === listener.port && overlap(host, listener.host))
      .filter(({ port }) => typeof port === 'number' && port !== 0)
      .map(({ name, port }) =>
        problem(listener.name, String(port), `a port of its own; ${full(name)} has this one`),
      ),
  );
}

function overlap(left: string | undefined, right: string | undefined): boolean {
  const everywhere = ['::', '0.0.0.0'];
  return [left, right].some((host) => everywhere.includes(host ?? '')) || left === right;
}

function hasHttpArchive(values: Partial<Values>): boolean {
  return values.UPSTREAM_URL?.startsWith('http') === true;
}

function isEmbedded(values: Partial<Values>, given: ReadonlySet<VariableName>): boolean {
  return !given.has('UPSTREAM_URL') || values.UPSTREAM_URL?.startsWith('file:') === true;
}

function leavesUnencrypted(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol === 'http:' && !isLoopbackHost(hostname);
}

function problem(name: VariableName, got: string, accepts: string): ConfigurationProblem {
  return { variable: full(name), got, accepts };
}

function full(name: VariableName): string {
  return variablePrefix + name;
}
