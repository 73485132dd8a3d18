import { randomBytes } from 'node:crypto';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { preferredCoding } from '../../../src/http/dicomweb/content-coding.ts';
import { answerWith, bytesOf, frames, gzip, startFront } from './front.ts';
import type { Front } from './front.ts';

const open: Front[] = [];
const start = async (...parameters: Parameters<typeof startFront>): Promise<Front> => {
  const front = await startFront(...parameters);
  open.push(front);
  return front;
};
afterEach(() => Promise.all(open.splice(0).map((front) => front.close())));

describe('compression', () => {
  const text = JSON.stringify(Array.from({ length: 500 }, () => ({ '00100010': { vr: 'PN' } })));
  const json = { 'content-type': 'application/dicom+json' };

  it('is used for JSON where the client takes it', async () => {
    const front = await start(answerWith({ ...json, 'content-length': `${text.length}` }, text));

    const answer = await bytesOf(front, 'studies', gzip());

    expect(answer.headers['content-encoding']).toBe('gzip');
    expect(answer.headers['content-length']).toBeUndefined();
    expect(answer.headers.vary).toContain('Accept-Encoding');
    expect(gunzipSync(answer.body).toString()).toBe(text);
    expect(front.ended[0]?.bytesOut).toBe(answer.body.length);
  });

  it('is Brotli where the client takes that too', async () => {
    const front = await start(answerWith(json, text));

    const answer = await bytesOf(front, 'studies', { 'accept-encoding': 'gzip, deflate, br' });

    expect(answer.headers['content-encoding']).toBe('br');
    expect(brotliDecompressSync(answer.body).toString()).toBe(text);
  });

  it.each([
    ['gzip;q=1, br;q=0.5', 'gzip'],
    ['br;q=0, gzip', 'gzip'],
    ['*', 'br'],
    ['*;q=0.1, br;q=0', 'gzip'],
    ['GZIP', 'gzip'],
    ['deflate', undefined],
    ['identity, *;q=0', undefined],
    ['', undefined],
  ])('is what the client likes best: %s', (header, coding) => {
    expect(preferredCoding(header)).toBe(coding);
  });

  it.each([
    ['the client does not say that it takes it', 'studies', {}, json],
    ['the client refuses it', 'studies', { 'accept-encoding': 'gzip;q=0, *;q=0' }, json],
    ['it is encoded already', 'studies', gzip(), { ...json, 'content-encoding': 'x-other' }],
    ['it is short', 'studies', gzip(), { ...json, 'content-length': '5' }],
    ['it is pixel data', frames, gzip(), { 'content-type': 'multipart/related' }],
  ])('is not used where %s', async (_, path, headers, given) => {
    const body = 'content-length' in given ? '"abc"' : text;
    const front = await start(answerWith(given, body));

    const answer = await bytesOf(front, path, headers);

    expect(answer.headers['content-encoding']).toBe(
      'content-encoding' in given ? 'x-other' : undefined,
    );
    expect(answer.body.toString()).toBe(body);
  });

  it('goes no faster than the client', async () => {
    let written = 0;
    let waits = 0;
    const front = await start(async (_, sink) => {
      sink.begin({ status: 200, headers: json });
      // Random, so that what goes out is about as long as what comes in.
      for (let index = 0; index < 200; index += 1) {
        const chunk = Buffer.from(randomBytes(50_000).toString('base64'));
        written += chunk.length;
        if (sink.write(chunk)) continue;
        waits += 1;
        await new Promise<void>((resolve) => sink.drained(resolve));
      }
      sink.end();
    });

    const answer = await bytesOf(front, 'studies', gzip());

    expect(gunzipSync(answer.body)).toHaveLength(written);
    expect(waits).toBeGreaterThan(10);
  });
});
