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
    ...withoutEffect(evidence),
    ...plaintextCredentials(evidence),
    ...halfOfAPair(evidence),
    ...retryOrder(evidence),
    ...samePort(evidence),
  ];
}

type Auth = Values['UPSTREAM_AUTH'];

const neededBy = {
  none: [],
  basic: ['UPSTREAM_USERNAME', 'UPSTREAM_PASSWORD'],
  bearer: ['UPSTREAM_BEARER_TOKEN'],
  client_credentials: ['UPSTREAM_TOKEN_URL', 'UPSTREAM_CLIENT_ID', 'UPSTREAM_CLIENT_SECRET'],
} as const satisfies Record<Auth, readonly VariableName[]>;

const usedOnlyBy = {
  basic: neededBy.basic,
  bearer: neededBy.bearer,
  client_credentials: [
    ...neededBy.client_credentials,
    'UPSTREAM_CLIENT_AUTH',
    'UPSTREAM_SCOPE',
    'UPSTREAM_AUDIENCE',
    'UPSTREAM_RESOURCE',
  ],
} as const satisfies Record<Exclude<Auth, 'none'>, readonly VariableName[]>;

function missingForAuth({ values, given }: Evidence): readonly ConfigurationProblem[] {
  const auth = values.UPSTREAM_AUTH;
  if (auth === undefined || !hasHttpArchive(values)) return [];
  return neededBy[auth]
    .filter((name) => !given.has(name))
    .map((name) =>
      problem(name, 'nothing', `a value, because ${full('UPSTREAM_AUTH')} is ${auth}`),
    );
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
  return (['basic', 'bearer', 'client_credentials'] as const)
    .filter((other) => other !== auth)
    .flatMap((other) =>
      usedOnlyBy[other]
        .filter((name) => given.has(name))
        .map((name) =>
          problem(
            name,
            'a value',
            `nothing unless ${full('UPSTREAM_AUTH')} is ${other}; it is ${auth}`,
          ),
        ),
    );
}

function plaintextCredentials({ values }: Evidence): readonly ConfigurationProblem[] {
  if (values.HTTP_ALLOW_PLAINTEXT !== false) return [];
  const credentials = values.UPSTREAM_AUTH !== undefined && values.UPSTREAM_AUTH !== 'none';
  return (['UPSTREAM_URL', 'UPSTREAM_TOKEN_URL'] as const).flatMap((name) => {
    const url = values[name];
    if (!credentials || url === undefined || !leavesUnencrypted(url)) return [];
    const accepts = `an https: URL, because credentials go there, or ${full('HTTP_ALLOW_PLAINTEXT')}=true`;
    return [problem(name, url, accepts)];
  });
}

function halfOfAPair({ values, given }: Evidence): readonly ConfigurationProblem[] {
  if (!hasHttpArchive(values)) return [];
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
