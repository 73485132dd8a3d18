import { describe, expect, it } from 'vitest';
import { failed, ok, skipped } from '../../../src/cli/check/probe.ts';
import type { Finding, Probe } from '../../../src/cli/check/probe.ts';
import { runProbes } from '../../../src/cli/check/run-probes.ts';
import type { World } from '../../../src/cli/check/world.ts';
import { OriginUnavailableError } from '../../../src/errors/origin-errors.ts';

describe('runProbes', () => {
  it('skips what builds on a failure, however far above, and names the failure', async () => {
    const results = await run([
      probe('tcp', () => failed('x', 'y')),
      probe('tls', () => ok('never'), ['tcp']),
      probe('search', () => ok('never'), ['tls']),
      probe('port', () => ok('asked')),
    ]);

    expect(results.map(({ outcome }) => outcome)).toEqual(['failed', 'skipped', 'skipped', 'ok']);
    expect(results[2]?.found).toBe('Not tried, because “TCP” failed.');
  });

  it('goes on after a probe that had nothing to look at', async () => {
    const results = await run([
      probe('token-server', () => skipped('none is used')),
      probe('search', () => ok('asked'), ['token-server']),
    ]);

    expect(results[1]?.found).toBe('asked');
  });

  it('ends a probe that takes too long', async () => {
    const results = await run([
      { id: 'slow', title: 'Slow', run: () => new Promise<Finding>(() => undefined) },
    ]);

    expect(results[0]).toMatchObject({ outcome: 'failed', found: 'No answer in 0.05 s.' });
  });

  it('takes a known error for a failure and lets a defect through', async () => {
    const known = new OriginUnavailableError('no answer from the archive');

    expect((await run([probe('a', () => raise(known))]))[0]?.found).toBe(
      'No answer from the archive.',
    );
    await expect(run([probe('a', () => raise(new TypeError('oops')))])).rejects.toThrow('oops');
  });
});

function raise(error: Error): never {
  throw error;
}

function probe(id: string, find: () => Finding, needs: readonly string[] = []): Probe {
  return { id, title: id.toUpperCase(), needs, run: async () => Promise.resolve().then(find) };
}

async function run(probes: readonly Probe[]) {
  // A signal's own timer does not keep a process alive; a socket would.
  const alive = setInterval(() => undefined, 1_000);
  try {
    return await runProbes(probes, {
      world: {} as World,
      timeoutMs: 50,
      now: () => 0,
      begins: () => undefined,
      ended: () => undefined,
    });
  } finally {
    clearInterval(alive);
  }
}
