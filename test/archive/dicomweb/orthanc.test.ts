import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { InstanceSelector } from '../../../src/archive/archive.ts';
import { DicomWebArchive } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import {
  explicitVrLittleEndian,
  implicitVrLittleEndian,
} from '../../../src/dicom/transfer-syntax.ts';
import type { Part10Source, RetrievedObject } from '../../../src/dicom/instance.ts';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import type { Uid } from '../../../src/dicom/uid.ts';
import { NotFoundError, OriginUnavailableError } from '../../../src/errors/origin-errors.ts';
import { noAuthorization } from '../../../src/oauth/authorization-source.ts';
import { ClientCredentialsSource } from '../../../src/oauth/client-credentials-source.ts';
import { startGate } from '../../peers/gate.ts';
import type { Gate } from '../../peers/gate.ts';
import { startIdentityProvider } from '../../peers/identity-provider.ts';
import type { IdentityProvider } from '../../peers/identity-provider.ts';
import { startOrthanc } from '../../peers/orthanc.ts';
import type { Orthanc } from '../../peers/orthanc.ts';
import { PeerGroup, peersSkipped } from '../../peers/peer.ts';
import { buildPart10, newUid, part10Source, uid } from '../../support/dicom-object.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

describe.skipIf(peersSkipped)('a real Orthanc behind a real OAuth server', () => {
  const { signal } = new AbortController();
  const peers = new PeerGroup();
  let orthanc: Orthanc;
  let identityProvider: IdentityProvider;
  let gate: Gate;
  let tokens: ClientCredentialsSource;
  let archive: DicomWebArchive;

  beforeAll(async () => {
    orthanc = await peers.start(startOrthanc());
    identityProvider = await peers.start(startIdentityProvider());
    gate = await peers.start(startGate({ ...identityProvider, archiveUrl: orthanc.dicomWebUrl }));
  });
  afterAll(() => peers.stop());

  beforeEach(() => {
    const { tokenUrl, basicClient, scope, audience } = identityProvider;
    const log = recordingLogger();
    const now = () => Date.now();
    tokens = new ClientCredentialsSource({
      tokenUrl,
      ...basicClient,
      clientAuth: 'basic',
      scope,
      resource: audience,
      now,
      log,
    });
    archive = new DicomWebArchive({
      baseUrl: gate.url,
      connections: 4,
      timeoutMs: 20_000,
      authorization: tokens,
      now,
      log,
    });
  });
  afterEach(async () => {
    gate.setBehaviour({ kind: 'pass' });
    await archive.close();
    await tokens.close();
  });

  it('keeps each object of a batch byte for byte', async () => {
    const study = newUid();
    const objects = [
      newObject({ study, pixelBytes: 2 }),
      newObject({ study, pixelBytes: 524_288 }),
      newObject({ study, pixelBytes: 40_000, transferSyntax: implicitVrLittleEndian }),
      newObject({ study, sopClass: '1.3.12.2.1107.5.9.1' }),
    ];

    const verdict = await archive.store(objects, { signal });

    expect(verdict).toEqual({
      kind: 'each',
      outcomes: new Map(objects.map((object) => [object.sopInstanceUid, { kind: 'delivered' }])),
      httpStatus: 200,
    });
    for (const object of objects) {
      expect((await orthanc.file(object.sopInstanceUid)).equals(object.file)).toBe(true);
    }
  });

  it('B08 takes the same object twice for delivered', async () => {
    const object = newObject({});
    await archive.store([object], { signal });

    expect(await archive.store([object], { signal })).toEqual({
      kind: 'each',
      outcomes: new Map([[object.sopInstanceUid, { kind: 'delivered' }]]),
      httpStatus: 200,
    });
  });

  it('B08 is told nothing of another object under the same UID: Orthanc names it as kept, and keeps the first', async () => {
    const verifying = new DicomWebArchive({
      baseUrl: orthanc.dicomWebUrl,
      connections: 1,
      timeoutMs: 20_000,
      authorization: noAuthorization(),
      duplicates: 'verify',
      now: () => Date.now(),
      log: recordingLogger(),
    });
    const object = newObject({ pixelBytes: 5_000 });
    const changed = Buffer.from(object.file);
    changed[changed.length - 1] = 0x7f;
    await verifying.store([object], { signal });

    const verdict = await verifying.store([sourceOf({ ...object, file: changed })], { signal });
    await verifying.close();

    expect(accountsFor(verdict, object)).toBe('delivered');
    expect((await orthanc.file(object.sopInstanceUid)).equals(object.file)).toBe(true);
  });

  it('C11 goes on with a new token when the old one was revoked', async () => {
    await archive.store([newObject({})], { signal });
    const asked = identityProvider.requests.token;
    gate.revoke();
    const object = newObject({ pixelBytes: 4_000_000 });

    const verdict = await archive.store([object], { signal });

    expect(verdict).toMatchObject({ kind: 'each' });
    expect(identityProvider.requests.token).toBe(asked + 1);
    expect(await orthanc.instances()).toContain(object.sopInstanceUid);
  });

  it('C10 delivers what a batch holds beside junk, and sets the junk aside once it is alone', async () => {
    const good = newObject({});
    const junk = sourceOf({ ...newObject({}), file: Buffer.from('this is no DICOM file') });

    const together = await archive.store([junk, good], { signal });
    const alone = await archive.store([junk], { signal });

    expect(accountsFor(together, good)).toBe('delivered');
    expect(accountsFor(together, junk)).toBe('retry');
    expect(accountsFor(alone, junk)).toBe('set-aside');
  });

  it('C17 keeps what Orthanc passes over in silence: a part that names its transfer syntax', async () => {
    const naming = new DicomWebArchive({
      baseUrl: orthanc.dicomWebUrl,
      connections: 1,
      timeoutMs: 20_000,
      authorization: noAuthorization(),
      nameTransferSyntax: true,
      now: () => Date.now(),
      log: recordingLogger(),
    });

    const verdict = await naming.store([newObject({})], { signal });
    await naming.close();

    expect(verdict).toMatchObject({ kind: 'retry', httpStatus: 200 });
  });

  it('C15 waits for an Orthanc that was killed, and delivers when it is back', async () => {
    const object = newObject({});
    await archive.store([newObject({})], { signal });
    await orthanc.kill();

    const away = await archive.store([object], { signal });
    await orthanc.restart();
    const back = await archive.store([object], { signal });

    expect(away.kind).toBe('retry');
    expect(accountsFor(back, object)).toBe('delivered');
  });

  it('C02 C17 an answer that was lost is asked for again, and nothing is stored twice', async () => {
    const object = newObject({});
    gate.setBehaviour({ kind: 'cut-answer' }, 1);

    const verdict = await archive.store([object], { signal });

    const held = await orthanc.instances();
    expect(accountsFor(verdict, object)).toBe('delivered');
    expect(held.filter((sop) => sop === object.sopInstanceUid)).toHaveLength(1);
  });

  it('C23 keeps the objects while the token server is away', async () => {
    await identityProvider.down();
    const verdict = await archive.store([newObject({})], { signal });
    await identityProvider.up();

    expect(verdict).toMatchObject({ kind: 'retry' });
    expect(verdict).toHaveProperty('message', expect.stringContaining('the token server cannot'));
  });

  it('finds what it stored, and nothing where nothing is', async () => {
    const study = newUid();
    const object = newObject({ study });
    await archive.store([object], { signal });
    const sop = object.sopInstanceUid;

    const studies = await archive.search(
      { level: 'study', match: {}, studyInstanceUid: study },
      { signal },
    );
    const instances = await archive.search(
      { level: 'instance', match: { '00080018': sop } },
      { signal },
    );
    const none = await archive.search(
      { level: 'series', match: { '0020000E': newUid() } },
      { signal },
    );
    const [metadata] = await archive.metadata({ studyInstanceUid: study }, { signal });

    expect(studies.map((found) => found['0020000D']?.Value)).toEqual([[study]]);
    expect(instances.map((found) => found['00080018']?.Value)).toEqual([[sop]]);
    expect(none).toEqual([]);
    expect(metadata?.['00080018']?.Value).toEqual([sop]);
    await expect(archive.metadata({ studyInstanceUid: newUid() }, { signal })).rejects.toThrow(
      NotFoundError,
    );
  });

  it('gives back what it stored, every data set byte for byte, in its own transfer syntax', async () => {
    const study = newUid();
    const series = newUid();
    const objects = [
      newObject({ study, series }),
      newObject({ study, pixelBytes: 700_000 }),
      newObject({ study, pixelBytes: 40_000, transferSyntax: implicitVrLittleEndian }),
    ];
    await archive.store(objects, { signal });
    const [first] = objects as [TestObject];

    const found = await retrieved({ studyInstanceUid: study });
    const one = await retrieved({
      studyInstanceUid: study,
      seriesInstanceUid: series,
      sopInstanceUid: first.sopInstanceUid,
    });

    expect([...found.keys()].sort()).toEqual(objects.map((o) => o.sopInstanceUid).sort());
    for (const { sopInstanceUid, sopClassUid, transferSyntaxUid, file } of objects) {
      const { dataSet, ...facts } = found.get(sopInstanceUid) ?? {};
      expect(facts).toEqual({ sopInstanceUid, sopClassUid, transferSyntaxUid });
      expect(dataSet?.equals(dataSetIn(file))).toBe(true);
    }
    expect([...one.keys()]).toEqual([first.sopInstanceUid]);
    await expect(retrieved({ studyInstanceUid: newUid() })).rejects.toThrow(NotFoundError);
  });

  it('C17 takes a retrieved answer that was cut off for no answer', async () => {
    const study = newUid();
    await archive.store([newObject({ study, pixelBytes: 700_000 })], { signal });
    gate.setBehaviour({ kind: 'cut-answer' }, 2);

    await expect(retrieved({ studyInstanceUid: study })).rejects.toThrow(OriginUnavailableError);
  });

  async function retrieved(
    selector: InstanceSelector,
  ): Promise<ReadonlyMap<Uid, Omit<RetrievedObject, 'dataSet'> & { readonly dataSet: Buffer }>> {
    const found = new Map<Uid, Omit<RetrievedObject, 'dataSet'> & { readonly dataSet: Buffer }>();
    for await (const object of archive.retrieve(selector, { signal })) {
      const chunks: Buffer[] = [];
      for await (const chunk of object.dataSet) chunks.push(Buffer.from(chunk));
      found.set(object.sopInstanceUid, { ...object, dataSet: Buffer.concat(chunks) });
    }
    return found;
  }
});

function dataSetIn(file: Buffer): Buffer {
  return file.subarray(decodeFileHeader(file)?.dataSetOffset);
}

interface TestObject extends Part10Source {
  readonly file: Buffer;
}

function newObject(options: Parameters<typeof buildPart10>[0]): TestObject {
  const sop = newUid();
  const transferSyntax = options?.transferSyntax ?? explicitVrLittleEndian;
  const file = buildPart10({ ...options, sop });
  return { ...part10Source(file, { sop, transferSyntax }), file };
}

function sourceOf(object: TestObject): Part10Source {
  return part10Source(object.file, { sop: uid(object.sopInstanceUid) });
}

/** What a verdict says of one object. */
function accountsFor(
  verdict: Awaited<ReturnType<DicomWebArchive['store']>>,
  object: Part10Source,
): string | undefined {
  return verdict.kind === 'each' ? verdict.outcomes.get(object.sopInstanceUid)?.kind : verdict.kind;
}
