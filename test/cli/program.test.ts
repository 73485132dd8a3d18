import { describe, expect, it } from 'vitest';
import { CommandError } from '../../src/cli/command-error.ts';
import { createProgram } from '../../src/cli/program.ts';
import type { Commands } from '../../src/cli/program.ts';
import { ConfigurationError } from '../../src/errors/configuration-error.ts';
import { OriginUnavailableError } from '../../src/errors/origin-errors.ts';

describe('the command line', () => {
  it.each([
    [['serve'], 'serve', undefined],
    [
      ['echo', 'PACS@192.0.2.7:104'],
      'echo',
      {
        destination: { calledAeTitle: 'PACS', host: '192.0.2.7', port: 104 },
        callingAeTitle: 'DRAWBRIDGE',
      },
    ],
    [
      ['echo', '--host', 'pacs', '--port', '104', '--called-ae', 'PACS', '--calling-ae', 'CT1'],
      'echo',
      { destination: { calledAeTitle: 'PACS', host: 'pacs', port: 104 }, callingAeTitle: 'CT1' },
    ],
    [
      ['send', 'PACS@[::1]:104', 'a.dcm', 'folder', '--associations', '4', '--json'],
      'send',
      {
        destination: { calledAeTitle: 'PACS', host: '::1', port: 104 },
        callingAeTitle: 'DRAWBRIDGE',
        paths: ['a.dcm', 'folder'],
        associations: 4,
        json: true,
      },
    ],
    [
      ['send', 'PACS@pacs:104', 'a.dcm'],
      'send',
      expect.objectContaining({ associations: 1, json: false }),
    ],
    [['config'], 'config', { json: false, markdown: false }],
    [['config', '--json'], 'config', { json: true, markdown: false }],
    [['check'], 'check', { json: false, write: false }],
    [['check', '--json', '--write'], 'check', { json: true, write: true }],
    [['demo'], 'demo', { once: false, viewer: false, instances: 40 }],
    [
      ['demo', '--once', '--viewer', '--instances', '3'],
      'demo',
      { once: true, viewer: true, instances: 3 },
    ],
  ])('%j is one call of %s', async (args, name, options) => {
    const { calls, exitCode, stderr } = await run(args);

    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(calls).toEqual([[name, options]]);
  });

  it.each([
    [[]],
    [['nonsense']],
    [['serve', '--nonsense']],
    [['serve', 'argument']],
    [['echo']],
    [['echo', 'PACS']],
    [['echo', 'PACS@host']],
    [['echo', '--host', 'a', '--port', '104']],
    [['echo', 'PACS@host:104', '--port', '104']],
    [['echo', '--host', 'a', '--port', '0', '--called-ae', 'PACS']],
    [['echo', 'PACS@host:104', '--calling-ae', 'a title that is too long']],
    [['send', 'PACS@host:104']],
    [['send', 'PACS@host:104', 'a.dcm', '--associations', '0']],
    [['config', '--json', '--markdown']],
    [['demo', '--instances', 'many']],
  ])('%j is a usage error: exit code 64, and no command runs', async (args) => {
    const { calls, exitCode, stdout, stderr } = await run(args);

    expect(exitCode).toBe(64);
    expect(calls).toEqual([]);
    expect(stdout).toBe('');
    expect(stderr).not.toBe('');
  });

  it.each([[['--version']], [['-V']]])('%j prints the version', async (args) => {
    expect(await run(args)).toMatchObject({ exitCode: 0, stdout: '1.2.3\n' });
  });

  it.each([[['--help']], [['echo', '--help']], [['send', '-h']]])(
    '%j helps with examples',
    async (args) => {
      const { exitCode, stdout } = await run(args);

      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/Examples?:\n {2}\$ drawbridge/);
    },
  );

  it('ends with the exit code a command answers', async () => {
    expect((await run(['serve'], () => Promise.resolve(1))).exitCode).toBe(1);
  });

  it('lists every problem of a configuration and ends with 78', async () => {
    const { exitCode, stderr } = await run(['serve'], () =>
      Promise.reject(
        new ConfigurationError([
          { variable: 'DRAWBRIDGE_A', got: '"1"', accepts: 'a letter' },
          { variable: 'DRAWBRIDGE_B', got: 'nothing', accepts: 'a value' },
        ]),
      ),
    );

    expect(exitCode).toBe(78);
    expect(stderr).toContain('2 problems');
    expect(stderr).toContain('DRAWBRIDGE_A\n    got      "1"\n    accepts  a letter');
    expect(stderr).toContain('DRAWBRIDGE_B');
  });

  it.each([
    [new CommandError('cannot read x'), 'drawbridge: cannot read x\n'],
    [new OriginUnavailableError('archive \u001b[31mgone'), 'drawbridge: archive \\u001b[31mgone\n'],
  ])('tells a known failure in one line: %s', async (error, expected) => {
    const { exitCode, stderr } = await run(['serve'], () => Promise.reject(error));

    expect([exitCode, stderr]).toEqual([1, expected]);
  });

  it('shows all of a failure that nobody foresaw', async () => {
    const { exitCode, stderr } = await run(['serve'], () => Promise.reject(new TypeError('oops')));

    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/unexpected error\nTypeError: oops\n\s+at /);
  });
});

async function run(args: readonly string[], serve?: Commands['serve']) {
  const calls: unknown[] = [];
  const note = (name: string) => (options?: unknown) => {
    calls.push([name, options]);
    return Promise.resolve(undefined);
  };
  const output = { stdout: '', stderr: '' };
  const program = createProgram({
    version: '1.2.3',
    io: {
      stdout: { write: (text) => (output.stdout += text) },
      stderr: { write: (text) => (output.stderr += text) },
    },
    commands: {
      serve: serve ?? note('serve'),
      echo: note('echo'),
      send: note('send'),
      check: note('check'),
      queue: note('queue'),
      token: note('token'),
      config: note('config'),
      demo: note('demo'),
    },
  });
  const exitCode = await program.run(args);
  return { calls, exitCode, ...output };
}
