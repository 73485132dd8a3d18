import { configurationTable } from '../config/configuration-table.ts';
import { describeConfig } from '../config/describe-config.ts';
import { loadConfig } from '../config/load-config.ts';
import type { CommandIo } from './terminal.ts';
import { printable } from './terminal.ts';

/** Options of `drawbridge config`. */
export interface ConfigOptions {
  readonly json: boolean;
  /** The reference of docs/configuration.md instead of the effective values. */
  readonly markdown: boolean;
}

/**
 * Prints the effective configuration and where each value came from, secrets masked.
 *
 * @throws ConfigurationError when there is none.
 */
export function runConfig(
  { json, markdown }: ConfigOptions,
  {
    io,
    environment,
    readFile,
  }: {
    readonly io: CommandIo;
    readonly environment: NodeJS.ProcessEnv;
    readonly readFile: (path: string) => string;
  },
): void {
  if (markdown) {
    io.stdout.write(`${configurationTable()}\n`);
    return;
  }
  const loaded = loadConfig(environment, { readFile });
  const rows = describeConfig(loaded);
  if (json) {
    const entries = rows.map(({ variable, value, from }) => [
      variable,
      { value: value ?? null, from },
    ]);
    io.stdout.write(`${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
    return;
  }
  const width = Math.max(...rows.map(({ variable }) => variable.length));
  for (const { variable, value, from } of rows) {
    const shown = value === undefined ? '–' : printable(value);
    io.stdout.write(`${variable.padEnd(width)}  ${from.padEnd(11)}  ${shown}\n`);
  }
  for (const note of loaded.notes) io.stderr.write(`note: ${printable(note)}\n`);
}
