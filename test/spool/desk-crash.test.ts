import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { compileChild } from './compile-child.ts';
import { filesIn, newSpool, temporaryFolder } from './spool-fixture.ts';

let program = '';
let compiled = '';
beforeAll(() => {
  compiled = mkdtempSync(join(tmpdir(), 'drawbridge-child-'));
  program = compileChild(fileURLToPath(new URL('desk-crash.child.ts', import.meta.url)), compiled);
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

async function crash(
  ...parameters: readonly string[]
): Promise<{ readonly signal: string | null; readonly lines: readonly string[] }> {
  const child = spawn(process.execPath, [program, ...parameters], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<string | null>((resolve) => {
    child.once('close', (_, signal) => resolve(signal));
  });
  const output = await text(child.stdout);
  return { signal: await ended, lines: output.split('\n') };
}

/** In the middle of settling, setting aside, retrying, replaying and dropping. */
const occurrences = Object.entries({
  rename: [17, 23, 29, 38, 47, 58],
  unlink: [3, 6, 9, 14, 19, 25],
  fsync: [17, 23, 29, 38, 47, 58],
});
const moments = occurrences.flatMap(([call, numbers]) =>
  ['before', 'after'].flatMap((moment) =>
    numbers.map((occurrence) => [moment, call, String(occurrence)] as const),
  ),
);

describe('kill -9 while an operator works', () => {
  it.each(moments)(
    'C08 keeps every object in one place that nobody asked to drop: %s %s number %s',
    async (moment, call, occurrence) => {
      const folder = temporaryFolder();
      const { signal, lines } = await crash(folder, call, moment, occurrence);
      expect(signal).toBe('SIGKILL');
      const named = (word: string): readonly string[] =>
        lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.split(' ')[1] ?? '');

      const spool = newSpool({ folder });
      await spool.open();
      const { entries } = await spool.desk.list({}, { limit: 10_000, offset: 0 });
      const dropped = new Set(named('dropping'));
      const present = entries.map(({ id }) => id);
      const owed = named('acknowledged').filter((id) => !dropped.has(id));
      expect(owed.filter((id) => !present.includes(id))).toEqual([]);
      const files = [...filesIn(folder, 'ready'), ...filesIn(folder, 'kept')].length;
      const failed = filesIn(folder, 'failed').filter((name) => name.endsWith('.dcm')).length;
      expect(files + failed).toBe(present.length);
      expect(spool.depth().failedEntries).toBe(failed);
    },
  );
});
