import { BridgeError } from './bridge-error.ts';

/** One thing that is wrong with the configuration. */
export interface ConfigurationProblem {
  /** The variable as it stands in the environment, `DRAWBRIDGE_` included. */
  readonly variable: string;
  /** What was found there; asterisks where it may be a secret. */
  readonly got: string;
  /** What would be right, as a phrase that can follow "accepts". */
  readonly accepts: string;
}

/**
 * The environment does not make a configuration. Final.
 *
 * Carries every problem at once: an operator who mends one variable per restart loses an evening.
 */
export class ConfigurationError extends BridgeError {
  readonly problems: readonly ConfigurationProblem[];

  constructor(problems: readonly ConfigurationProblem[]) {
    const names = [...new Set(problems.map((problem) => problem.variable))];
    super('configuration_invalid', `configuration is not valid: ${names.join(', ')}`, {
      transient: false,
      facts: { problems: problems.length },
    });
    this.problems = problems;
  }
}
