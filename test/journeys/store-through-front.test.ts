import { readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { DicomJson } from '../../src/dicom/dicom-json.ts';
import { PeerGroup, peersSkipped } from '../peers/peer.ts';
import { startBridgeProcess } from '../support/bridge-process.ts';
import type { BridgeProcess } from '../support/bridge-process.ts';
import { buildPart10, newUid } from '../support/dicom-object.ts';
import { boundary, dicomParts, inChunks, multipartBody } from '../support/multipart-body.ts';
import { hasSharedData } from '../support/shared-data.ts';
import { createToken } from './support/access-token.ts';
import { archiveSettings, startArchiveSide } from './support/deployment.ts';
import type { ArchiveSide } from './support/deployment.ts';
import { differences } from './support/differences.ts';
import { dataSetOf } from './support/sent-object.ts';
import { sharedObjects, unreadableToDcmtk } from './support/shared-objects.ts';
import { upload } from './support/stow-upload.ts';

function rootOf({ httpPort }: BridgeProcess): string {
  return `http://127.0.0.1:${httpPort}/dicom-web`;
}

async function bearer(bridge: BridgeProcess, ...words: readonly string[]) {
  return { authorization: `Bearer ${await createToken(bridge, ...words, '--expires', '1h')}` };
}

function uidsIn(dataSet: DicomJson, tag: '00081198' | '00081199'): readonly unknown[] {
  const items = (dataSet[tag]?.Value ?? []) as readonly DicomJson[];
  return items.map((item) => item['00081155']?.Value?.[0]);
}

function reasonsIn(dataSet: DicomJson, tag: '00081198' | '0008119A' = '00081198'): unknown[] {
  const items = (dataSet[tag]?.Value ?? []) as readonly DicomJson[];
  return items.map((item) => item['00081197']?.Value?.[0]);
}

describe.skipIf(peersSkipped)('from a client of the front to an Orthanc behind OAuth', () => {
  const peers = new PeerGroup();
  let archive: ArchiveSide;
  let bridge: BridgeProcess;
  let token: { readonly authorization: string };

  beforeAll(async () => {
    archive = await startArchiveSide(peers);
    bridge = await peers.start(startBridgeProcess(archiveSettings(archive)));
    token = await bearer(bridge, '--scope', 'read,write');
  });
  afterAll(() => peers.stop());
  beforeEach(() => archive.orthanc.clear());

  it.skipIf(!hasSharedData)(
    'B12 B13 B14 every valid sample file arrives byte for byte, whatever its kind and transfer syntax',
    async () => {
      const objects = (await sharedObjects()).filter(
        ({ file }) => !unreadableToDcmtk.has(file.path),
      );
      const files = await Promise.all(objects.map(({ file }) => readFile(file.absolutePath)));

      const { status, dataSet } = await upload(
        `${rootOf(bridge)}/studies`,
        inChunks(multipartBody(...files)),
        token,
      );

      expect(status).toBe(200);
      expect(uidsIn(dataSet, '00081199')).toEqual(objects.map((object) => object.sopInstanceUid));
      expect(await differences(archive.orthanc, objects)).toEqual([]);
    },
    60_000,
  );

  it('goes to one study by its path, and is found where the answer says', async () => {
    const [study, series, sop] = [newUid(), newUid(), newUid()];
    const file = buildPart10({ study, series, sop, pixelBytes: 500_000 });

    const { status, contentType, dataSet } = await upload(
      `${rootOf(bridge)}/studies/${study}`,
      inChunks(multipartBody(file)),
      token,
    );

    expect(status).toBe(200);
    expect(contentType).toBe('application/dicom+json');
    const [item] = dataSet['00081199']?.Value as readonly DicomJson[];
    const [url] = item?.['00081190']?.Value as readonly string[];
    expect(url).toBe(`${rootOf(bridge)}/studies/${study}/series/${series}/instances/${sop}`);
    expect(dataSet['00081190']?.Value).toEqual([`${rootOf(bridge)}/studies/${study}`]);
    const found = await fetch(url ?? '', {
      headers: {
        ...token,
        accept: 'multipart/related; type="application/dicom"; transfer-syntax=*',
      },
    });
    expect(found.status).toBe(200);
    const body = Buffer.from(await found.arrayBuffer());
    expect(body.includes(dataSetOf(file))).toBe(true);
  });

  it('D44 stores the good ones of a mixed lot, and says what became of the others', async () => {
    const [good, other] = [newUid(), newUid()];
    const study = newUid();

    const { status, dataSet } = await upload(
      `${rootOf(bridge)}/studies/${study}`,
      inChunks(
        multipartBody(
          { body: '<svg/>', contentType: 'image/svg+xml' },
          buildPart10({ study, sop: good }),
          { body: '' },
          buildPart10({ sop: other }),
          { body: Buffer.alloc(100_000, 0x41) },
        ),
      ),
      token,
    );

    expect(status).toBe(202);
    expect(uidsIn(dataSet, '00081199')).toEqual([good]);
    expect(uidsIn(dataSet, '00081198')).toEqual([other]);
    expect(reasonsIn(dataSet)).toEqual([0xa901]);
    expect(reasonsIn(dataSet, '0008119A')).toEqual([0xc000, 0xc000, 0xc000]);
    expect(await archive.orthanc.instances()).toEqual([good]);
  });

  it('B04 hands on that the archive will not have an object without a study', async () => {
    const sop = newUid();
    const file = buildPart10({ sop, study: '' });

    const { status, dataSet } = await upload(
      `${rootOf(bridge)}/studies`,
      inChunks(multipartBody(file)),
      token,
    );

    expect(status).toBe(409);
    expect(uidsIn(dataSet, '00081198')).toEqual([sop]);
    expect(await archive.orthanc.instances()).toEqual([]);
  });

  it('lets a token for one study add to that study only', async () => {
    const [granted, inside, outside] = [newUid(), newUid(), newUid()];
    const limited = await bearer(bridge, '--scope', 'write', '--study', granted);
    const body = multipartBody(
      buildPart10({ study: granted, sop: inside, pixelBytes: 200_000 }),
      buildPart10({ sop: outside }),
    );

    const { status, dataSet } = await upload(`${rootOf(bridge)}/studies`, inChunks(body), limited);

    expect(status).toBe(202);
    expect(uidsIn(dataSet, '00081199')).toEqual([inside]);
    expect(uidsIn(dataSet, '00081198')).toEqual([outside]);
    expect(reasonsIn(dataSet)).toEqual([0x0124]);
    expect(await archive.orthanc.instances()).toEqual([inside]);
  });

  it('takes nothing with a token for reading, or with none', async () => {
    const reader = await bearer(bridge, '--scope', 'read');
    const body = multipartBody(buildPart10());

    const forbidden = await upload(`${rootOf(bridge)}/studies`, inChunks(body), reader);
    const unknown = await upload(`${rootOf(bridge)}/studies`, inChunks(body));

    expect([forbidden.status, unknown.status]).toEqual([403, 401]);
    expect(await archive.orthanc.instances()).toEqual([]);
  });

  it.each([
    ['F21 dicom+json', { 'content-type': dicomParts.replace('dicom"', 'dicom+json"') }, 415],
    ['a bare object', { 'content-type': 'application/dicom' }, 415],
    ['no boundary', { 'content-type': 'multipart/related; type="application/dicom"' }, 400],
    ['D30 a packed body', { 'content-encoding': 'gzip' }, 415],
    ['an answer in XML', { accept: 'application/dicom+xml' }, 406],
  ] as const)('refuses %s', async (_, headers, expected) => {
    const { status, contentType } = await upload(
      `${rootOf(bridge)}/studies`,
      inChunks(multipartBody(buildPart10())),
      { ...token, ...headers },
    );

    expect(status).toBe(expected);
    expect(contentType).toBe('application/problem+json');
    expect(await archive.orthanc.instances()).toEqual([]);
  });

  it('answers 400 to a message that was cut off, and takes the next one', async () => {
    const whole = multipartBody(buildPart10({ pixelBytes: 300_000 }));

    const cut = await upload(
      `${rootOf(bridge)}/studies`,
      inChunks(whole.subarray(0, 200_000)),
      token,
    );
    const next = await upload(`${rootOf(bridge)}/studies`, inChunks(whole), token);

    expect([cut.status, next.status]).toEqual([400, 200]);
  });

  it('takes a body of known length from a client that waits to be asked for it', async () => {
    const body = multipartBody(buildPart10({ pixelBytes: 200_000 }));

    const status = await new Promise<number | undefined>((resolve, reject) => {
      const outgoing = request(`${rootOf(bridge)}/studies`, {
        method: 'POST',
        headers: {
          ...token,
          'content-type': dicomParts,
          'content-length': body.length,
          expect: '100-continue',
        },
      });
      outgoing.once('continue', () => outgoing.end(body));
      outgoing.once('response', (response) => {
        text(response).then(() => resolve(response.statusCode), reject);
      });
      outgoing.once('error', reject);
    });

    expect(status).toBe(200);
  });
});

describe('from a client of the front to the embedded archive', () => {
  const peers = new PeerGroup();
  afterEach(() => peers.stop());

  it('stores the good ones of a mixed lot, and finds them again', async () => {
    const bridge = await peers.start(startBridgeProcess({ HTTP_AUTH: 'none' }));
    const [study, sop] = [newUid(), newUid()];
    const file = buildPart10({ study, sop, pixelBytes: 300_000 });

    const { status, dataSet } = await upload(
      `${rootOf(bridge)}/studies`,
      inChunks(multipartBody(file, { body: 'nothing' })),
    );

    expect(status).toBe(202);
    expect(uidsIn(dataSet, '00081199')).toEqual([sop]);
    const found = await fetch(`${rootOf(bridge)}/studies/${study}`, {
      headers: { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' },
    });
    expect(Buffer.from(await found.arrayBuffer()).includes(dataSetOf(file))).toBe(true);
  });

  it('lets no token for one study take an object out of another', async () => {
    const bridge = await peers.start(startBridgeProcess());
    const [granted, other, sop] = [newUid(), newUid(), newUid()];
    const everything = await bearer(bridge, '--scope', 'read,write');
    const limited = await bearer(bridge, '--scope', 'write', '--study', granted);
    const url = `${rootOf(bridge)}/studies`;
    const first = buildPart10({ study: other, sop });

    const stored = await upload(url, inChunks(multipartBody(first)), everything);
    const taken = await upload(
      url,
      inChunks(multipartBody(buildPart10({ study: granted, sop }))),
      limited,
    );

    expect([stored.status, taken.status]).toEqual([200, 409]);
    expect(reasonsIn(taken.dataSet)).toEqual([0x0124]);
    const found = await fetch(`${url}/${other}`, {
      headers: { ...everything, accept: 'multipart/related; type="application/dicom"' },
    });
    expect(found.status).toBe(200);
  });

  it('keeps nothing of a message that was cut off inside an object', async () => {
    const bridge = await peers.start(startBridgeProcess({ HTTP_AUTH: 'none' }));
    const whole = multipartBody(buildPart10({ pixelBytes: 300_000 }));

    const { status } = await upload(
      `${rootOf(bridge)}/studies`,
      inChunks(whole.subarray(0, -boundary.length)),
    );

    const found = await fetch(`${rootOf(bridge)}/studies`, {
      headers: { accept: 'application/dicom+json' },
    });
    expect(status).toBe(400);
    expect(await found.text()).toMatch(/^(\[\])?$/);
  });
});
