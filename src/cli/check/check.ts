import { loadConfig } from '../../config/load-config.ts';
import { ConfigurationError } from '../../errors/configuration-error.ts';
import { exitCodes } from '../print-error.ts';
import type { CommandIo } from '../terminal.ts';
import { describeLoaded, describeProblems } from './configuration.ts';
import { probeGroups } from './probe-groups.ts';
import type { Finding } from './probe.ts';
import { Report } from './report.ts';
import { hasFailed, runProbes } from './run-probes.ts';
import type { ProbeResult } from './run-probes.ts';
import { openWorld } from './world.ts';

/** Options of `drawbridge check`. */
export interface CheckOptions {
  /** An array of results on stdout instead of text. */
  readonly json: boolean;
  /** Whether the archive may be given a tiny test object. */
  readonly write: boolean;
}

/** For each probe. */
const timeoutMs = 10_000;

/**
 * `drawbridge check`: holds the configuration against the live world, top to bottom.
 *
 * @returns 0 when nothing failed, 1 when something did, 78 when there is no valid configuration.
 */
export async function check(
  { json, write }: CheckOptions,
  {
    io,
    environment,
    readFile,
  }: {
    readonly io: CommandIo;
    readonly environment: NodeJS.ProcessEnv;
    readonly readFile: (path: string) => string;
  },
): Promise<number> {
  const report = json ? undefined : new Report(io, environment, probeGroups);
  const { finding, world } = await readWorld(environment, { readFile, mayWrite: write });
  const first: ProbeResult = {
    id: 'configuration',
    title: 'Configuration',
    ...finding,
    milliseconds: 0,
  };
  report?.ended(first);
  try {
    const others = await runProbes(
      probeGroups.flatMap(({ probes }) => probes),
      {
        world,
        timeoutMs,
        now: () => performance.now(),
        begins: (probe) => report?.begins(probe),
        ended: (result) => report?.ended(result),
      },
    );
    const results = [first, ...others];
    report?.summary(results);
    if (json) io.stdout.write(`${JSON.stringify(results, null, 2)}\n`);
    if (world === undefined) return exitCodes.configuration;
    return hasFailed(results) ? exitCodes.failed : exitCodes.fine;
  } finally {
    await world?.close();
  }
}

type OpenWorld = Awaited<ReturnType<typeof openWorld>>;

async function readWorld(
  environment: NodeJS.ProcessEnv,
  options: { readonly readFile: (path: string) => string; readonly mayWrite: boolean },
): Promise<{ readonly finding: Finding; readonly world: OpenWorld | undefined }> {
  try {
    const loaded = loadConfig(environment, options);
    const world = await openWorld(loaded, options);
    return { finding: describeLoaded(loaded), world };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { finding: describeProblems(error), world: undefined };
  }
}
