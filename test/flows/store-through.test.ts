import { buffer } from 'node:stream/consumers';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/access/principal.ts';
import type { ArrivingObject, StoreArrivingOptions } from '../../src/archive/store-origin.ts';
import type { DicomJson } from '../../src/dicom/dicom-json.ts';
import { decodeFileHeader } from '../../src/dicom/part10.ts';
import { deflatedExplicitVrLittleEndian } from '../../src/dicom/transfer-syntax.ts';
import type { Uid } from '../../src/dicom/uid.ts';
import { ObjectUnreadableError } from '../../src/errors/object-errors.ts';
import { OriginUnavailableError } from '../../src/errors/origin-errors.ts';
import {
  ContentTooLargeError,
  InsufficientScopeError,
  InvalidQuestionError,
  UnknownTenantError,
  UnsupportedMediaTypeError,
} from '../../src/errors/request-errors.ts';
import { StoreThrough } from '../../src/flows/store-through.ts';
import type { StoreInstancesResponse } from '../../src/translate/store-instances-response.ts';
import { explicitElement } from '../support/data-set.ts';
import { buildPart10, newUid, uid } from '../support/dicom-object.ts';
import { boundary, dicomParts, inChunks, multipartBody } from '../support/multipart-body.ts';

const publicRoot = 'https://pacs.example/dicom-web';
const { signal } = new AbortController();
const options = { signal, publicRoot, trace: 'abc' };
const [granted, other] = [newUid(), newUid()];

const writer: Principal = {
  subject: 'somebody',
  issuer: 'https://idp.example',
  displayName: 'somebody',
  scopes: new Set(['write']),
  tenant: undefined,
  studies: undefined,
  tokenId: undefined,
  expiresAt: Infinity,
};
const limited: Principal = { ...writer, studies: new Set([granted]) };

type Answer = (objects: AsyncIterable<ArrivingObject>) => Promise<StoreInstancesResponse>;

/** Keeps everything, unless told otherwise, and remembers it. */
function recordingOrigin(answer?: Answer) {
  const received: { readonly sopInstanceUid: Uid; readonly file: Buffer }[] = [];
  const requests: StoreArrivingOptions[] = [];
  const keepAll: Answer = async (objects) => {
    for await (const { sopInstanceUid, file } of objects) {
      received.push({ sopInstanceUid, file: await buffer(file) });
    }
    return {
      kept: new Map(received.map((each) => [each.sopInstanceUid, { warningReason: undefined }])),
      failed: new Map(),
    };
  };
  return {
    received,
    requests,
    storeArriving(objects: AsyncIterable<ArrivingObject>, storeOptions: StoreArrivingOptions) {
      requests.push(storeOptions);
      return (answer ?? keepAll)(objects);
    },
  };
}

function store(
  origin: ReturnType<typeof recordingOrigin>,
  body: Buffer | AsyncIterable<Buffer>,
  {
    principal = writer,
    study,
    contentType = dicomParts,
    held = [],
  }: {
    principal?: Principal;
    study?: Uid;
    contentType?: string;
    /** What the archive says it has, whatever it is asked for. */
    held?: readonly DicomJson[];
  } = {},
) {
  const chunks = Buffer.isBuffer(body) ? inChunks(body, 5_000) : body;
  const archive = { search: () => Promise.resolve(held) };
  const request = { kind: 'store' as const, ...(study && { studyInstanceUid: study }) };
  return new StoreThrough({ origin, archive }).storeInstances(
    principal,
    request,
    { contentType, chunks },
    options,
  );
}

function reasons(dataSet: DicomJson, tag: '00081198' | '0008119A' = '00081198'): unknown[] {
  const items = (dataSet[tag]?.Value ?? []) as readonly DicomJson[];
  return items.map((item) => item['00081197']?.Value?.[0]);
}

function dataSetIn(file: Buffer): Buffer {
  return file.subarray(decodeFileHeader(file)?.dataSetOffset);
}

describe('what a client stores', () => {
  it('goes on byte for byte and in its order, and is reported with public URLs', async () => {
    const origin = recordingOrigin();
    const [study, series, sop] = [newUid(), newUid(), newUid()];
    const files = [
      buildPart10({ study, series, sop, pixelBytes: 300_000 }),
      buildPart10({ study, series }),
    ];

    const { status, dataSet } = await store(origin, multipartBody(...files));

    expect(status).toBe(200);
    expect(origin.received.map(({ file }, index) => files[index]?.equals(file))).toEqual([
      true,
      true,
    ]);
    expect(origin.requests).toEqual([{ studyInstanceUid: undefined, signal, trace: 'abc' }]);
    expect(dataSet['00081190']?.Value).toEqual([`${publicRoot}/studies/${study}`]);
    expect(dataSet['00081199']?.Value).toMatchObject([
      {
        '00081155': { Value: [sop] },
        '00081190': {
          Value: [`${publicRoot}/studies/${study}/series/${series}/instances/${sop}`],
        },
      },
      {},
    ]);
  });

  it('D44 among good objects: a page, nothing, what is no object, bytes of another type', async () => {
    const origin = recordingOrigin();
    const [first, second] = [buildPart10(), buildPart10({ pixelBytes: 500 })];

    const { status, dataSet } = await store(
      origin,
      multipartBody(
        { body: '<html></html>', contentType: 'text/html' },
        first,
        { body: '' },
        { body: 'not DICOM'.repeat(5_000) },
        { body: buildPart10(), contentType: 'application/octet-stream' },
        { body: buildPart10(), contentType: null },
        second,
      ),
    );

    expect(status).toBe(202);
    expect(origin.received.map(({ file }) => file)).toEqual([first, second]);
    expect(reasons(dataSet, '0008119A')).toEqual(Array(5).fill(0xc000));
    expect(dataSet).not.toHaveProperty('00081198');
  });

  it('D44 without a good object is 409, and the archive hears nothing of it', async () => {
    const origin = recordingOrigin();

    const { status, dataSet } = await store(
      origin,
      multipartBody({ body: 'nothing' }, { body: buildPart10(), contentType: 'image/png' }),
    );

    expect(status).toBe(409);
    expect(reasons(dataSet, '0008119A')).toEqual([0xc000, 0xc000]);
    expect(origin.requests).toEqual([]);
  });

  it('B04 without a SOP Instance UID in its data set is named by its file header', async () => {
    const origin = recordingOrigin();
    const sop = newUid();
    const file = buildPart10({ sop });
    const at = dataSetIn(file).indexOf(Buffer.from([0x08, 0x00, 0x18, 0x00]));
    const length = 8 + dataSetIn(file).readUInt16LE(at + 6);
    const start = file.length - dataSetIn(file).length;
    const without = Buffer.concat([
      file.subarray(0, start + at),
      file.subarray(start + at + length),
    ]);

    const { status, dataSet } = await store(origin, multipartBody(without));

    expect(status).toBe(409);
    expect(reasons(dataSet)).toEqual([0xa900]);
    expect(dataSet['00081198']?.Value).toMatchObject([{ '00081155': { Value: [sop] } }]);
    expect(origin.requests).toEqual([]);
  });

  it.each([
    ['an unquoted type', `multipart/related; type=application/dicom; boundary=${boundary}`],
    [
      'a transfer syntax beside its type',
      `Multipart/Related; boundary="${boundary}"; type="application/dicom; transfer-syntax=1.2.840.10008.1.2.1"`,
    ],
  ])('is taken with %s', async (_, contentType) => {
    const body = multipartBody({
      body: buildPart10(),
      contentType: 'Application/DICOM; transfer-syntax=1.2.840.10008.1.2.1',
    });

    expect((await store(recordingOrigin(), body, { contentType })).status).toBe(200);
  });
});

describe('what cannot be stored at all', () => {
  it.each([
    [
      'F21 metadata in JSON',
      `multipart/related; type="application/dicom+json"; boundary=${boundary}`,
    ],
    [
      'F21 metadata in XML',
      `multipart/related; type="application/dicom+xml"; boundary=${boundary}`,
    ],
    ['parts of no type', `multipart/related; boundary=${boundary}`],
    ['a form', `multipart/form-data; boundary=${boundary}`],
    ['a bare object', 'application/dicom'],
    ['D44 parts of another type', `multipart/related; type="text/html"; boundary=${boundary}`],
  ])('%s is of an unsupported media type', async (_, contentType) => {
    const origin = recordingOrigin();

    await expect(store(origin, multipartBody(buildPart10()), { contentType })).rejects.toThrow(
      UnsupportedMediaTypeError,
    );
    expect(origin.requests).toEqual([]);
  });

  const whole = multipartBody(buildPart10({ pixelBytes: 100_000 }));
  it.each([
    ['a content type nobody can read', whole, 'multipart/related; type="application/dicom'],
    ['no content type', whole, ''],
    ['no boundary', whole, 'multipart/related; type="application/dicom"'],
    ['garbage', Buffer.alloc(100_000, 'x'), dicomParts],
    ['nothing', Buffer.alloc(0), dicomParts],
    ['no part', multipartBody(), dicomParts],
    ['an end before its first object is known', whole.subarray(0, 500), dicomParts],
    ['an end inside an object', whole.subarray(0, 60_000), dicomParts],
    ['no closing boundary', whole.subarray(0, -4), dicomParts],
  ])('%s is an invalid question', async (_, body, contentType) => {
    await expect(store(recordingOrigin(), body, { contentType })).rejects.toThrow(
      InvalidQuestionError,
    );
  });

  it('more parts than anybody sends are too large', async () => {
    const origin = recordingOrigin();
    const part = Buffer.from(`--${boundary}\r\nContent-Type: text/plain\r\n\r\nx\r\n`);
    const body = Buffer.concat(Array<Buffer>(20_001).fill(part));

    await expect(store(origin, inChunks(body))).rejects.toThrow(ContentTooLargeError);
    expect(origin.requests).toEqual([]);
  });

  it('an origin that fails is heard', async () => {
    const origin = recordingOrigin(() => Promise.reject(new OriginUnavailableError('gone')));

    await expect(store(origin, multipartBody(buildPart10()))).rejects.toThrow(
      OriginUnavailableError,
    );
  });
});

describe('who may store', () => {
  it.each([
    [
      'a reader',
      { ...writer, scopes: new Set(['read', 'admin'] as const) },
      InsufficientScopeError,
    ],
    ['a tenant nobody knows', { ...writer, tenant: 'elsewhere' }, UnknownTenantError],
  ])('not %s, whatever the body is', async (_, principal, refusal) => {
    const origin = recordingOrigin();

    await expect(store(origin, Buffer.alloc(0), { principal, contentType: '' })).rejects.toThrow(
      refusal,
    );
  });

  it('leaves out what lies outside the grant, and says so with 0124H', async () => {
    const origin = recordingOrigin();
    const [inside, outside] = [newUid(), newUid()];

    const { status, dataSet } = await store(
      origin,
      multipartBody(
        buildPart10({ study: other, sop: outside }),
        buildPart10({ study: granted, sop: inside }),
      ),
      { principal: limited },
    );

    expect(status).toBe(202);
    expect(origin.received.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual([inside]);
    expect(reasons(dataSet)).toEqual([0x0124]);
    expect(dataSet['00081198']?.Value).toMatchObject([{ '00081155': { Value: [outside] } }]);
  });

  it('sends the archive nothing when all of it lies outside', async () => {
    const origin = recordingOrigin();

    const { status } = await store(origin, multipartBody(buildPart10({ study: other })), {
      principal: limited,
    });

    expect(status).toBe(409);
    expect(origin.requests).toEqual([]);
  });

  it('leaves out what is not of the study in the path, and says so with A901H', async () => {
    const origin = recordingOrigin();
    const study = newUid();
    const mine = newUid();

    const { status, dataSet } = await store(
      origin,
      multipartBody(buildPart10({ study, sop: mine }), buildPart10()),
      { study },
    );

    expect(status).toBe(202);
    expect(origin.received.map(({ sopInstanceUid }) => sopInstanceUid)).toEqual([mine]);
    expect(origin.requests[0]?.studyInstanceUid).toBe(study);
    expect(reasons(dataSet)).toEqual([0xa901]);
  });

  it('takes nothing for a path outside the grant, not even what belongs there', async () => {
    const origin = recordingOrigin();

    const { status, dataSet } = await store(
      origin,
      multipartBody(buildPart10({ study: other }), buildPart10({ study: granted })),
      { principal: limited, study: other },
    );

    expect(status).toBe(409);
    expect(reasons(dataSet)).toEqual([0x0124, 0xa901]);
    expect(origin.requests).toEqual([]);
  });

  it('lets nobody take an object out of a study outside the grant, under the same UID', async () => {
    const [sop, another] = [newUid(), newUid()];
    const body = multipartBody(buildPart10({ study: granted, sop }));
    const uidValue = (value: Uid) => ({ vr: 'UI', Value: [value] });
    const at = (study: Uid, name: Uid) => ({
      '0020000D': uidValue(study),
      '00080018': uidValue(name),
    });

    const foreign = await store(recordingOrigin(), body, {
      principal: limited,
      held: [at(granted, sop), at(other, sop)],
    });
    const nowhere = await store(recordingOrigin(), body, {
      principal: limited,
      held: [{ '00080018': uidValue(sop) }],
    });
    const own = await store(recordingOrigin(), body, {
      principal: limited,
      held: [at(granted, sop), at(other, another)],
    });
    const free = await store(recordingOrigin(), body, { held: [at(other, sop)] });

    expect([foreign.status, nowhere.status, own.status, free.status]).toEqual([409, 409, 200, 200]);
    expect(reasons(foreign.dataSet)).toEqual([0x0124]);
  });

  it('never passes an object on whole that has a second Study Instance UID', async () => {
    const origin = recordingOrigin();
    const file = buildPart10({ study: granted, pixelBytes: 200_000 });
    const second = explicitElement(0x0020000d, 'UI', other);
    const padded = Buffer.concat([file, second, Buffer.alloc(other.length % 2)]);

    await expect(store(origin, multipartBody(padded), { principal: limited })).rejects.toThrow(
      ObjectUnreadableError,
    );
    expect(origin.received).toEqual([]);
  });

  it('writes group 0002 anew for a limited caller, and nothing else', async () => {
    const origin = recordingOrigin();
    const file = buildPart10({ study: granted, pixelBytes: 100_000 });
    const twoSyntaxes = explicitElement(0x00020010, 'UI', '1.2.840.10008.1.2\0');
    const start = file.length - dataSetIn(file).length;
    const sly = Buffer.concat([
      file.subarray(0, 144),
      twoSyntaxes,
      file.subarray(144, start),
      dataSetIn(file),
    ]);

    await store(origin, multipartBody(sly), { principal: limited });

    const [received] = origin.received;
    expect(received && dataSetIn(received.file).equals(dataSetIn(file))).toBe(true);
    expect(received?.file.includes('1.2.840.10008.1.2\0')).toBe(false);
  });

  it('passes a deflated object on, but not for a limited caller: nobody sees what is in it', async () => {
    const plain = buildPart10({ study: granted, transferSyntax: deflatedExplicitVrLittleEndian });
    const start = plain.length - dataSetIn(plain).length;
    const deflated = Buffer.concat([plain.subarray(0, start), deflateRawSync(dataSetIn(plain))]);
    const origin = recordingOrigin();

    const free = await store(origin, multipartBody(deflated));
    const bound = await store(origin, multipartBody(deflated), { principal: limited });

    expect(free.status).toBe(200);
    expect(origin.received.map(({ file }) => file.equals(deflated))).toEqual([true]);
    expect(bound.status).toBe(409);
    expect(reasons(bound.dataSet)).toEqual([0x0124]);
  });
});

describe('an archive that answers before all has come', () => {
  it('is believed for what it took; the rest has failed', async () => {
    const kept = newUid();
    const origin = recordingOrigin(async (objects) => {
      for await (const { file } of objects) {
        await buffer(file);
        break;
      }
      return { kept: new Map([[kept, { warningReason: undefined }]]), failed: new Map() };
    });
    const body = multipartBody(buildPart10({ sop: kept }), buildPart10(), buildPart10());

    const { status, dataSet } = await store(origin, body);

    expect(status).toBe(202);
    expect(dataSet['00081199']?.Value).toHaveLength(1);
    expect(reasons(dataSet, '0008119A')).toEqual([0x0110]);
  });

  it('keeps nobody waiting for a client that sends no more', async () => {
    const file = buildPart10({ pixelBytes: 100_000 });
    async function* stalling(): AsyncGenerator<Buffer> {
      yield multipartBody(file).subarray(0, 50_000);
      await new Promise(() => undefined);
    }
    const origin = recordingOrigin(async (objects) => {
      const iterator = objects[Symbol.asyncIterator]();
      await iterator.next();
      return { kept: new Map(), failed: new Map() };
    });

    const { status } = await store(origin, stalling());

    expect(status).toBe(409);
  });
});

it('holds an object back until somebody takes it, and never more than its head', async () => {
  const file = buildPart10({ pixelBytes: 4 * 1024 * 1024 });
  let given = 0;
  async function* counted(): AsyncGenerator<Buffer> {
    for await (const chunk of inChunks(multipartBody(file))) {
      given += chunk.length;
      yield chunk;
    }
  }
  let givenBeforeReading = 0;
  const origin = recordingOrigin(async (objects) => {
    for await (const { file: arriving } of objects) {
      givenBeforeReading = given;
      await buffer(arriving);
    }
    return { kept: new Map(), failed: new Map() };
  });

  await store(origin, counted());

  expect(givenBeforeReading).toBeLessThanOrEqual(2 * 65_536);
  expect(given).toBeGreaterThan(4 * 1024 * 1024);
});

it('does not mind who a UID belongs to when nobody limits it', async () => {
  const origin = recordingOrigin();
  const study = uid('1.2.3');

  const { status } = await store(
    origin,
    multipartBody(buildPart10({ study, sop: '1.2.3.1' }), buildPart10({ study, sop: '1.2.3.1' })),
  );

  expect(status).toBe(200);
  expect(origin.received).toHaveLength(2);
});
