import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  NotFoundError,
  OriginAnswerError,
  OriginRefusedError,
  OriginUnavailableError,
} from '../../../src/errors/origin-errors.ts';
import { InvalidQuestionError } from '../../../src/errors/request-errors.ts';
import { uid } from '../../support/dicom-object.ts';
import { ArchiveServer, answerJson, fixedTokens, watchedSource } from './archive-server.ts';

const { signal } = new AbortController();
const study = uid('1.2.3');
const series = uid('1.2.3.4');
const instance = uid('1.2.3.4.5');
let server: ArchiveServer;

beforeAll(async () => {
  server = await ArchiveServer.start();
});
afterEach(() => server.closeClients());
afterAll(() => server.stop());

const found = [{ '0020000D': { vr: 'UI', Value: [study] } }];

describe('a search', () => {
  it.each([
    [{ level: 'study', match: {} }, '/studies'],
    [{ level: 'study', match: {}, studyInstanceUid: study }, '/studies?0020000D=1.2.3'],
    [
      { level: 'series', match: { '00080060': 'CT' }, studyInstanceUid: study },
      '/studies/1.2.3/series?00080060=CT',
    ],
    [
      { level: 'instance', match: {}, studyInstanceUid: study, seriesInstanceUid: series },
      '/studies/1.2.3/series/1.2.3.4/instances',
    ],
    [{ level: 'instance', match: {}, seriesInstanceUid: series }, '/instances?0020000E=1.2.3.4'],
    [{ level: 'series', match: {}, limit: 10, offset: 20 }, '/series?limit=10&offset=20'],
  ] as const)('asks the right resource: %j', async (query, path) => {
    const archive = server.play((_request, response) => answerJson(response, 200, found), {
      qidoPath: '/qido',
    });

    expect(await archive.search(query, { signal })).toEqual(found);
    expect(server.requests[0]?.url).toBe(`/dicom-web/qido${path}`);
    expect(server.requests[0]?.headers.accept).toBe('application/dicom+json');
  });

  it('B33 keeps a value one value, whatever it holds', async () => {
    const archive = server.play((_request, response) => answerJson(response, 200, []), {
      quirks: 'none',
    });
    const value = 'A&limit=1&includefield=all#x%26\r\nX: y 😀*';

    await archive.search({ level: 'study', match: { '00100010': value } }, { signal });

    const asked = new URL(server.requests[0]?.url ?? '', 'http://archive.test');
    expect([...asked.searchParams]).toEqual([['00100010', value]]);
  });

  it('B33 writes for an Orthanc a wildcard where it would have to decode', async () => {
    const archive = server.play((_request, response) => answerJson(response, 200, []), {
      quirks: 'orthanc',
    });

    await archive.search({ level: 'study', match: { '00100010': 'A&limit=1#%^*' } }, { signal });

    expect(server.requests[0]?.url).toBe('/dicom-web/studies?00100010=A?limit=1??^*');
  });

  it('D32 refuses a search within sequences of an Orthanc, which would return everything', async () => {
    const archive = server.play((_request, response) => answerJson(response, 200, found));
    const search = archive.search(
      { level: 'study', match: { '00400275.00400009': 'X' } },
      { signal },
    );

    await expect(search).rejects.toThrow(InvalidQuestionError);
    expect(server.requests).toEqual([]);
  });

  it('B40 finds nothing in 204 and in an empty list', async () => {
    const nothing = server.play((_request, response) => response.writeHead(204).end());
    expect(await nothing.search({ level: 'study', match: {} }, { signal })).toEqual([]);

    const empty = server.play((_request, response) => answerJson(response, 200, []));
    expect(await empty.search({ level: 'study', match: {} }, { signal })).toEqual([]);
  });

  it.each([
    ['503', 503, '', OriginUnavailableError],
    ['429', 429, '', OriginUnavailableError],
    ['400', 400, '', OriginRefusedError],
    ['401', 401, '', OriginRefusedError],
    ['403', 403, '', OriginRefusedError],
    ['404', 404, '', OriginRefusedError],
    ['302', 302, '', OriginAnswerError],
    ['HTML', 200, '<html>Doe^Jane</html>', OriginAnswerError],
    ['cut JSON', 200, '[{"00100010":{"vr":"PN","Value":["Doe^Jane"]', OriginAnswerError],
    ['an object', 200, '{"00100010":{"vr":"PN"}}', OriginAnswerError],
    ['a list of something else', 200, '[{"error":"Doe^Jane"}]', OriginAnswerError],
  ])('B38 B39 never takes a fault for an empty result: %s', async (_what, status, body, kind) => {
    const archive = server.play((_request, response) => response.writeHead(status).end(body));

    const error: unknown = await archive
      .search({ level: 'study', match: {} }, { signal })
      .catch((e: unknown) => e);

    expect(error).toBeInstanceOf(kind);
    expect(String(error)).not.toContain('Doe');
    expect(String((error as Error).cause)).not.toContain('Doe');
  });

  it('C11 tries once more with a new token', async () => {
    const archive = server.play(
      (request, response) => {
        if (request.headers.authorization === 'Bearer new') answerJson(response, 200, found);
        else response.writeHead(401).end();
      },
      { authorization: fixedTokens('Bearer old', 'Bearer new') },
    );

    expect(await archive.search({ level: 'study', match: {} }, { signal })).toEqual(found);
  });

  it('does not wait behind uploads', async () => {
    const archive = server.play(
      (request, response) => {
        if (request.method === 'GET') answerJson(response, 200, found);
        else request.resume();
      },
      { connections: 1 },
    );
    const stop = new AbortController();
    const upload = archive.store([watchedSource()], { signal: stop.signal }).catch(() => 'ended');

    expect(await archive.search({ level: 'study', match: {} }, { signal })).toEqual(found);
    stop.abort();
    expect(await upload).toBe('ended');
  });
});

describe('metadata', () => {
  it.each([
    [{ studyInstanceUid: study }, '/studies/1.2.3/metadata'],
    [
      { studyInstanceUid: study, seriesInstanceUid: series },
      '/studies/1.2.3/series/1.2.3.4/metadata',
    ],
    [
      { studyInstanceUid: study, seriesInstanceUid: series, sopInstanceUid: instance },
      '/studies/1.2.3/series/1.2.3.4/instances/1.2.3.4.5/metadata',
    ],
  ])('comes from the right resource: %j', async (selector, path) => {
    const archive = server.play((_request, response) => answerJson(response, 200, found), {
      wadoPath: '/wado',
    });

    expect(await archive.metadata(selector, { signal })).toEqual(found);
    expect(server.requests[0]?.url).toBe(`/dicom-web/wado${path}`);
  });

  it.each([
    ['404', 404, ''],
    ['an empty list', 200, '[]'],
  ])('of what is not there is not found: %s', async (_what, status, body) => {
    const archive = server.play((_request, response) => response.writeHead(status).end(body));

    await expect(archive.metadata({ studyInstanceUid: study }, { signal })).rejects.toThrow(
      NotFoundError,
    );
  });
});
