import { BridgeError } from '../errors/bridge-error.ts';
import { ConfigurationError } from '../errors/configuration-error.ts';
import { CommandError } from './command-error.ts';
import type { TerminalOutput } from './terminal.ts';
import { printable } from './terminal.ts';

/** What the process ends with (DESIGN §3; 64 and 78 are those of sysexits.h). */
export const exitCodes = { fine: 0, failed: 1, usage: 64, configuration: 78 } as const;

/**
 * Tells a person why a command failed.
 *
 * @returns the exit code that goes with it.
 */
export function printError(error: unknown, output: TerminalOutput): number {
  if (error instanceof ConfigurationError) {
    const { problems } = error;
    const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`;
    output.write(`drawbridge: the configuration has ${count}\n`);
    for (const { variable, got, accepts } of problems) {
      output.write(
        `\n  ${printable(variable)}\n    got      ${printable(got)}\n    accepts  ${accepts}\n`,
      );
    }
    output.write('\nSee docs/configuration.md, or try: drawbridge config --markdown\n');
    return exitCodes.configuration;
  }
  if (error instanceof BridgeError || error instanceof CommandError) {
    output.write(`drawbridge: ${printable(error.message)}\n`);
  } else {
    // Nobody meant this to happen: all there is to know, for whoever mends it.
    output.write(
      `drawbridge: unexpected error\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
    );
  }
  return exitCodes.failed;
}
