import { writeSync } from 'node:fs';
import { parseAeTitle } from '../../src/dicom/ae-title.ts';
import type { AeTitle } from '../../src/dicom/ae-title.ts';
import { parseUid } from '../../src/dicom/uid.ts';
import type { Uid } from '../../src/dicom/uid.ts';
import { DirectorySpool } from '../../src/spool/directory-spool.ts';
import { dyingFiles } from './dying-files.ts';

// Stores objects on four associations at once and kills itself, as nothing but SIGKILL can, at the
// given occurrence of the given call. Writes a line for each commit that resolved.
const [, , folder = '', call = '', moment = '', occurrence = '1'] = process.argv;

function silent(): void {
  // The parent reads standard output.
}
const log = { debug: silent, info: silent, warn: silent, error: silent, child: () => log };

const spool = new DirectorySpool({
  ...{ folder, minFreeBytes: 0, maxBytes: undefined, destination: 'main', batchIdleMs: 50 },
  ...{ now: Date.now, log },
  files: dyingFiles({ call, moment, occurrence: Number(occurrence) }),
});
await spool.open();
writeSync(1, 'open\n');

async function storeObjects(association: number): Promise<void> {
  for (let number = 0; number < 50; number += 1) {
    const sop = `1.2.${association}.${number}`;
    const sopInstanceUid = parseUid(sop) as Uid;
    const sopClassUid = parseUid('1.2.840.10008.5.1.4.1.1.2') as Uid;
    const title = parseAeTitle('CT1') as AeTitle;
    const writer = await spool.receive({
      ...{ sopClassUid, sopInstanceUid, transferSyntaxUid: parseUid('1.2.840.10008.1.2.1') as Uid },
      ...{ callingAeTitle: title, calledAeTitle: title, urgent: false },
    });
    // Small ones, and one in five that needs several writes.
    const chunk = Buffer.alloc(number % 5 === 0 ? 300_000 : 1_000, sop);
    for (let count = 0; count < 5; count += 1) await writer.write([chunk]);
    const studyInstanceUid = parseUid(`1.2.${association}`) as Uid;
    const { id } = await writer.commit({
      ...{ studyInstanceUid, seriesInstanceUid: studyInstanceUid, sopInstanceUid, sopClassUid },
    });
    writeSync(1, `${id} ${sop} ${number}\n`);
  }
}
await Promise.all([1, 2, 3, 4].map(storeObjects));
