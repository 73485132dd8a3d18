import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { nodeFileOperations } from '../../src/spool/file-operations.ts';
import type { SpoolEntry } from '../../src/spool/spool.ts';
import { uid } from '../support/uid.ts';
import {
  arriving,
  everything,
  identityOf,
  newSpool,
  store,
  temporaryFolder,
} from './spool-fixture.ts';

const sop = '1.2.3.4';
const large = randomBytes(3_000_000);
const changedAt = (at: number): Buffer => {
  const copy = Buffer.from(large);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
};

describe('entries of one SOP Instance UID', () => {
  it.each([
    ['of another length', Buffer.from('data'), Buffer.from('data set')],
    ['that differs in its first byte', large, changedAt(0)],
    ['that differs in its last byte', large, changedAt(large.length - 1)],
  ])('contradict each other with a data set %s', async (_what, one, other) => {
    const spool = newSpool();
    await spool.open();
    const first = await store(spool, sop, { data: one });
    const second = await store(spool, sop, { data: other });
    spool.flush();
    const lease = spool.lease(everything);

    expect(lease?.entries).toMatchObject([{ id: first.id }]);
    expect(await spool.contradicting(first)).toMatchObject({ id: second.id });

    // And so they are sent: the first before the second, never together.
    await spool.settle(first);
    expect(spool.lease(everything)?.entries).toMatchObject([{ id: second.id }]);
    expect(await spool.contradicting(second)).toBeUndefined();
  });

  it('do not when a device sends the same object again, or another device does', async () => {
    const spool = newSpool();
    await spool.open();
    const first = await store(spool, sop, { data: large });
    const writer = await spool.receive({
      ...arriving(sop),
      callingAeTitle: 'ANOTHER_DEVICE' as ReturnType<typeof arriving>['callingAeTitle'],
    });
    await writer.write([large]);
    await writer.commit(identityOf(sop));
    spool.flush();
    spool.lease(everything);

    expect(await spool.contradicting(first)).toBeUndefined();
  });

  it('contradict each other in two transfer syntaxes', async () => {
    const spool = newSpool();
    await spool.open();
    const first = await store(spool, sop);
    const transferSyntaxUid = uid('1.2.840.10008.1.2.4.50');
    const writer = await spool.receive({ ...arriving(sop), transferSyntaxUid });
    // As long as the first, were it not for the longer UID in its head.
    await writer.write([Buffer.from('data set')]);
    const second = await writer.commit(identityOf(sop));
    spool.flush();
    spool.lease(everything);

    expect(await spool.contradicting(first)).toMatchObject({ id: second.id });
  });

  it('are not opened where there is nothing to compare', async () => {
    let opened = 0;
    const openExisting = (path: string): number => {
      if (path.endsWith('.dcm')) opened += 1;
      return nodeFileOperations.openExisting(path);
    };
    const spool = newSpool({ files: { ...nodeFileOperations, openExisting } });
    await spool.open();
    const entries: SpoolEntry[] = [];
    for (let n = 0; n < 20; n += 1) entries.push(await store(spool, `${sop}.${n}`));
    spool.flush();
    spool.lease(everything);

    for (const entry of entries) expect(await spool.contradicting(entry)).toBeUndefined();

    expect(opened).toBe(0);
  });

  it('that cannot be read are reported, without leaving a file open', async () => {
    const folder = temporaryFolder();
    const spool = newSpool({ folder });
    await spool.open();
    const first = await store(spool, sop);
    const second = await store(spool, sop);
    spool.flush();
    spool.lease(everything);
    await nodeFileOperations.unlink(join(folder, 'ready', `${second.id}.dcm`));
    const before = readdirSync('/proc/self/fd').length;

    await expect(spool.contradicting(first)).rejects.toMatchObject({ code: 'spool_unavailable' });

    expect(readdirSync('/proc/self/fd')).toHaveLength(before);
    writeFileSync(join(folder, 'ready', `${second.id}.dcm`), '');
    expect(await spool.contradicting(first)).toMatchObject({ id: second.id });
  });
});
