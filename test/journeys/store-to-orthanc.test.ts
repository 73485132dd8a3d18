import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startStoreScp } from '../peers/dcmtk.ts';
import { PeerGroup, peersSkipped, temporaryFolder } from '../peers/peer.ts';
import type { TemporaryFolder } from '../peers/peer.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { buildPart10, newUid } from '../support/dicom-object.ts';
import { hasSharedData } from '../support/shared-data.ts';
import { archiveSettings, startArchiveSide, startBridgeTo } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences } from './support/differences.ts';
import { send } from './support/send.ts';
import { dataSetOf, newObject } from './support/sent-object.ts';
import { unreadableToDcmtk, sharedObjects } from './support/shared-objects.ts';
import type { SharedObject } from './support/shared-objects.ts';
import {
  nothing,
  setAsideObjects,
  spoolContents,
  untilDelivered,
} from './support/spool-contents.ts';
import { storescu, storescuProfile, witnessed } from './support/storescu.ts';

/** DCMTK 3.6.7 knows neither these transfer syntaxes nor how to read a file in them. */
const unknownToDcmtk: ReadonlySet<string> = new Set([
  '1.2.840.10008.1.2.4.202',
  '1.2.840.10008.1.2.8.1',
]);

describe.skipIf(peersSkipped)('from a modality to an Orthanc behind OAuth', () => {
  const peers = new PeerGroup();
  const perTest = new PeerGroup();
  let archive: ArchiveSide;
  let folder: TemporaryFolder;

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
  });
  afterAll(() => peers.stop());
  beforeEach(async () => {
    folder = await temporaryFolder('journey');
    await archive.orthanc.clear();
  });
  afterEach(async () => {
    await perTest.stop();
    await folder.remove();
  });

  it.skipIf(!hasSharedData)(
    'B13 B14 B15 C29 every valid sample file arrives byte for byte, whatever its kind and transfer syntax',
    async () => {
      const bridge = await perTest.start(startBridgeTo(archive));
      const objects = await sharedObjects();

      const results = await send(bridge, objects);
      await untilDelivered(bridge);

      expect(refusals(objects, results)).toEqual([]);
      const expected = objects.filter(({ file }) => !unreadableToDcmtk.has(file.path));
      expect(await differences(archive.orthanc, expected)).toEqual([]);
      await expectSetAside(bridge, objects);
    },
    60_000,
  );

  it.skipIf(!hasSharedData).each([1, 4])(
    'what storescu sends on %i association(s) at once is what Orthanc then holds',
    async (associations) => {
      const bridge = await perTest.start(startBridgeTo(archive));
      const witness = await perTest.start(startStoreScp({ bitPreserving: true }));
      const objects = await dcmtkObjects();
      const profile = await storescuProfile(folder.path, objects);
      const shares = Array.from({ length: associations }, (_, share) =>
        objects.filter((_object, index) => index % associations === share),
      ).map((share) => share.map(({ file }) => file.absolutePath));

      const runs = await Promise.all(
        shares.map((files) => storescu(bridge.dimsePort, profile, files)),
      );
      await storescu(
        witness.port,
        profile,
        objects.map(({ file }) => file.absolutePath),
      );
      await untilDelivered(bridge);

      for (const run of runs) expect(run, run.stderr).toMatchObject({ code: 0 });
      const sent = await witnessed(witness);
      expect([...sent.keys()].sort()).toEqual(objects.map((o) => o.sopInstanceUid).sort());
      const expected = [...sent].map(([sopInstanceUid, bytes]) => ({ sopInstanceUid, bytes }));
      expect(await differences(archive.orthanc, expected)).toEqual([]);
      expect(await spoolContents(bridge)).toEqual(nothing);
    },
    60_000,
  );

  it.skipIf(!hasSharedData).each([
    ['-xs', 'objects/ct-jpeg-lossless-sv1.dcm'],
    ['-xy', 'objects/us-mf-jpeg-baseline.dcm'],
    ['-xw', 'objects/cr-j2k-lossy.dcm'],
    ['-xt', 'objects/ct-jpegls-lossless.dcm'],
    ['-xr', 'objects/sc-rgb-mf-rle.dcm'],
    ['-xd', 'objects/ct-deflated.dcm'],
    ['-xn -R', 'objects/video-h264.dcm'],
    ['-xi', 'objects/rtplan-implicit-le.dcm'],
    ['-xe', 'objects/ecg-12lead-explicit-le.dcm'],
    ['-xb', 'objects/ct-explicit-be.dcm'],
    ['+C', 'objects/pdf-explicit-le.dcm'],
    ['-R', 'objects/sr-comprehensive-explicit-le.dcm'],
  ])('takes what storescu %s proposes', async (words, file) => {
    const options = words.split(' ');
    const bridge = await perTest.start(startBridgeTo(archive));
    const witness = await perTest.start(startStoreScp({ bitPreserving: true }));
    const [object] = (await sharedObjects()).filter((each) => each.file.path === file);
    const files = [object?.file.absolutePath ?? ''];

    const run = await storescu(bridge.dimsePort, options, files);
    await storescu(witness.port, options, files);
    await untilDelivered(bridge);

    expect(run, run.stderr).toMatchObject({ code: 0 });
    const [[sop, bytes] = ['', Buffer.alloc(0)]] = await witnessed(witness);
    expect(await differences(archive.orthanc, [{ sopInstanceUid: sop, bytes }])).toEqual([]);
    expect(await spoolContents(bridge)).toEqual(nothing);
  });

  it('B15 generated objects of several classes and syntaxes share an association and arrive', async () => {
    const bridge = await perTest.start(startBridgeTo(archive, archiveSettings(archive, 'post')));
    const study = newUid();
    const objects = [
      newObject({ study }),
      newObject({ study, transferSyntax: '1.2.840.10008.1.2', pixelBytes: 300_000 }),
      newObject({ study, transferSyntax: '1.2.840.10008.1.2' }),
      newObject({ study, sopClass: '1.3.12.2.1107.5.9.1', pixelBytes: 6_000_000 }),
      newObject({ study, sopClass: '1.3.12.2.1107.5.9.1', transferSyntax: '1.2.840.10008.1.2' }),
    ];

    const results = await send(bridge, objects);
    await untilDelivered(bridge);

    expect(results).toEqual(objects.map(() => ({ kind: 'stored', status: 0 })));
    expect(await differences(archive.orthanc, objects)).toEqual([]);
    expect(await spoolContents(bridge)).toEqual(nothing);
  });

  it('B08 the same object on four associations at once is answered four times and kept once', async () => {
    const bridge = await perTest.start(startBridgeTo(archive));
    const file = path.join(folder.path, 'object.dcm');
    const sop = newUid();
    const part10 = buildPart10({ sop, pixelBytes: 500_000 });
    await writeFile(file, part10);

    const runs = await Promise.all(
      Array.from({ length: 4 }, () => storescu(bridge.dimsePort, [], [file])),
    );
    await untilDelivered(bridge);

    for (const run of runs) expect(run, run.stderr).toMatchObject({ code: 0 });
    expect(await archive.orthanc.instances()).toEqual([sop]);
    expect(
      await differences(archive.orthanc, [{ sopInstanceUid: sop, bytes: dataSetOf(part10) }]),
    ).toEqual([]);
    expect(await spoolContents(bridge)).toEqual(nothing);
  });
});

async function dcmtkObjects(): Promise<readonly SharedObject[]> {
  const objects = await sharedObjects();
  return objects.filter(
    ({ transferSyntaxUid, file }) =>
      !unknownToDcmtk.has(transferSyntaxUid) && !unreadableToDcmtk.has(file.path),
  );
}

function refusals(objects: readonly SharedObject[], results: readonly { kind: string }[]) {
  return objects.flatMap(({ file }, index) =>
    results[index]?.kind === 'stored' ? [] : [{ file: file.path, ...results[index] }],
  );
}

/** What Orthanc would not have stands in `failed/`, whole and with the reason; nothing else does. */
async function expectSetAside(
  bridge: BridgeProcess,
  objects: readonly SharedObject[],
): Promise<void> {
  const refused = objects.filter(({ file }) => unreadableToDcmtk.has(file.path));
  const setAside = await setAsideObjects(bridge);
  expect(setAside.map(({ sopInstanceUid }) => sopInstanceUid).sort()).toEqual(
    refused.map(({ sopInstanceUid }) => sopInstanceUid).sort(),
  );
  for (const { reason, part10, sopInstanceUid } of setAside) {
    expect(reason).toMatchObject({ code: 'refused', httpStatus: 400 });
    const sent = refused.find((object) => object.sopInstanceUid === sopInstanceUid);
    expect(dataSetOf(part10).equals(sent?.bytes ?? Buffer.alloc(0))).toBe(true);
  }
}
