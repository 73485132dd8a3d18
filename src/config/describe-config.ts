import { variableNames, variablePrefix } from './variables/variables.ts';
import type { LoadedConfig, ValueSource } from './load-config.ts';

/** One line of `drawbridge config`. */
export interface ConfigRow {
  /** With `DRAWBRIDGE_`. */
  readonly variable: string;
  /** Masked where it is a secret; `undefined` where there is none. */
  readonly value: string | undefined;
  readonly from: ValueSource;
}

/** The effective value of every variable and where it came from, in the order of the reference. */
export function describeConfig({ config, shown, sources }: LoadedConfig): readonly ConfigRow[] {
  const { archive, spool, dataDir, log } = config;
  // Where a value is derived or made absolute, what counts is what the bridge will use.
  const derived: Partial<Record<string, string>> = {
    DATA_DIR: dataDir,
    SPOOL_DIR: spool.folder,
    UPSTREAM_URL: archive.kind === 'embedded' ? `file://${archive.folder}` : archive.url,
    ...(log.format === undefined && { LOG_FORMAT: 'pretty on a terminal, else json' }),
  };
  return variableNames.map((name) => ({
    variable: variablePrefix + name,
    value: derived[name] ?? shown[name],
    from: sources[name],
  }));
}
