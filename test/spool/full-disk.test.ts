import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SpoolFullError } from '../../src/errors/spool-errors.ts';
import { dataOf, everything, filesIn, newSpool, readAll, store } from './spool-fixture.ts';

const mountPoint = mkdtempSync(join(tmpdir(), 'drawbridge-small-disk-'));
const mounted = mount();

function mount(): boolean {
  try {
    const options = ['-t', 'tmpfs', '-o', 'size=4m,mode=0700', 'drawbridge-test', mountPoint];
    execFileSync('mount', options, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

afterAll(() => {
  if (mounted) execFileSync('umount', ['-l', mountPoint]);
  rmSync(mountPoint, { recursive: true, force: true });
});

describe.skipIf(!mounted)('a small disk (needs root to mount one)', () => {
  let folder = '';
  beforeAll(() => {
    folder = join(mountPoint, 'spool');
  });

  it('C04 refuses what does not fit, keeps what does, and takes more when there is room again', async () => {
    let now = 0;
    const spool = newSpool({ folder, now: () => (now += 1_000) });
    await spool.open();
    const kept = await store(spool, '1.2.1', { data: dataOf('kept', 1_500_000) });
    await expect(store(spool, '1.2.2', { data: dataOf('a', 6_000_000) })).rejects.toThrow(
      SpoolFullError,
    );
    expect(filesIn(folder, 'incoming')).toEqual([]);
    expect(filesIn(folder, 'ready')).toHaveLength(1);

    await store(spool, '1.2.3', { data: dataOf('b', 2_400_000) });
    const filling = store(spool, '1.2.4', { data: dataOf('c', 500_000) });
    await expect(filling).rejects.toThrow(SpoolFullError);
    expect(filesIn(folder, 'incoming')).toEqual([]);

    spool.flush();
    spool.lease(everything);
    const file = await readAll((await spool.source(kept)).read());
    expect(file.subarray(-1_500_000).equals(dataOf('kept', 1_500_000))).toBe(true);
    await spool.settle(kept);
    await store(spool, '1.2.4', { data: dataOf('c', 500_000) });
    expect(await spool.accepts()).toBe(true);
  });
});
