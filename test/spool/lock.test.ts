import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SpoolLockedError } from '../../src/errors/spool-errors.ts';
import { nodeFileOperations } from '../../src/spool/file-operations.ts';
import { acquireLock } from '../../src/spool/lock.ts';
import type { SpoolLock } from '../../src/spool/lock.ts';
import { newSpool, temporaryFolder } from './spool-fixture.ts';

let starters = 0;
async function acquire(folder: string): Promise<SpoolLock> {
  starters += 1;
  const lock = await acquireLock({
    ...{ folder, folderOfSpool: folder, nonce: `test${starters}`, files: nodeFileOperations },
  });
  onTestFinished(() => lock.release());
  return lock;
}

describe('spool lock', () => {
  it('C08 refuses a second owner, and names the first', async () => {
    const folder = temporaryFolder();
    const first = newSpool({ folder });
    const second = newSpool({ folder });
    await first.open();
    const refusal: unknown = await second.open().catch((error: unknown) => error);

    expect(refusal).toBeInstanceOf(SpoolLockedError);
    expect((refusal as SpoolLockedError).facts).toEqual({ pid: process.pid, folder });
    await first.close();
    await second.open();
  });

  it('C08 lets one of many starters in, each time the owner went away', async () => {
    const folder = temporaryFolder();
    for (let round = 0; round < 10; round += 1) {
      const outcomes = await Promise.allSettled(Array.from({ length: 8 }, () => acquire(folder)));
      const owners = outcomes.filter((outcome) => outcome.status === 'fulfilled');
      const refusals = outcomes.filter((outcome) => outcome.status === 'rejected');

      expect(owners).toHaveLength(1);
      expect(refusals.every(({ reason }) => reason instanceof SpoolLockedError)).toBe(true);
      await owners[0]?.value.release();
    }
    expect(readdirSync(folder).length).toBeLessThanOrEqual(2);
  });

  it('C08 works however deep the folder lies', async () => {
    const folder = join(temporaryFolder(), 'd'.repeat(100), 'e'.repeat(100));
    mkdirSync(folder, { recursive: true });
    await acquire(folder);
    await expect(acquire(folder)).rejects.toThrow(SpoolLockedError);
  });
});
