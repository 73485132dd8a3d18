import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ArchiveServer, keepAll, watchedSource } from './archive-server.ts';

const { signal } = new AbortController();
const large = 8 * 1024 * 1024;
let server: ArchiveServer;

beforeAll(async () => {
  server = await ArchiveServer.start();
});
afterEach(() => server.closeClients());
afterAll(() => server.stop());

describe('100-continue (RFC 9110 §10.1.1)', () => {
  it('C22 is not asked for: an archive that ignores it is not waited for', async () => {
    const archive = server.play(keepAll);

    const verdict = await archive.store([watchedSource(large)], { signal });

    expect(verdict).toMatchObject({ kind: 'each', httpStatus: 200 });
    expect(server.requests[0]?.headers).not.toHaveProperty('expect');
  });

  it.each([
    [417, 'hold'],
    [503, 'retry'],
  ])('C22 %i while the upload still runs ends it and counts', async (status, kind) => {
    const archive = server.play((_request, response) => response.writeHead(status).end());
    const source = watchedSource(4 * large);

    const verdict = await archive.store([source, watchedSource()], { signal });
    await source.closed;

    expect(verdict).toMatchObject({ kind, httpStatus: status });
    expect(source.readBytes).toBeLessThan(source.bytes);
    expect(server.requests).toHaveLength(1);
  });
});
