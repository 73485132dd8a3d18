import { writeSync } from 'node:fs';
import { parseAeTitle } from '../../src/dicom/ae-title.ts';
import type { AeTitle } from '../../src/dicom/ae-title.ts';
import { parseUid } from '../../src/dicom/uid.ts';
import type { Uid } from '../../src/dicom/uid.ts';
import { DirectorySpool } from '../../src/spool/directory-spool.ts';
import type { SpoolEntry } from '../../src/spool/spool.ts';
import { dyingFiles } from './dying-files.ts';

// Delivers, sets aside, retries, replays and drops, and kills itself on the way. Writes a line for
// each object that is acknowledged, and for each that is about to be dropped.
const [, , folder = '', call = '', moment = '', occurrence = '1'] = process.argv;

function silent(): void {
  // The parent reads standard output.
}
const log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };
const spool = new DirectorySpool({
  ...{ folder, minFreeBytes: 0, maxBytes: undefined, destination: 'main', batchIdleMs: 0 },
  ...{ now: Date.now, log, keepMs: 3_600_000 },
  files: dyingFiles({ call, moment, occurrence: Number(occurrence) }),
});
await spool.open();
const reason = { code: 'refused', message: 'no', attempts: 1 };

async function storeOne(study: number, number: number): Promise<void> {
  const parts = {
    sopInstanceUid: parseUid(`1.2.${study}.${number}`) as Uid,
    sopClassUid: parseUid('1.2.840.10008.5.1.4.1.1.2') as Uid,
  };
  const title = parseAeTitle('CT1') as AeTitle;
  const writer = await spool.receive({
    ...{ ...parts, transferSyntaxUid: parseUid('1.2.840.10008.1.2.1') as Uid },
    ...{ callingAeTitle: title, calledAeTitle: title, urgent: false },
  });
  await writer.write([Buffer.alloc(100)]);
  const studyInstanceUid = parseUid(`1.2.${study}`) as Uid;
  const uids = { ...parts, studyInstanceUid, seriesInstanceUid: studyInstanceUid };
  const { id } = await writer.commit(uids);
  writeSync(1, `acknowledged ${id}\n`);
}

function leaseAll(): readonly SpoolEntry[] {
  spool.flush();
  const entries: SpoolEntry[] = [];
  const limits = { maxInstances: 50, maxBytes: 1_000_000 };
  for (let lease = spool.lease(limits); lease; lease = spool.lease(limits)) {
    entries.push(...lease.entries);
  }
  return entries;
}

for (let round = 0; round < 4; round += 1) {
  for (let number = 0; number < 12; number += 1) await storeOne(number % 3, round * 100 + number);
  for (const [index, entry] of leaseAll().entries()) {
    if (index % 3 === 0) await spool.settle(entry);
    else if (index % 3 === 1) await spool.setAside(entry, reason);
    else spool.release(entry, { notBefore: Date.now() + 60_000 });
  }
  await spool.desk.retry({});
  for (const entry of leaseAll()) await spool.settle(entry);
  await spool.desk.replay({ studyInstanceUid: '1.2.1' });
  await spool.desk.pause('main');
  const filter = { studyInstanceUid: '1.2.1', states: ['waiting' as const] };
  const { entries } = await spool.desk.list(filter, { limit: 6, offset: 0 });
  for (const { id } of entries) writeSync(1, `dropping ${id}\n`);
  await spool.desk.drop({ ids: entries.map(({ id }) => id) });
  await spool.desk.resume('main');
}
