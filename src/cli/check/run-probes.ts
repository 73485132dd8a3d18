import { BridgeError } from '../../errors/bridge-error.ts';
import { describeTransportError } from '../../translate/transport-fault.ts';
import { failed, skipped } from './probe.ts';
import type { Finding, Probe } from './probe.ts';
import type { World } from './world.ts';

/** A probe with what it found out. */
export interface ProbeResult extends Finding {
  readonly id: string;
  readonly title: string;
  readonly milliseconds: number;
}

interface RunOptions {
  /** `undefined`: there is no configuration, and nothing can be asked. */
  readonly world: World | undefined;
  /** For each probe. */
  readonly timeoutMs: number;
  readonly now: () => number;
  readonly begins: (probe: Probe) => void;
  readonly ended: (result: ProbeResult) => void;
}

/**
 * Runs probes one after the other, in order: what comes first explains what comes later.
 *
 * Never rejects; a probe that throws has failed, one that takes too long as well.
 */
export async function runProbes(
  probes: readonly Probe[],
  { world, timeoutMs, now, begins, ended }: RunOptions,
): Promise<readonly ProbeResult[]> {
  const results: ProbeResult[] = [];
  // What failed, and what was not tried for it, each with the title of what failed. A probe that had
  // nothing to look at stands in nobody's way.
  const stopped = new Map<string, string>();
  for (const probe of probes) {
    begins(probe);
    const begun = now();
    const culprit = probe.needs
      ?.map((need) => stopped.get(need))
      .find((name) => name !== undefined);
    const finding = await findOut(probe, { world, culprit, timeoutMs });
    const milliseconds = Math.round(now() - begun);
    const result = { id: probe.id, title: probe.title, ...finding, milliseconds };
    results.push(result);
    if (culprit !== undefined) stopped.set(probe.id, culprit);
    else if (finding.outcome === 'failed') stopped.set(probe.id, fullTitle(probe));
    ended(result);
  }
  return results;
}

/** 1 when something failed, whatever was warned of. */
export function hasFailed(results: readonly ProbeResult[]): boolean {
  return results.some(({ outcome }) => outcome === 'failed');
}

function fullTitle({ title, about }: Probe): string {
  return about === undefined ? `“${title}”` : `“${title}” of the ${about}`;
}

async function findOut(
  probe: Probe,
  about: {
    readonly world: World | undefined;
    /** Title of the probe without which this one makes no sense. */
    readonly culprit: string | undefined;
    readonly timeoutMs: number;
  },
): Promise<Finding> {
  const { world, culprit, timeoutMs } = about;
  if (world === undefined) return skipped('Not tried: there is no valid configuration.');
  if (culprit !== undefined) return skipped(`Not tried, because ${culprit} failed.`);
  const signal = AbortSignal.timeout(timeoutMs);
  const tooLate = new Promise<Finding>((resolve) => {
    signal.addEventListener('abort', () => resolve(outOfTime(timeoutMs)), { once: true });
  });
  try {
    return await Promise.race([probe.run(world, signal), tooLate]);
  } catch (error) {
    if (signal.aborted) return outOfTime(timeoutMs);
    if (error instanceof BridgeError)
      return failed(sentence(error.message), 'Look at the setting it names, or at the log.');
    const { code } = error as NodeJS.ErrnoException;
    // What nobody foresaw is for the program to show, with all there is to know.
    if (code === undefined) throw error;
    return failed(
      `It could not be found out: ${describeTransportError(error)}.`,
      'Look at the probes above, and try again.',
      { code },
    );
  }
}

function outOfTime(timeoutMs: number): Finding {
  return failed(
    `No answer in ${timeoutMs / 1000} s.`,
    'Look whether something on the way swallows packets (a firewall), or try again.',
  );
}

/** Messages of errors begin small and end without a stop, for they follow others in a log. */
export function sentence(message: string): string {
  return `${message.slice(0, 1).toUpperCase()}${message.slice(1)}${/[.?!]$/.test(message) ? '' : '.'}`;
}
