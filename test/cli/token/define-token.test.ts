import { describe, expect, it } from 'vitest';
import { createProgram } from '../../../src/cli/program.ts';
import type { Commands } from '../../../src/cli/program.ts';
import type { TokenOrder } from '../../../src/cli/token/token-order.ts';
import { recordingIo } from '../../support/recording-io.ts';

const id = '5f0c4a52-7f0e-4d0a-9a57-0d1f6b1f3c7e';
const created = {
  kind: 'create',
  scopes: ['read'],
  studies: [],
  tenant: undefined,
  subject: 'operator',
  lifetimeMs: 3_600_000,
  json: false,
};

describe('drawbridge token', () => {
  it.each<[readonly string[], object]>([
    [['create', '--scope', 'read'], created],
    [['create', '--scope', 'read, write,read'], { ...created, scopes: ['read', 'write'] }],
    [
      ['create', '--scope', 'write', '--study', '1.2.3', '--study', '1.2.4', '--json'],
      { ...created, scopes: ['write'], studies: ['1.2.3', '1.2.4'], json: true },
    ],
    [
      ['create', '--scope', 'read', '--tenant', 'north', '--name', 'Dr Grey', '--expires', '90d'],
      { ...created, tenant: 'north', subject: 'Dr Grey', lifetimeMs: 90 * 86_400_000 },
    ],
    [['list'], { kind: 'list', json: false }],
    [['list', '--json'], { kind: 'list', json: true }],
    [['revoke', id], { kind: 'revoke', id, json: false }],
  ])('%j is one order', async (args, order) => {
    const { orders, exitCode, err } = await run(args);

    expect(err).toBe('');
    expect(exitCode).toBe(0);
    expect(orders).toEqual([order]);
  });

  it.each([
    [[]],
    [['create']],
    [['create', '--scope', '']],
    [['create', '--scope', 'admin']],
    [['create', '--scope', 'read,']],
    [['create', '--scope', 'read', '--study', '1.2.x']],
    [['create', '--scope', 'read', '--expires', '0s']],
    [['create', '--scope', 'read', '--expires', '10']],
    [['create', '--scope', 'read', '--expires', '367d']],
    [['create', '--scope', 'read', '--name', ' ']],
    [['create', '--scope', 'read', '--name', 'caf\u00e9']],
    [['create', '--scope', 'read', '--name', 'x'.repeat(65)]],
    [['revoke']],
    [['renew', id]],
  ])('%j is a usage error, and nothing happens', async (args) => {
    const { orders, exitCode, out, err } = await run(args);

    expect(exitCode).toBe(64);
    expect(orders).toEqual([]);
    expect(out).toBe('');
    expect(err).not.toBe('');
  });

  it.each([[['--help']], [['create', '--help']], [['list', '-h']], [['revoke', '--help']]])(
    '%j helps with examples',
    async (args) => {
      const { exitCode, out } = await run(args);

      expect(exitCode).toBe(0);
      expect(out).toMatch(/Examples?:\n {2}\$ /);
    },
  );
});

async function run(args: readonly string[]) {
  const io = recordingIo();
  const orders: TokenOrder[] = [];
  const token: Commands['token'] = (order) => {
    orders.push(order);
    return Promise.resolve(undefined);
  };
  const program = createProgram({ version: '1', io, commands: { token } as Commands });
  const exitCode = await program.run(['token', ...args]);
  return { orders, exitCode, out: io.out(), err: io.err() };
}
