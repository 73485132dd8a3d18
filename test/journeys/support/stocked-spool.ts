import { mkdirSync, openSync, closeSync, writeFileSync, fsyncSync } from 'node:fs';
import { join } from 'node:path';
import { encodeFileHeader } from '../../../src/dicom/part10.ts';
import { digestUid, formatEntryName } from '../../../src/spool/entry-name.ts';
import { aeTitle, uid } from '../../support/uid.ts';

const objectsPerStudy = 100;

/** UID of the n-th oldest object. */
export function stockedUid(index: number): string {
  return `1.2.826.0.1.3680043.9.9999.${Math.floor(index / objectsPerStudy)}.${index}`;
}

/**
 * Fills a spool that no bridge has opened yet, as a weekend without an archive would: real files, each
 * with blocks of its own, a millisecond apart, a hundred a study.
 */
export function stockSpool(
  dataDir: string,
  { count, bytes }: { readonly count: number; readonly bytes: number },
): void {
  const ready = join(dataDir, 'spool', 'ready');
  mkdirSync(ready, { recursive: true, mode: 0o700 });
  const firstArrival = Date.now() - 48 * 3_600_000;
  for (let index = 0; index < count; index += 1) {
    const sopInstanceUid = uid(stockedUid(index));
    const head = encodeFileHeader({
      sopClassUid: uid('1.2.840.10008.5.1.4.1.1.2'),
      sopInstanceUid,
      transferSyntaxUid: uid('1.2.840.10008.1.2.1'),
      sendingAeTitle: aeTitle('CT1'),
    });
    const id = formatEntryName({
      arrivedAt: firstArrival + index,
      sequence: index,
      urgent: false,
      destination: 'main',
      bytes,
      studyDigest: digestUid(uid(`1.2.3.${Math.floor(index / objectsPerStudy)}`)),
      instanceDigest: digestUid(sopInstanceUid),
    });
    writeFileSync(
      join(ready, `${id}.dcm`),
      Buffer.concat([head, Buffer.alloc(bytes - head.length, index % 256)]),
      { mode: 0o600 },
    );
  }
  const fd = openSync(ready, 'r');
  fsyncSync(fd);
  closeSync(fd);
}
