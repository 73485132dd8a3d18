import type { IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Part10Source } from '../../../src/dicom/instance.ts';
import { TokenUnavailableError } from '../../../src/errors/origin-errors.ts';
import type { StowVerdict } from '../../../src/translate/stow-verdict.ts';
import {
  ArchiveServer,
  answerJson,
  fixedTokens,
  keepAll,
  watchedSource,
} from './archive-server.ts';

const { signal } = new AbortController();
const large = 8 * 1024 * 1024;
let server: ArchiveServer;

beforeAll(async () => {
  server = await ArchiveServer.start();
});
afterEach(() => server.closeClients());
afterAll(() => server.stop());

function kinds(verdict: StowVerdict): readonly string[] {
  if (verdict.kind !== 'each') throw new Error(`the verdict is ${verdict.kind}`);
  return [...verdict.outcomes.values()].map((outcome) => outcome.kind);
}

const drain = (request: IncomingMessage): Promise<Buffer> => buffer(request);

describe('the request', () => {
  it('carries its exact length, its media types and the bytes of each file', async () => {
    const bodies: Promise<Buffer>[] = [];
    const archive = server.play((request, response) => {
      bodies.push(keepAll(request, response));
    });
    const batch = [watchedSource(10), watchedSource(300_000), watchedSource()];

    const verdict = await archive.store(batch, { signal });

    const { url, method, headers } = server.requests[0] ?? {};
    expect(kinds(verdict)).toEqual(['delivered', 'delivered', 'delivered']);
    expect(`${method} ${url}`).toBe('POST /dicom-web/studies');
    expect(headers).toMatchObject({ accept: 'application/dicom+json' });
    expect(headers).not.toHaveProperty('transfer-encoding');
    expect(headers).not.toHaveProperty('authorization');
    const [, boundary = ''] =
      /^multipart\/related; type="application\/dicom"; boundary="?(drawbridge-[0-9a-f]{48})"?$/.exec(
        headers?.['content-type'] ?? '',
      ) ?? [];
    const body = (await bodies[0]) ?? Buffer.alloc(0);
    expect(Number(headers?.['content-length'])).toBe(body.length);
    const parts = body.toString('latin1').split(`--${boundary}`).slice(1, -1);
    for (const [index, source] of batch.entries()) {
      const [head, ...rest] = parts[index]?.split('\r\n\r\n') ?? [];
      expect(head?.trim()).toBe('Content-Type: application/dicom');
      expect(Buffer.from(rest.join('\r\n\r\n').slice(0, -2), 'latin1')).toEqual(
        await whole(source),
      );
    }
  });

  it('goes to the path of an archive that keeps its services apart', async () => {
    const archive = server.play(keepAll, { baseUrl: `${server.url}/`, stowPath: '/stow' });

    await archive.store([watchedSource()], { signal });

    expect(server.requests[0]?.url).toBe('/dicom-web/stow/studies');
  });

  it('B14 names the transfer syntax of each part when told to', async () => {
    const bodies: Promise<Buffer>[] = [];
    const archive = server.play(
      (request, response) => {
        bodies.push(keepAll(request, response));
      },
      { nameTransferSyntax: true },
    );

    await archive.store([watchedSource()], { signal });

    expect((await bodies[0])?.toString('latin1')).toContain(
      '\r\nContent-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.1\r\n',
    );
  });

  it('is none at all for an empty batch', async () => {
    const archive = server.play(keepAll);

    expect(await archive.store([], { signal })).toEqual({ kind: 'each', outcomes: new Map() });
    expect(server.requests).toHaveLength(0);
  });

  it.each([1_000, 20_000, 65_535, 65_536, 300_000])(
    'gives every chunk the time it needs, though the source uses one buffer of %i bytes',
    async (bytes) => {
      const bodies: Promise<Buffer>[] = [];
      const archive = server.play((request, response) => {
        // Long enough not to read, and the sockets between us are full.
        setTimeout(() => void bodies.push(keepAll(request, response)), 50);
      });
      const source = watchedSource(large);
      const read = () => throughOneBuffer(source, Buffer.alloc(bytes));

      await archive.store([{ ...source, read }], { signal });

      expect((await bodies[0])?.includes(await whole(source))).toBe(true);
    },
  );
});

describe('credentials', () => {
  it('C11 asks for one new token after 401, and sends the batch again', async () => {
    const tokens = fixedTokens('Bearer old', 'Bearer new');
    const archive = server.play(
      (request, response) => {
        if (request.headers.authorization === 'Bearer new') void keepAll(request, response);
        else void drain(request).then(() => response.writeHead(401).end());
      },
      { authorization: tokens },
    );

    const verdict = await archive.store([watchedSource(), watchedSource()], { signal });

    expect(kinds(verdict)).toEqual(['delivered', 'delivered']);
    expect(tokens.refusals).toEqual(['Bearer old']);
    expect(server.requests).toHaveLength(2);
  });

  it('C11 C22 does so when the 401 comes while the upload still runs', async () => {
    const archive = server.play(
      (request, response) => {
        if (request.headers.authorization === 'Bearer new') void keepAll(request, response);
        else response.writeHead(401).end('no');
      },
      { authorization: fixedTokens('Bearer old', 'Bearer new') },
    );

    expect(kinds(await archive.store([watchedSource(large)], { signal }))).toEqual(['delivered']);
  });

  it('C11 holds after the second 401, with exactly two requests made', async () => {
    const archive = server.play((_request, response) => response.writeHead(401).end(), {
      authorization: fixedTokens('Bearer old', 'Bearer new'),
    });

    expect(await archive.store([watchedSource()], { signal })).toMatchObject({
      kind: 'hold',
      httpStatus: 401,
    });
    expect(server.requests).toHaveLength(2);
  });

  it.each([[['Basic eDp5']], [[]]])(
    'C11 asks only once where there is nothing else to try: %j',
    async (tokens) => {
      const archive = server.play((_request, response) => response.writeHead(401).end(), {
        authorization: fixedTokens(...tokens),
      });

      expect(await archive.store([watchedSource()], { signal })).toMatchObject({ kind: 'hold' });
      expect(server.requests).toHaveLength(1);
    },
  );

  it.each([
    [true, 'retry'],
    [false, 'hold'],
  ])('C23 without a token the queue is kept (transient %s → %s)', async (transient, kind) => {
    const error = new TokenUnavailableError('no token, for a reason', { transient });
    const archive = server.play(keepAll, {
      authorization: { authorization: () => Promise.reject(error), refused: () => undefined },
    });

    expect(await archive.store([watchedSource()], { signal })).toEqual({
      kind,
      message: 'no token, for a reason',
      fault: 'token',
    });
    expect(server.requests).toHaveLength(0);
  });
});

describe('answers', () => {
  it.each([
    ['200 with HTML', 200, 'text/html', '<html></html>', 'retry'],
    ['200 naming nobody', 200, 'application/dicom+json', '{}', 'retry'],
    ['400 without a list', 400, 'text/plain', 'no', 'split'],
    ['413', 413, 'text/plain', '', 'split'],
    ['403', 403, 'text/plain', '', 'hold'],
    ['503', 503, 'text/plain', '', 'retry'],
  ])('are judged by the table: %s', async (_what, status, contentType, body, kind) => {
    const archive = server.play((request, response) => {
      void drain(request).then(() =>
        response.writeHead(status, { 'content-type': contentType }).end(body),
      );
    });

    const verdict = await archive.store([watchedSource(), watchedSource()], { signal });

    expect(verdict).toMatchObject({ kind, httpStatus: status });
  });

  it('C14 carry the wait they ask for', async () => {
    const archive = server.play((_request, response) =>
      response.writeHead(429, { 'retry-after': '120' }).end(),
    );

    expect(await archive.store([watchedSource()], { signal })).toMatchObject({
      kind: 'retry',
      retryAfterMs: 120_000,
    });
  });

  it('never lead to another address', async () => {
    const archive = server.play((_request, response) =>
      response.writeHead(307, { location: `${server.url}/elsewhere` }).end(),
    );

    expect(await archive.store([watchedSource()], { signal })).toMatchObject({ kind: 'retry' });
    expect(server.requests).toHaveLength(1);
  });

  it('C17 that are cut off deliver nothing', async () => {
    const archive = server.play((request, response) => {
      void drain(request).then(() => {
        response.writeHead(200, { 'content-length': '1000' });
        response.write('{"00081199":', () => response.destroy());
      });
    });

    expect(await archive.store([watchedSource()], { signal })).toMatchObject({ kind: 'retry' });
  });

  it('C17 without an end are not read for ever', async () => {
    let sent = 0;
    const archive = server.play((request, response) => {
      request.resume();
      response.writeHead(200, { 'content-type': 'application/dicom+json' });
      const pour = (): void => {
        while (response.writable && response.write(Buffer.alloc(65_536, ' '))) sent += 65_536;
      };
      response.on('drain', pour);
      pour();
    });

    expect(await archive.store([watchedSource()], { signal })).toMatchObject({ kind: 'retry' });
    expect(sent).toBeLessThan(64 * 1024 * 1024);
  });

  it.each([
    ['finds it', 'delivered'],
    ['does not find it', 'set-aside'],
    ['finds something else', 'set-aside'],
  ])('a plain 409 on one object is settled by a search that %s', async (what, outcome) => {
    const source = watchedSource();
    const found = what === 'finds it' ? source.sopInstanceUid : '1.2.3';
    const archive = server.play((request, response) => {
      if (request.method === 'POST') void drain(request).then(() => response.writeHead(409).end());
      else if (what === 'does not find it') answerJson(response, 200, []);
      else answerJson(response, 200, [{ '00080018': { vr: 'UI', Value: [found] } }]);
    });

    expect(kinds(await archive.store([source], { signal }))).toEqual([outcome]);
    expect(server.requests[1]?.url).toBe(
      `/dicom-web/instances?00080018=${source.sopInstanceUid}&limit=1`,
    );
  });

  it('a plain 409 is for somebody to look at where duplicates are to fail', async () => {
    const source = watchedSource();
    const archive = server.play(
      (request, response) => {
        if (request.method === 'POST')
          void drain(request).then(() => response.writeHead(409).end());
        else answerJson(response, 200, [{ '00080018': { Value: [source.sopInstanceUid] } }]);
      },
      { duplicates: 'fail' },
    );

    const verdict = await archive.store([source], { signal });

    expect(kinds(verdict)).toEqual(['set-aside']);
    expect(JSON.stringify([...(verdict.kind === 'each' ? verdict.outcomes : [])])).toContain(
      'has the object already',
    );
  });

  it.each([403, 404, 200])(
    'a plain 409 is no delivery where the archive will not be searched: %i',
    async (status) => {
      const archive = server.play((request, response) => {
        response.writeHead(request.method === 'POST' ? 409 : status).end();
      });

      expect(kinds(await archive.store([watchedSource()], { signal }))).toEqual(['set-aside']);
    },
  );

  it('a plain 409 is left for later when the search fails', async () => {
    const archive = server.play((request, response) => {
      response.writeHead(request.method === 'POST' ? 409 : 503).end();
    });

    expect(await archive.store([watchedSource()], { signal })).toMatchObject({ kind: 'retry' });
  });
});

describe('faults on the way', () => {
  it('C22 an early 413 stops the upload, discards the connection and is honoured', async () => {
    const archive = server.play((_request, response) => response.writeHead(413).end('too large'));
    const source = watchedSource(4 * large);

    const verdict = await archive.store([source], { signal });
    await source.closed;
    await connectionClosed(server.requests[0]);
    const after = server.play(keepAll);

    expect(kinds(verdict)).toEqual(['set-aside']);
    expect(source.readBytes).toBeLessThan(source.bytes);
    expect(kinds(await after.store([watchedSource()], { signal }))).toEqual(['delivered']);
  });

  it('C15 an archive that takes the request and never answers', async () => {
    const archive = server.play((request) => void request.resume(), { timeoutMs: 150 });

    expect(await archive.store([watchedSource()], { signal })).toEqual({
      kind: 'retry',
      message: 'no answer from the archive: it stopped answering',
      fault: 'timeout',
      suspicion: 'broke',
    });
  });

  it('C15 an archive that stops reading in the middle', async () => {
    const archive = server.play((request) => void request.once('data', () => request.pause()), {
      timeoutMs: 150,
    });
    const source = watchedSource(4 * large);

    expect(await archive.store([source], { signal })).toMatchObject({ kind: 'retry' });
    await source.closed;
  });

  it('an archive that is slow but goes on may take longer than the timeout', async () => {
    const archive = server.play(
      (request, response) => {
        let bytes = 0;
        request.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes < large) return;
          bytes = 0;
          request.pause();
          setTimeout(() => request.resume(), 120);
        });
        request.on('end', () => response.writeHead(429).end());
      },
      { timeoutMs: 400 },
    );

    const begun = performance.now();
    const verdict = await archive.store([watchedSource(6 * large)], { signal });

    expect(verdict).toMatchObject({ kind: 'retry', httpStatus: 429 });
    expect(performance.now() - begun).toBeGreaterThan(500);
  });

  it('C15 an answer that stalls half-way', async () => {
    const archive = server.play(
      (request, response) => {
        void drain(request).then(() => {
          response.writeHead(200, { 'content-length': '1000' }).write('{');
        });
      },
      { timeoutMs: 150 },
    );

    expect(await archive.store([watchedSource()], { signal })).toMatchObject({ kind: 'retry' });
  });

  it('an idle connection the archive closes just then is replaced at once', async () => {
    const archive = server.play((request, response) => {
      if (server.requests.length === 2) request.socket.destroy();
      else void keepAll(request, response);
    });

    await archive.store([watchedSource()], { signal });
    const verdict = await archive.store([watchedSource()], { signal });

    expect(kinds(verdict)).toEqual(['delivered']);
    expect(server.requests).toHaveLength(3);
  });

  it('C15 a connection that breaks again and again is left for later', async () => {
    const archive = server.play((request) => request.socket.destroy());

    expect(await archive.store([watchedSource()], { signal })).toEqual({
      kind: 'retry',
      message: 'no answer from the archive: the connection broke',
      fault: 'reset',
      suspicion: 'broke',
    });
    expect(server.requests).toHaveLength(2);
  });

  it('C15 an archive that dies of what it is sent is told from one that is not there', async () => {
    const mortal = await ArchiveServer.start();
    const archive = mortal.play((request) => {
      request.once('data', () => {
        void mortal.stop();
        request.socket.destroy();
      });
    });

    expect(await archive.store([watchedSource(large)], { signal })).toEqual({
      kind: 'retry',
      message: 'the archive went away while it was sent the batch',
      fault: 'connect-refused',
      suspicion: 'broke',
    });
    expect(await archive.store([watchedSource()], { signal })).not.toHaveProperty('suspicion');
    await mortal.closeClients();
  });

  it.each([
    [200, true],
    [204, true],
    [403, undefined],
    [500, false],
    [503, false],
  ])('an archive that answers %i to a search is there: %s', async (status, isThere) => {
    const archive = server.play((_request, response) => {
      if (status === 200) answerJson(response, 200, []);
      else response.writeHead(status).end();
    });

    expect(await archive.answers({ signal })).toBe(isThere);
    expect(server.requests[0]?.url).toBe('/dicom-web/studies?limit=1');
  });

  it('C15 an archive that is not there, has no name, or speaks no TLS', async () => {
    const gone = await ArchiveServer.start();
    await gone.stop();
    const urls = [
      gone.url,
      'http://archive.invalid/dicom-web',
      server.url.replace('http', 'https'),
    ];

    const messages: unknown[] = [];
    for (const baseUrl of urls) {
      const archive = server.play(keepAll, { baseUrl });
      messages.push(await archive.store([watchedSource()], { signal }));
    }

    expect(messages).toEqual([
      {
        kind: 'retry',
        message: 'no answer from the archive: nothing listens on its address and port',
        fault: 'connect-refused',
      },
      {
        kind: 'retry',
        message: 'no answer from the archive: its host name cannot be resolved',
        fault: 'dns',
      },
      {
        kind: 'retry',
        message: 'no answer from the archive: it does not speak TLS on this port',
        fault: 'tls',
      },
    ]);
  });
});

describe('our own side', () => {
  it("a caller's abort ends the upload with the caller's reason", async () => {
    const stop = new AbortController();
    const reason = new Error('shutting down');
    const archive = server.play((request) => {
      request.once('data', () => stop.abort(reason));
    });
    const source = watchedSource(4 * large);

    await expect(archive.store([source], { signal: stop.signal })).rejects.toBe(reason);
    await source.closed;
    await connectionClosed(server.requests[0]);
  });

  it("a caller's abort ends the wait for an answer", async () => {
    const stop = new AbortController();
    const reason = new Error('shutting down');
    const archive = server.play((request, response) => {
      void drain(request).then(() => {
        response.writeHead(200).write('{');
        stop.abort(reason);
      });
    });

    await expect(archive.store([watchedSource()], { signal: stop.signal })).rejects.toBe(reason);
  });

  it('a file that cannot be read is no verdict on the archive', async () => {
    const archive = server.play(keepAll);
    const broken: Part10Source = {
      ...watchedSource(),
      // eslint-disable-next-line @typescript-eslint/require-await, require-yield -- it only fails
      async *read() {
        throw new Error('input/output error');
      },
    };

    await expect(archive.store([watchedSource(), broken], { signal })).rejects.toThrow(
      'input/output error',
    );
  });

  it('never has more connections than configured', async () => {
    let open = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const archive = server.play(
      async (request, response) => {
        open += 1;
        most = Math.max(most, open);
        response.once('close', () => (open -= 1));
        // Nobody gets an answer before two are there, so that the second connection has to come.
        const turn = new Promise<void>((resolve) => waiting.push(resolve));
        if (waiting.length === 2) for (const go of waiting.splice(0)) go();
        await turn;
        await keepAll(request, response);
      },
      { connections: 2 },
    );

    await Promise.all(
      Array.from({ length: 12 }, () => archive.store([watchedSource()], new AbortController())),
    );

    expect(most).toBe(2);
  });
});

/** The server's end of it; an error on the way (a request cut short) is part of the matter. */
async function connectionClosed(request: IncomingMessage | undefined): Promise<void> {
  const socket = request?.socket;
  if (!socket || socket.destroyed) return;
  await new Promise((resolve) => socket.once('close', resolve));
}

async function whole(source: Part10Source): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source.read()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** What a source may do: fill the same memory anew each time. */
async function* throughOneBuffer(source: Part10Source, shared: Buffer): AsyncGenerator<Buffer> {
  for await (const chunk of source.read()) {
    for (let at = 0; at < chunk.length; at += shared.length) {
      const bytes = chunk.copy(shared, 0, at, at + shared.length);
      yield shared.subarray(0, bytes);
      shared.fill(0xee);
    }
  }
}
