import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  explicitVrBigEndian,
  explicitVrLittleEndian,
  implicitVrLittleEndian,
} from '../../src/dicom/transfer-syntax.ts';
import type { SendResult } from '../../src/dimse/store-user.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { hasSharedData, sharedFiles } from '../support/shared-data.ts';
import { startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { send } from './support/send.ts';
import { dataSetOf, dataSetWithoutMeta, rawObject } from './support/sent-object.ts';
import type { SentObject } from './support/sent-object.ts';
import { spoolContents, spoolFolder } from './support/spool-contents.ts';

const ct = '1.2.840.10008.5.1.4.1.1.2';
const mr = '1.2.840.10008.5.1.4.1.1.4';
const rtDose = '1.2.840.10008.5.1.4.1.1.481.2';
const rtPlan = '1.2.840.10008.5.1.4.1.1.481.5';
const rtIonPlan = '1.2.840.10008.5.1.4.1.1.481.8';
const secondaryCapture = '1.2.840.10008.5.1.4.1.1.7';
const jpegLossless = '1.2.840.10008.1.2.4.70';
const htj2k = '1.2.840.10008.1.2.4.203';
const explicit = explicitVrLittleEndian;
const implicit = implicitVrLittleEndian;
/** For fragments that name no instance: whatever their sender would make up. */
const madeUp = '2.25.4711';

interface BrokenCase {
  readonly file: string;
  readonly sopClass: string;
  readonly syntax: string;
  /** What the command says, where it is not the manifest's. */
  readonly sop?: string;
}

/** Bytes nobody could read back: C000H, cannot understand. */
const notUnderstood: readonly BrokenCase[] = [
  { file: 'broken/truncated-pixel-data.dcm', sopClass: mr, syntax: explicit },
  { file: 'broken/truncated-in-sequence.dcm', sopClass: rtPlan, syntax: implicit },
  { file: 'broken/trailing-garbage.dcm', sopClass: mr, syntax: explicit },
  // Its lie has to be told on the wire, or there would be none.
  {
    file: 'broken/transfer-syntax-lies.dcm',
    sopClass: mr,
    syntax: explicitVrBigEndian,
    sop: '1.3.6.1.4.1.5962.1.1.4.1.1.20040826185059.4473',
  },
  { file: 'broken/missing-study-uid-patient-id.dcm', sopClass: mr, syntax: explicit },
  { file: 'broken/preamble-then-junk.dcm', sopClass: mr, syntax: explicit, sop: madeUp },
  { file: 'broken/no-preamble-dicm-in-data.dcm', sopClass: mr, syntax: implicit, sop: madeUp },
  { file: 'broken/zero-bytes.dcm', sopClass: mr, syntax: explicit, sop: madeUp },
  // Part implicit, part explicit: wrong in either syntax.
  { file: 'broken/no-file-meta.dcm', sopClass: ct, syntax: explicit, sop: madeUp },
  { file: 'broken/no-file-meta.dcm', sopClass: ct, syntax: implicit, sop: madeUp },
  // Whole, but in the other syntax than the presentation context's.
  { file: 'broken/hostile-text.dcm', sopClass: mr, syntax: implicit },
  { file: 'broken/meta-without-transfer-syntax.dcm', sopClass: mr, syntax: explicit, sop: madeUp },
  // Valid as a file; it only belongs to no study.
  { file: 'objects/sc-rgb-htj2k-lossy.dcm', sopClass: secondaryCapture, syntax: htj2k },
];

/** Data sets that are not the object the command announces: A900H. */
const notTheObject: readonly BrokenCase[] = [
  { file: 'broken/meta-sop-mismatch.dcm', sopClass: mr, syntax: explicit, sop: madeUp },
  { file: 'broken/empty-uids.dcm', sopClass: mr, syntax: explicit, sop: madeUp },
  { file: 'broken/meta-without-transfer-syntax.dcm', sopClass: mr, syntax: implicit, sop: madeUp },
  { file: 'broken/nested-private-sq.dcm', sopClass: mr, syntax: implicit, sop: madeUp },
  { file: 'broken/no-meta-group-length.dcm', sopClass: mr, syntax: implicit, sop: madeUp },
  { file: 'broken/un-sequence.dcm', sopClass: mr, syntax: jpegLossless, sop: madeUp },
  { file: 'charsets/chrSQEncoding.dcm', sopClass: mr, syntax: explicit, sop: madeUp },
  { file: 'charsets/chrSQEncoding1.dcm', sopClass: mr, syntax: explicit, sop: madeUp },
];

/** What stands in the command is no UID: 0117H, before a byte of the data set was looked at. */
const noInstance: readonly BrokenCase[] = [
  { file: 'broken/bad-uid-characters.dcm', sopClass: mr, syntax: explicit },
  { file: 'broken/bad-uid-too-long.dcm', sopClass: mr, syntax: explicit },
  { file: 'broken/bad-sequence.dcm', sopClass: ct, syntax: jpegLossless },
  { file: 'broken/empty-uids.dcm', sopClass: mr, syntax: explicit, sop: '' },
  { file: 'broken/hostile-text.dcm', sopClass: mr, syntax: explicit, sop: '../../../../tmp/pwn' },
];

/** Odd, but every element ends where it says: taken as it is, and so it arrives. */
const takenIntact: readonly BrokenCase[] = [
  { file: 'broken/bad-file-meta.dcm', sopClass: ct, syntax: explicit },
  { file: 'broken/hostile-text.dcm', sopClass: mr, syntax: explicit },
  { file: 'broken/meta-sop-mismatch.dcm', sopClass: mr, syntax: explicit },
  { file: 'broken/mr-without-pixel-data.dcm', sopClass: mr, syntax: explicit },
  { file: 'broken/no-preamble-explicit-le-fragment.dcm', sopClass: rtIonPlan, syntax: explicit },
  { file: 'broken/odd-length-value.dcm', sopClass: mr, syntax: explicit },
  { file: 'broken/wrong-vr.dcm', sopClass: rtDose, syntax: explicit },
];

/** Orthanc 1.10 answers 200 to it and neither stores nor names it (HOSTILE SAFE-3 in the wild). */
const passedOverByOrthanc: BrokenCase = {
  file: 'broken/very-long-pn-and-id.dcm',
  sopClass: mr,
  syntax: explicit,
};

describe.skipIf(peersSkipped || !hasSharedData)('broken sample files', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let bridge: BridgeProcess;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
    bridge = await peers.start(startBridgeTo(archive));
  });
  afterAll(() => peers.stop());

  it('has a row for every one of them', () => {
    const rows = [...notUnderstood, ...notTheObject, ...noInstance, ...takenIntact];
    const covered = new Set([...rows, passedOverByOrthanc].map(({ file }) => file));

    const broken = sharedFiles().filter(({ valid }) => !valid);

    expect(broken.map((file) => file.path).filter((each) => !covered.has(each))).toEqual([]);
  });

  it.each(notUnderstood)('B04 B10 B11 B16 answers C000H to $file in $syntax', async (broken) => {
    expect(await refusedWithoutTrace(broken)).toMatchObject({ kind: 'refused', status: 0xc000 });
  });

  it.each(notTheObject)('B02 B04 answers A900H to $file in $syntax', async (broken) => {
    expect(await refusedWithoutTrace(broken)).toMatchObject({ kind: 'refused', status: 0xa900 });
  });

  it.each(noInstance)(
    'B05 answers 0117H to $file where the command names no UID',
    async (broken) => {
      expect(await refusedWithoutTrace(broken)).toMatchObject({ kind: 'refused', status: 0x0117 });
    },
  );

  it('A21 has no presentation context for a class that belongs to no patient', async () => {
    const colorPalette = '1.2.840.10008.5.1.4.39.1';
    const file = 'objects/color-palette-explicit-le.dcm';

    const result = await refusedWithoutTrace({ file, sopClass: colorPalette, syntax: explicit });

    expect(result).toEqual({ kind: 'no-context' });
  });

  it.each(takenIntact)('C29 takes $file and hands it on byte for byte', async (broken) => {
    const object = objectOf(broken);

    const [result] = await send(bridge, [object]);

    expect(result).toEqual({ kind: 'stored', status: 0 });
    await expect
      .poll(() => archive.orthanc.instances(), { timeout: 20_000 })
      .toContain(object.sopInstanceUid);
    const held = dataSetOf(await archive.orthanc.file(object.sopInstanceUid));
    expect(held.equals(object.bytes)).toBe(true);
  });

  it('C17 keeps what Orthanc says yes to and does not store', async () => {
    const object = objectOf(passedOverByOrthanc);

    const [result] = await send(bridge, [object]);

    expect(result).toEqual({ kind: 'stored', status: 0 });
    await expect
      .poll(() => bridge.log, { timeout: 20_000 })
      .toContain('accepted the request but named none of the objects');
    expect(await archive.orthanc.instances()).not.toContain(object.sopInstanceUid);
    const { ready, failed } = await spoolContents(bridge);
    expect({ waiting: ready.length, failed }).toEqual({ waiting: 1, failed: [] });
    const kept = await readFile(path.join(bridge.dataDir, 'spool', 'ready', ready[0] ?? ''));
    expect(dataSetOf(kept).equals(object.bytes)).toBe(true);
  });

  async function refusedWithoutTrace(broken: BrokenCase): Promise<SendResult | undefined> {
    const [result] = await send(bridge, [objectOf(broken)]);
    expect(await spoolFolder(bridge, 'incoming')).toEqual([]);
    return result;
  }
});

function objectOf({ file, sopClass, syntax, sop }: BrokenCase): SentObject {
  const shared = sharedFiles().find((each) => each.path === file);
  if (shared === undefined) throw new Error(`${file} is not in the manifest`);
  return rawObject(dataSetWithoutMeta(readFileSync(shared.absolutePath)), {
    sopClass,
    sop: sop ?? shared.sopInstanceUid,
    transferSyntax: syntax,
  });
}
