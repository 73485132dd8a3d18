import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { newTraceId } from '../../../src/telemetry/trace-context.ts';
import {
  ArchiveServer,
  answerJson,
  fixedTokens,
  keepAll,
  watchedSource,
} from './archive-server.ts';

const { signal } = new AbortController();

describe('the trace of a request', () => {
  let server: ArchiveServer;

  beforeAll(async () => {
    server = await ArchiveServer.start();
  });
  afterEach(() => server.closeClients());
  afterAll(() => server.stop());

  /** Trace and span of every request that came. */
  function seen(): readonly { readonly trace: string; readonly span: string }[] {
    return server.requests.map(({ headers }) => {
      const [, trace = '', span = ''] =
        /^00-([0-9a-f]{32})-([0-9a-f]{16})-01$/.exec(String(headers['traceparent'])) ?? [];
      return { trace, span };
    });
  }

  it('is the one it was given, in a span of its own for each attempt', async () => {
    const trace = newTraceId();
    let attempts = 0;
    const archive = server.play(
      async (request, response) => {
        attempts += 1;
        if (attempts > 1) return keepAll(request, response);
        await buffer(request);
        return response.writeHead(401).end();
      },
      { authorization: fixedTokens('Bearer one', 'Bearer two') },
    );

    await archive.store([watchedSource()], { signal, trace });

    expect(seen().map((each) => each.trace)).toEqual([trace, trace]);
    expect(new Set(seen().map((each) => each.span)).size).toBe(2);
  });

  it('is the same for a search that a delivery needs', async () => {
    const trace = newTraceId();
    const archive = server.play(async (request, response) => {
      await buffer(request);
      if (request.method === 'POST') response.writeHead(409).end();
      else answerJson(response, 200, []);
    });

    await archive.store([watchedSource()], { signal, trace });
    await archive.answers({ signal, trace });

    expect(server.requests.map(({ method }) => method)).toEqual(['POST', 'GET', 'GET']);
    expect(seen().map((each) => each.trace)).toEqual([trace, trace, trace]);
  });

  it('is another for each request that belongs to nothing', async () => {
    const archive = server.play((_request, response) => answerJson(response, 200, []));

    for (let n = 0; n < 2; n += 1) await archive.search({ level: 'study', match: {} }, { signal });

    const traces = seen().map((each) => each.trace);
    expect(traces.every((trace) => /^[0-9a-f]{32}$/.test(trace))).toBe(true);
    expect(new Set(traces).size).toBe(2);
  });
});
