import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedArchive } from '../../../src/archive/embedded/embedded-archive.ts';
import type { ArrivingObject } from '../../../src/archive/store-origin.ts';
import { explicitVrLittleEndian } from '../../../src/dicom/transfer-syntax.ts';
import type { Uid } from '../../../src/dicom/uid.ts';
import { OriginUnavailableError } from '../../../src/errors/origin-errors.ts';
import { silentLogger } from '../../../src/telemetry/pino-logger.ts';
import { buildPart10, newUid, uid } from '../../support/dicom-object.ts';
import { inChunks } from '../../support/multipart-body.ts';

const { signal } = new AbortController();
const options = { studyInstanceUid: undefined, signal, trace: undefined };
let folder: string;
let archive: EmbeddedArchive;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'embedded-'));
  archive = new EmbeddedArchive({ folder, log: silentLogger });
});
afterEach(async () => {
  await archive.close();
  await rm(folder, { recursive: true });
});

function arriving(sopInstanceUid: Uid, file: AsyncIterable<Buffer>): ArrivingObject {
  return { sopInstanceUid, transferSyntaxUid: uid(explicitVrLittleEndian), file };
}

// eslint-disable-next-line @typescript-eslint/require-await -- what reads it is asynchronous
async function* all(...objects: readonly ArrivingObject[]): AsyncGenerator<ArrivingObject> {
  yield* objects;
}

describe('objects that are still arriving', () => {
  it('are kept byte for byte, and said to be', async () => {
    const [study, series, sop] = [newUid(), newUid(), newUid()];
    const file = buildPart10({ study, series, sop, pixelBytes: 300_000 });

    const answer = await archive.storeArriving(all(arriving(sop, inChunks(file))), options);

    expect(answer).toEqual({
      kept: new Map([[sop, { warningReason: undefined }]]),
      failed: new Map(),
    });
    expect((await readFile(join(folder, study, series, `${sop}.dcm`))).equals(file)).toBe(true);
  });

  it('B04 fail alone where they are none, with the reason', async () => {
    const [good, bad] = [newUid(), newUid()];

    const answer = await archive.storeArriving(
      all(
        arriving(bad, inChunks(buildPart10())),
        arriving(good, inChunks(buildPart10({ sop: good }))),
      ),
      options,
    );

    expect(answer).toEqual({
      kept: new Map([[good, { warningReason: undefined }]]),
      failed: new Map([[bad, { failureReason: 0xc000 }]]),
    });
  });

  it('end with what reading one of them threw, and nothing of that one stays', async () => {
    const [first, second] = [newUid(), newUid()];
    const reason = new Error('the client has gone');
    async function* breaking(): AsyncGenerator<Buffer> {
      yield* inChunks(buildPart10({ sop: second, pixelBytes: 200_000 }).subarray(0, 100_000));
      throw reason;
    }
    const objects = all(
      arriving(first, inChunks(buildPart10({ sop: first }))),
      arriving(second, breaking()),
    );

    await expect(archive.storeArriving(objects, options)).rejects.toBe(reason);

    const found = await archive.search({ level: 'instance', match: {} }, { signal });
    expect(found.map((each) => each['00080018']?.Value)).toEqual([[first]]);
    expect(await readdir(join(folder, '.incoming'))).toEqual([]);
  });

  it('are not taken where the folder cannot be used', async () => {
    const nowhere = new EmbeddedArchive({ folder: '/dev/null/archive', log: silentLogger });

    await expect(
      nowhere.storeArriving(all(arriving(newUid(), inChunks(buildPart10()))), options),
    ).rejects.toThrow(OriginUnavailableError);
  });
});
