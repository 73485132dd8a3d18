import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import type { Commands } from '../../../src/cli/program.ts';

const list = { kind: 'list', selection: {}, limit: 20, json: false };

describe('drawbridge queue', () => {
  it.each([
    ['list', list],
    ['list --json --limit 5', { ...list, json: true, limit: 5 }],
    [
      'list --destination main --study 1.2.3 --state failed,waiting --older-than 2h --since 3d a b',
      {
        ...list,
        selection: {
          ...{ ids: ['a', 'b'], destination: 'main', study: '1.2.3' },
          ...{ states: ['failed', 'waiting'] },
          ...{ olderThan: { agoMs: 7_200_000 }, since: { agoMs: 259_200_000 } },
        },
      },
    ],
    ['show abc', { kind: 'show', id: 'abc', json: false }],
    ['retry --all', { kind: 'retry', selection: {}, json: false }],
    [
      'replay --since 1h',
      { kind: 'replay', selection: { since: { agoMs: 3_600_000 } }, json: false },
    ],
    ['drop a --yes', { kind: 'drop', selection: { ids: ['a'] }, yes: true, json: false }],
    [
      'drop --state kept',
      { kind: 'drop', selection: { states: ['kept'] }, yes: false, json: false },
    ],
    ['export out', { kind: 'export', folder: 'out', selection: {}, json: false }],
    ['export out a', { kind: 'export', folder: 'out', selection: { ids: ['a'] }, json: false }],
    ['pause', { kind: 'pause', destination: undefined, json: false }],
    ['resume main --json', { kind: 'resume', destination: 'main', json: true }],
  ])('%s is one order', async (words, order) => {
    const { orders, exitCode, stderr } = await run(words);

    expect(stderr).toBe('');
    expect(exitCode).toBe(0);
    expect(orders).toEqual([order]);
  });

  it.each([
    ['', 'Usage'],
    ['nonsense', 'unknown command'],
    ['show', 'missing required argument'],
    ['export', 'missing required argument'],
    ['list --limit 0', 'whole number'],
    ['list --state gone', 'waiting, delayed, sending, failed, kept'],
    ['list --older-than yesterday', '30m, 2h or 7d'],
    ['list --since 2', '2026-11-20T18:00'],
    ['list --study x', 'a UID'],
    ['retry', 'say which entries'],
    ['replay', 'say which entries'],
    ['drop --yes', 'say which entries'],
    ['drop --all --state failed', 'contradict'],
    ['list --all', 'unknown option'],
  ])('"%s" is a usage error: exit code 64, and nothing happens', async (words, said) => {
    const { orders, exitCode, stderr } = await run(words);

    expect(exitCode).toBe(64);
    expect(orders).toEqual([]);
    expect(stderr).toContain(said);
  });

  it.each(['', 'list', 'show', 'retry', 'replay', 'drop', 'export', 'pause', 'resume'])(
    '%s --help helps with examples',
    async (words) => {
      const { exitCode, stdout } = await run(`${words} --help`);

      expect(exitCode).toBe(0);
      expect(stdout).toMatch(/Examples?:\n {2}\$ drawbridge queue/);
    },
  );
});

async function run(words: string) {
  const orders: unknown[] = [];
  const output = { stdout: '', stderr: '' };
  const none = () => Promise.reject(new Error('not this command'));
  const commands: Commands = {
    ...{ serve: none, echo: none, send: none, check: none, config: none, demo: none, token: none },
    queue: (order) => {
      orders.push(order);
      return Promise.resolve(undefined);
    },
  };
  const program = createProgram({
    version: '1.2.3',
    io: {
      stdout: { write: (text) => (output.stdout += text) },
      stderr: { write: (text) => (output.stderr += text) },
    },
    commands,
  });
  const exitCode = await program.run(['queue', ...words.split(' ').filter((word) => word !== '')]);
  return { orders, exitCode, ...output };
}
