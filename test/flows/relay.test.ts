import { describe, expect, it } from 'vitest';
import type { Principal } from '../../src/access/principal.ts';
import type { SearchQuery } from '../../src/archive/archive.ts';
import type { ReadRequest } from '../../src/archive/dicomweb-origin.ts';
import type { DicomJson } from '../../src/dicom/dicom-json.ts';
import { NotFoundError, OriginUnavailableError } from '../../src/errors/origin-errors.ts';
import {
  InsufficientScopeError,
  NotAcceptableError,
  UnknownTenantError,
} from '../../src/errors/request-errors.ts';
import { Relay } from '../../src/flows/relay.ts';
import type { SearchRequest } from '../../src/translate/dicomweb-request.ts';
import type { QidoQuery } from '../../src/translate/qido-query.ts';
import type { ResponseHead, ResponseSink } from '../../src/translate/response-sink.ts';
import { uid } from '../support/uid.ts';

const publicRoot = 'https://pacs.example/dicom-web';
const studyA = uid('1.2.1');
const studyB = uid('1.2.2');
const studyC = uid('1.2.3');
/** In the archive and in nobody's grant. */
const foreign = uid('1.2.9');

const everything = caller({});
const granted = caller({ studies: new Set([studyA, studyB, studyC]) });

function caller(more: Partial<Principal>): Principal {
  return {
    subject: 'user',
    issuer: 'https://idp.example',
    displayName: 'user',
    scopes: new Set(['read']),
    tenant: undefined,
    studies: undefined,
    tokenId: undefined,
    expiresAt: Infinity,
    ...more,
  };
}

/** A sink that keeps what it is given. */
class RecordingSink implements ResponseSink {
  head: ResponseHead | undefined;
  text = '';
  hasEnded = false;
  /** Says at each chunk that it has had enough for now. */
  readonly #isSlow: boolean;

  constructor({ isSlow = false } = {}) {
    this.#isSlow = isSlow;
  }

  begin(head: ResponseHead): void {
    this.head = head;
  }

  write(chunk: Uint8Array): boolean {
    this.text += Buffer.from(chunk).toString();
    return !this.#isSlow;
  }

  drained(resume: () => void): void {
    setImmediate(resume);
  }

  end(): void {
    this.hasEnded = true;
  }
}

function study(studyInstanceUid: string, more: DicomJson = {}): DicomJson {
  return { '0020000D': { vr: 'UI', Value: [studyInstanceUid] }, ...more };
}

/** An archive that passes over the study it is asked for: it gives all it has. */
const careless = (): DicomJson[] => [study(foreign), study(studyA), study(studyB), study(studyC)];

/** One that does as it is told. */
const careful = ({ studyInstanceUid }: SearchQuery): DicomJson[] => {
  const is = (result: DicomJson): boolean => result['0020000D']?.Value?.[0] === studyInstanceUid;
  return careless().filter(is);
};

function searchFor(query: Partial<QidoQuery> = {}, more: Partial<SearchRequest> = {}) {
  const complete = { match: {}, includeField: [], fuzzyMatching: false, ...query };
  return {
    kind: 'search',
    level: 'study',
    query: complete,
    ...more,
  } as const satisfies ReadRequest;
}

/** Asks, and tells what came back and what the archive was asked. */
async function ask(
  principal: Principal,
  request: ReadRequest,
  find: (query: SearchQuery) => readonly DicomJson[] = careful,
  sink = new RecordingSink(),
) {
  const searches: SearchQuery[] = [];
  const carried: ReadRequest[] = [];
  const relay = new Relay({
    origin: {
      answer: (carriedRequest, to) => {
        carried.push(carriedRequest);
        to.begin({ status: 200, headers: {} });
        to.end();
        return Promise.resolve();
      },
    },
    archive: {
      search: (query) => {
        searches.push(query);
        return Promise.resolve(find(query));
      },
    },
  });
  const { signal } = new AbortController();
  await relay.answer(principal, request, sink, { signal, publicRoot });
  return { sink, searches, carried };
}

async function studiesFound(...parameters: Parameters<typeof ask>): Promise<readonly unknown[]> {
  const { sink } = await ask(...parameters);
  const results = JSON.parse(sink.text) as DicomJson[];
  return results.map((result) => result['0020000D']?.Value?.[0]);
}

const metadataOf = (studyInstanceUid: typeof studyA): ReadRequest => ({
  kind: 'metadata',
  selector: { studyInstanceUid },
});

function frameOf(studyInstanceUid: typeof studyA) {
  return {
    studyInstanceUid,
    seriesInstanceUid: uid(`${studyInstanceUid}.1`),
    sopInstanceUid: uid(`${studyInstanceUid}.1.1`),
  };
}

describe('whoever may see everything', () => {
  it('gets the answer of the archive, whatever is asked', async () => {
    for (const request of [searchFor(), metadataOf(foreign)]) {
      const { carried, searches } = await ask(everything, request);

      expect(carried).toEqual([request]);
      expect(searches).toEqual([]);
    }
  });
});

describe('a form the archive does not have', () => {
  const last = { kind: 'frames', selector: frameOf(studyA), frames: [1], mediaType: 'c' } as const;
  const request: ReadRequest = {
    ...last,
    mediaType: 'a',
    otherwise: { ...last, mediaType: 'b', otherwise: last },
  };
  const tried = async (possible: string): Promise<readonly string[]> => {
    const types: string[] = [];
    const relay = new Relay({
      origin: {
        answer: (asked) => {
          const { mediaType } = asked as typeof last;
          types.push(mediaType);
          if (mediaType === possible) return Promise.resolve();
          return Promise.reject(new NotAcceptableError(mediaType));
        },
      },
      archive: { search: () => Promise.resolve([]) },
    });
    const options = { signal: new AbortController().signal, publicRoot };
    await relay.answer(everything, request, new RecordingSink(), options);
    return types;
  };

  it('is left for the next the client takes', async () => {
    expect(await tried('a')).toEqual(['a']);
    expect(await tried('c')).toEqual(['a', 'b', 'c']);
  });

  it('ends in the refusal where there is none left', async () => {
    await expect(tried('d')).rejects.toBeInstanceOf(NotAcceptableError);
  });
});

describe('whoever may not read', () => {
  it.each([searchFor(), metadataOf(studyA)])('gets nothing: $kind', async (request) => {
    const writer = caller({ scopes: new Set(['write', 'admin']) });

    await expect(ask(writer, request)).rejects.toBeInstanceOf(InsufficientScopeError);
  });

  it('since it belongs to a tenant of somebody else gets nothing either', async () => {
    const stranger = caller({ tenant: 'elsewhere' });

    await expect(ask(stranger, searchFor())).rejects.toBeInstanceOf(UnknownTenantError);
  });
});

describe('D31 a study outside the grant', () => {
  const path = frameOf(foreign);
  it.each([
    metadataOf(foreign),
    { kind: 'retrieve', selector: path, framing: 'multipart' },
    { kind: 'retrieve', selector: path, framing: 'single' },
    { kind: 'frames', selector: path, frames: [1], mediaType: 'application/octet-stream' },
    { kind: 'bulkdata', selector: path, path: '00420011', mediaTypes: ['application/pdf'] },
    { kind: 'rendered', selector: path, mediaType: 'image/jpeg', parameters: {} },
    { kind: 'thumbnail', selector: path, mediaType: 'image/jpeg', parameters: {} },
  ] as const satisfies ReadRequest[])(
    'is not there, and the archive is not asked: $kind',
    async (request) => {
      await expect(ask(granted, request)).rejects.toBeInstanceOf(NotFoundError);
    },
  );

  it('is there for whoever has it', async () => {
    expect((await ask(granted, metadataOf(studyA))).carried).toHaveLength(1);
  });

  it.each([foreign, uid('1.2.999')])(
    'has nothing below it, no more than one that nobody has: %s',
    async (studyInstanceUid) => {
      const request = searchFor({}, { level: 'series', studyInstanceUid });

      const { sink, searches } = await ask(granted, request);

      expect(sink.text).toBe('[]');
      expect(sink.head).toEqual({
        status: 200,
        headers: { 'content-type': 'application/dicom+json' },
      });
      expect(sink.hasEnded).toBe(true);
      expect(searches).toEqual([]);
    },
  );
});

describe('D31 the path of a granted study', () => {
  const seriesInstanceUid = uid('1.2.1.1');
  const sopInstanceUid = uid('1.2.1.1.1');
  const series = { studyInstanceUid: studyA, seriesInstanceUid };
  const instance = { ...series, sopInstanceUid };
  const found = (studyInstanceUid: string): DicomJson =>
    study(studyInstanceUid, {
      '0020000E': { vr: 'UI', Value: [seriesInstanceUid] },
      '00080018': { vr: 'UI', Value: [sopInstanceUid] },
    });
  const requests: readonly ReadRequest[] = [
    { kind: 'metadata', selector: series },
    { kind: 'frames', selector: instance, frames: [1], mediaType: 'image/jpeg' },
  ];

  it.each(requests)('leads to no object of another: $kind', async (request) => {
    for (const others of [[found(foreign)], [study(studyA)], []]) {
      await expect(ask(granted, request, () => others)).rejects.toBeInstanceOf(NotFoundError);
    }
  });

  it.each(requests)('leads to what lies in it: $kind', async (request) => {
    const { carried } = await ask(granted, request, () => [found(foreign), found(studyA)]);

    expect(carried).toEqual([request]);
  });

  it('is looked into once for each object', async () => {
    let searches = 0;
    const relay = new Relay({
      origin: { answer: () => Promise.resolve() },
      archive: {
        search: () => {
          searches += 1;
          return Promise.resolve([found(studyA)]);
        },
      },
    });
    const options = { signal: new AbortController().signal, publicRoot };

    for (const request of [...requests, ...requests]) {
      await relay.answer(granted, request, new RecordingSink(), options);
    }

    expect(searches).toBe(2);
  });

  it('is not looked into for whoever may see everything', async () => {
    expect((await ask(everything, requests[0] ?? searchFor())).searches).toEqual([]);
  });
});

describe('D32 a search of somebody with a grant', () => {
  it.each([
    ['an archive that does as it is told', careful],
    ['one that gives all it has', careless],
  ])('finds the studies of the grant and no others in %s', async (_, find) => {
    expect(await studiesFound(granted, searchFor(), find)).toEqual([studyA, studyB, studyC]);
  });

  it('drops what does not say which study it belongs to', async () => {
    expect(await studiesFound(granted, searchFor(), () => [{}])).toEqual([]);
  });

  it.each([
    [`${studyA},${foreign}`, [studyA]],
    [foreign, []],
    [`${studyC},${studyB}`, [studyB, studyC]],
  ])('asked for StudyInstanceUID=%s finds %j', async (value, expected) => {
    expect(await studiesFound(granted, searchFor({ match: { '0020000D': value } }))).toEqual(
      expected,
    );
  });

  it.each([
    [{ offset: 0, limit: 1 }, [studyA]],
    [{ offset: 1, limit: 1 }, [studyB]],
    [{ offset: 2, limit: 1 }, [studyC]],
    [{ offset: 3, limit: 1 }, []],
    [{ offset: 1 }, [studyB, studyC]],
    [{ limit: 2 }, [studyA, studyB]],
    [{ limit: 0 }, []],
    [{ offset: 9_999 }, []],
  ])('pages through what is left: %j', async (page, expected) => {
    expect(await studiesFound(granted, searchFor(page), careless)).toEqual(expected);
  });

  it('asks no more studies than the page needs', async () => {
    expect((await ask(granted, searchFor({ limit: 1 }))).searches).toHaveLength(1);
    expect((await ask(granted, searchFor({ limit: 0 }))).searches).toEqual([]);
  });

  it('hands everything else of the question on, and says that names match as written', async () => {
    const request = searchFor(
      {
        match: { '00100010': 'Doe*', '0020000D': studyA },
        includeField: ['00081030'],
        fuzzyMatching: true,
        limit: 5,
        offset: 1,
      },
      { level: 'instance', studyInstanceUid: studyA, seriesInstanceUid: uid('1.2.1.1') },
    );

    const { searches, sink } = await ask(granted, request);

    expect(sink.head?.headers['warning']).toMatch(/^299 https:\/\/pacs\.example\/dicom-web "/);
    expect(searches).toEqual([
      {
        level: 'instance',
        studyInstanceUid: studyA,
        seriesInstanceUid: '1.2.1.1',
        match: { '00100010': 'Doe*' },
        includeField: ['00081030', '0020000D'],
      },
    ]);
  });

  it('has links to our own address only', async () => {
    const url = { vr: 'UR', Value: ['http://orthanc:8042/dicom-web/studies/1.2.1'] };
    const binary = { vr: 'OB', BulkDataURI: 'http://orthanc:8042/bulk' };
    const result = study(studyA, {
      '0020000E': { vr: 'UI', Value: ['1.2.1.1'] },
      '00081190': url,
      '00420011': binary,
      '00081115': { vr: 'SQ', Value: [{ '00081190': url, '00420011': binary }] },
    });

    const { sink } = await ask(granted, searchFor({}, { level: 'series' }), (query) =>
      query.studyInstanceUid === studyA ? [result] : [],
    );

    expect(JSON.parse(sink.text)).toEqual([
      {
        '0020000D': { vr: 'UI', Value: [studyA] },
        '0020000E': { vr: 'UI', Value: ['1.2.1.1'] },
        '00081115': { vr: 'SQ', Value: [{}] },
        '00081190': { vr: 'UR', Value: [`${publicRoot}/studies/1.2.1/series/1.2.1.1`] },
      },
    ]);
  });

  it('waits for a client that is slower', async () => {
    const sink = new RecordingSink({ isSlow: true });

    expect(await studiesFound(granted, searchFor(), careful, sink)).toHaveLength(3);
  });

  it('fails before the answer begins where the archive is away', async () => {
    const sink = new RecordingSink();
    const away = (): never => {
      throw new OriginUnavailableError('away');
    };

    await expect(ask(granted, searchFor(), away, sink)).rejects.toThrow('away');
    expect(sink.head).toBeUndefined();
  });
});
