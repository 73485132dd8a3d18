import type { ConfigurationProblem } from '../errors/configuration-error.ts';
import { isKubernetesServiceLink } from './kubernetes-names.ts';
import { nearestName } from './nearest-name.ts';
import { laterVariables } from './variables/later-variables.ts';
import { isVariableName, variableNames, variablePrefix, variables } from './variables/variables.ts';
import type { VariableName } from './variables/variables.ts';

/** A variable that somebody set, as text. */
export interface GivenText {
  readonly text: string;
  readonly from: 'environment' | 'file';
}

/** What the environment says, before anything is parsed. */
export interface ReadEnvironment {
  readonly given: ReadonlyMap<VariableName, GivenText>;
  readonly problems: readonly ConfigurationProblem[];
  readonly notes: readonly string[];
}

/**
 * Picks our variables out of the environment and reads the files that secrets stand in.
 *
 * An empty value counts as not set: that is what `${NAME:-}` in a compose file makes of it.
 */
export function readEnvironment(
  environment: NodeJS.ProcessEnv,
  readFile: (path: string) => string,
): ReadEnvironment {
  const given = new Map<VariableName, GivenText>();
  const problems: ConfigurationProblem[] = [];
  const passedOver: string[] = [];

  for (const [variable, text] of Object.entries(environment).sort()) {
    if (!variable.startsWith(variablePrefix) || text === undefined) continue;
    const name = variable.slice(variablePrefix.length);
    const secretName = name.replace(/_FILE$/, '');
    if (isKubernetesServiceLink(name, text)) passedOver.push(variable);
    else if (isVariableName(name)) {
      if (text !== '') given.set(name, { text, from: 'environment' });
    } else if (name.endsWith('_FILE') && isSecret(secretName)) {
      if (text === '') continue;
      const read = readSecretFile(variable, text, readFile);
      if ('problem' in read) problems.push(read.problem);
      else if (environment[variablePrefix + secretName]) {
        problems.push({
          variable,
          got: `a value, and ${variablePrefix}${secretName} has one too`,
          accepts: 'one of the two',
        });
      } else given.set(secretName, { text: read.secret, from: 'file' });
    } else problems.push(unknownVariable(variable, name));
  }
  return { given, problems, notes: kubernetesNote(passedOver) };
}

function isSecret(name: string): name is VariableName {
  return isVariableName(name) && variables[name].secret === true;
}

function readSecretFile(
  variable: string,
  path: string,
  readFile: (path: string) => string,
): { readonly secret: string } | { readonly problem: ConfigurationProblem } {
  try {
    const secret = readFile(path).replace(/\r?\n$/, '');
    if (secret !== '') return { secret };
    return { problem: { variable, got: `${path}, which is empty`, accepts: secretFile } };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'not readable';
    return { problem: { variable, got: `${path} (${code})`, accepts: secretFile } };
  }
}

const secretFile = 'the path of a readable file that holds the secret and nothing else';

/** Its value is not repeated: behind a mistyped name there may be a secret. */
function unknownVariable(variable: string, name: string): ConfigurationProblem {
  if (laterVariables.has(name)) {
    return {
      variable,
      got: 'a value',
      accepts: 'nothing: this version does not have it yet',
    };
  }
  const known = [
    ...variableNames.flatMap((each) => (isSecret(each) ? [each, `${each}_FILE`] : [each])),
    ...laterVariables,
  ];
  const nearest = nearestName(name, known);
  const got = 'a value, but there is no variable of this name';
  if (nearest === undefined)
    return { variable, got, accepts: 'the names `drawbridge config` lists' };
  const later = laterVariables.has(nearest) ? ', which this version does not have yet' : '';
  return { variable, got, accepts: `perhaps ${variablePrefix}${nearest} was meant${later}` };
}

function kubernetesNote(names: readonly string[]): readonly string[] {
  if (names.length === 0) return [];
  return [
    `passed over ${names.length} variables that Kubernetes sets for a Service of our name: ${names.join(', ')}`,
  ];
}
