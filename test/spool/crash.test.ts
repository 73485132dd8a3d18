import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { decodeFileHeader } from '../../src/dicom/part10.ts';
import { SpoolLockedError } from '../../src/errors/spool-errors.ts';
import { compileChild } from './compile-child.ts';
import { everything, filesIn, newSpool, temporaryFolder } from './spool-fixture.ts';

let program = '';
let compiled = '';
beforeAll(() => {
  compiled = mkdtempSync(join(tmpdir(), 'drawbridge-child-'));
  program = compileChild(fileURLToPath(new URL('crash.child.ts', import.meta.url)), compiled);
});
afterAll(() => rmSync(compiled, { recursive: true, force: true }));

interface Crash {
  readonly signal: string | null;
  /** Id → UID of what was acknowledged. */
  readonly acknowledged: ReadonlyMap<string, string>;
  readonly errors: string;
}

function crash(folder: string, ...parameters: readonly string[]): Promise<Crash> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, folder, ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    let errors = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
    child.on('error', reject);
    child.on('close', (_, signal) => {
      const lines = output.split('\n').filter((line) => line.includes(' '));
      const acknowledged = new Map(
        lines.map((line) => line.split(' ').slice(0, 2) as [string, string]),
      );
      resolve({ signal, acknowledged, errors });
    });
  });
}

/** The data set the child made for this UID. */
function dataSetOf(sop: string): Buffer {
  const number = Number(sop.split('.').at(-1));
  const chunk = Buffer.alloc(number % 5 === 0 ? 300_000 : 1_000, sop);
  return Buffer.concat([chunk, chunk, chunk, chunk, chunk]);
}

const moments = [
  ...['create', 'write', 'fdatasync', 'rename', 'fsync'].flatMap((call) =>
    ['before', 'after'].flatMap((moment) =>
      // The first fsyncs are those of the folders, when there was nothing to lose yet.
      ['9', '41'].map((occurrence) => [moment, call, occurrence] as const),
    ),
  ),
];

describe('kill -9 of the process that receives', () => {
  it.each(moments)(
    'C01 C08 loses nothing acknowledged and leaves nothing half: %s %s number %s',
    async (moment, call, occurrence) => {
      const folder = temporaryFolder();
      const { signal, acknowledged, errors } = await crash(folder, call, moment, occurrence);
      expect([signal, errors]).toEqual(['SIGKILL', '']);

      const spool = newSpool({ folder });
      await spool.open();
      expect(filesIn(folder, 'incoming')).toEqual([]);
      const present = new Set<string>();
      for (let lease = spool.lease(everything); lease; lease = spool.lease(everything)) {
        for (const entry of lease.entries) {
          present.add(entry.id);
          const file = readFileSync(join(folder, 'ready', `${entry.id}.dcm`));
          const header = decodeFileHeader(file);
          const sop = header?.sopInstanceUid ?? '';
          expect(file.length).toBe(entry.bytes);
          expect(file.subarray(header?.dataSetOffset).equals(dataSetOf(sop))).toBe(true);
          expect(acknowledged.get(entry.id) ?? sop).toBe(sop);
        }
      }
      expect([...acknowledged.keys()].filter((id) => !present.has(id))).toEqual([]);
      // Whatever else is there was whole and on its way to be acknowledged: one an association.
      expect(present.size - acknowledged.size).toBeLessThanOrEqual(4);
    },
  );

  it('C08 keeps a second process out, and lets it in after kill -9', async () => {
    const folder = temporaryFolder();
    const child = spawn(process.execPath, [program, folder, 'never', 'never'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await new Promise((resolve) => child.stdout.once('data', resolve));
    // A stopped owner is an owner: it will go on writing when it is woken.
    child.kill('SIGSTOP');
    const spool = newSpool({ folder });
    await expect(spool.open()).rejects.toThrow(SpoolLockedError);
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    await spool.open();
  });
});
