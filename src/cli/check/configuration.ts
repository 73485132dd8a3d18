import type { LoadedConfig } from '../../config/load-config.ts';
import type { ConfigurationError } from '../../errors/configuration-error.ts';
import { failed, ok, warning } from './probe.ts';
import type { Finding } from './probe.ts';
import { plural } from './units.ts';

/** What stands in the environment, when it makes a configuration. */
export function describeLoaded({ config, sources, notes }: LoadedConfig): Finding {
  const given = Object.values(sources).filter((source) => source !== 'default').length;
  const goal = config.archive.kind === 'dicomweb' ? config.archive.url : 'the embedded archive';
  const found = `${plural(given, 'setting')} given, the others at their defaults; objects go to ${goal}.`;
  if (notes.length > 0) {
    return warning(
      `${found}\n${notes.map((note) => `${note}.`).join('\n')}`,
      'Make sure that you want this; “drawbridge config” shows where each value comes from.',
      { given, notes: [...notes] },
    );
  }
  return ok(found, { given });
}

/** Every problem at once, as the start of the bridge would tell them. */
export function describeProblems({ problems }: ConfigurationError): Finding {
  const lines = problems.map(
    ({ variable, got, accepts }) => `${variable} got ${got}; it accepts ${accepts}.`,
  );
  return failed(
    `The bridge does not start with ${plural(problems.length, 'problem')}:\n${lines.join('\n')}`,
    'Correct the settings named here; docs/configuration.md has all of them.',
    { variables: problems.map(({ variable }) => variable) },
  );
}
