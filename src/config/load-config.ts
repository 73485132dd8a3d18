import { ConfigurationError } from '../errors/configuration-error.ts';
import type { ConfigurationProblem } from '../errors/configuration-error.ts';
import { findAccessContradictions } from './access-contradictions.ts';
import { findFrontContradictions } from './front-contradictions.ts';
import { maskedSecret } from './masked-secret.ts';
import { assembleConfig } from './config.ts';
import type { Config } from './config.ts';
import { findContradictions } from './contradictions.ts';
import { readProxies } from './proxy.ts';
import { readEnvironment } from './read-environment.ts';
import type { GivenText } from './read-environment.ts';
import { variableNames, variablePrefix, variables } from './variables/variables.ts';
import type { Values, VariableName } from './variables/variables.ts';

/** Where a value came from. */
export type ValueSource = 'default' | 'environment' | 'file';

/** The configuration and its origin. Everything but `config` is fit to be shown. */
export interface LoadedConfig {
  readonly config: Config;
  readonly sources: Readonly<Record<VariableName, ValueSource>>;
  /** Values as text, secrets masked; `undefined` where nobody set one and there is no default. */
  readonly shown: Readonly<Record<VariableName, string | undefined>>;
  /** What the operator should read once at start. */
  readonly notes: readonly string[];
}

/**
 * Reads the whole configuration from environment variables.
 *
 * @param environment - `process.env`; of names without `DRAWBRIDGE_` only those of proxies count.
 * @param files - how the files of `…_FILE` variables are read, as UTF-8.
 * @returns a deeply frozen configuration.
 * @throws {@link ConfigurationError} with every problem there is. Final.
 */
export function loadConfig(
  environment: NodeJS.ProcessEnv,
  { readFile }: { readonly readFile: (path: string) => string },
): LoadedConfig {
  const { given, problems: environmentProblems, notes } = readEnvironment(environment, readFile);
  const { values, problems: valueProblems } = parseValues(given);
  const evidence = { values, given: new Set(given.keys()) };
  const contradictions = [
    ...findContradictions(evidence),
    ...findFrontContradictions(evidence),
    ...findAccessContradictions(evidence),
  ];
  const way = readProxies(environment, values);
  const problems = [...environmentProblems, ...valueProblems, ...contradictions, ...way.problems];
  if (problems.length > 0) throw new ConfigurationError(problems);

  return deepFreeze({
    config: assembleConfig(values as Values, way.proxies),
    sources: forEachName((name) => given.get(name)?.from ?? 'default'),
    shown: forEachName((name) => shownText(name, given.get(name)?.text)),
    notes: [...notes, ...way.notes, ...unsafeNotes(values as Values)],
  });
}

function parseValues(given: ReadonlyMap<VariableName, GivenText>): {
  readonly values: Partial<Values>;
  readonly problems: readonly ConfigurationProblem[];
} {
  const values: Partial<Record<VariableName, unknown>> = {};
  const problems: ConfigurationProblem[] = [];
  for (const name of variableNames) {
    const { schema, accepts, default: standard } = variables[name];
    const text = given.get(name)?.text ?? standard;
    if (text === undefined) continue;
    const parsed = schema.safeParse(text);
    if (parsed.success) values[name] = parsed.data;
    else problems.push({ variable: variablePrefix + name, got: shownBad(name, text), accepts });
  }
  // Each value was made by the schema its type is inferred from.
  return { values: values as Partial<Values>, problems };
}

/** Settings that were asked for by name and are worth saying aloud (promise 5 of the design). */
function unsafeNotes(values: Values): readonly string[] {
  const notes: string[] = [];
  if (values.DIMSE_ALLOWED_NETWORKS.some(({ prefix }) => prefix === 0)) {
    notes.push(`${variablePrefix}DIMSE_ALLOWED_NETWORKS lets devices connect from anywhere`);
  }
  if (!values.DIMSE_REQUIRE_CALLED_AE) {
    notes.push(`${variablePrefix}DIMSE_REQUIRE_CALLED_AE=false: any called AE title is accepted`);
  }
  if (values.HTTP_ALLOW_PLAINTEXT) {
    notes.push(`${variablePrefix}HTTP_ALLOW_PLAINTEXT=true: credentials may travel unencrypted`);
  }
  if (values.HTTP_AUTH === 'none' && values.HTTP_PORT !== 'off') {
    notes.push(
      `${variablePrefix}HTTP_AUTH=none: every user and program of this machine may read and store studies`,
    );
  }
  return notes;
}

function shownText(name: VariableName, given: string | undefined): string | undefined {
  const text = given ?? variables[name].default;
  if (text === undefined || variables[name].secret !== true) return text;
  return variables[name].show?.(text) ?? maskedSecret;
}

/** Bad values are shown for what they are, short, on one line, and without the password of a URL. */
function shownBad(name: VariableName, text: string): string {
  if (variables[name].secret === true) return maskedSecret;
  const bare = text.replace(/^([a-z][a-z0-9+.-]*:\/*)?[^/?#]*@/i, `$1${maskedSecret}@`);
  return JSON.stringify(bare.length > 100 ? `${bare.slice(0, 100)}…` : bare);
}

function forEachName<T>(valueOf: (name: VariableName) => T): Record<VariableName, T> {
  const entries = variableNames.map((name) => [name, valueOf(name)]);
  return Object.fromEntries(entries) as Record<VariableName, T>;
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(deepFreeze);
  }
  return value;
}
