import { afterEach, describe, expect, it } from 'vitest';
import { answerWith, frames, instance, startFront } from './front.ts';
import type { Front } from './front.ts';

const open: Front[] = [];
const start = async (...parameters: Parameters<typeof startFront>): Promise<Front> => {
  const front = await startFront(...parameters);
  open.push(front);
  return front;
};
afterEach(() => Promise.all(open.splice(0).map((front) => front.close())));

describe('a validator', () => {
  const multipart = (boundary: string) => ({
    'content-type': `multipart/related; type="application/octet-stream"; boundary=${boundary}`,
    'content-length': '3',
  });

  it('of pixel data is the same for the same answer, and private for five minutes', async () => {
    let asked = 0;
    const front = await start((_, sink) => {
      asked += 1;
      sink.begin({ status: 200, headers: multipart(`b${asked}`) });
      sink.write(Buffer.from('abc'));
      sink.end();
    });

    const first = await front.get(frames);
    const second = await front.get(frames);

    expect(first.headers.get('etag')).toMatch(/^W\/"[\w-]{22}"$/);
    expect(second.headers.get('etag')).toBe(first.headers.get('etag'));
    expect(first.headers.get('cache-control')).toBe('private, max-age=300');
  });

  it('is another one for another frame, form, length and hour', async () => {
    let nowMs = 0;
    let headers: Readonly<Record<string, string>> = multipart('b');
    const front = await start(
      (_, sink) => {
        sink.begin({ status: 200, headers });
        sink.write(Buffer.alloc(Number(headers['content-length'])));
        sink.end();
      },
      { now: () => nowMs },
    );
    const ask = async (path: string): Promise<string | null> =>
      (await front.get(path)).headers.get('etag');

    const tags = [await ask(frames), await ask(`${instance}/frames/2`)];
    headers = { ...headers, 'content-type': 'image/jpeg' };
    tags.push(await ask(frames));
    headers = { ...headers, 'content-length': '4' };
    tags.push(await ask(frames));
    nowMs = 60 * 60 * 1000;
    tags.push(await ask(frames));

    expect(new Set(tags).size).toBe(5);
  });

  it('saves the body of what the browser has, and the archive the rest of its answer', async () => {
    let aborted = false;
    const front = await start(async (_, sink, { signal }) => {
      signal.addEventListener('abort', () => {
        aborted = true;
      });
      sink.begin({ status: 200, headers: multipart('b') });
      if (!aborted) sink.write(Buffer.from('abc'));
      if (!aborted) sink.end();
      signal.throwIfAborted();
      await Promise.resolve();
    });
    const etag = (await front.get(frames)).headers.get('etag') ?? '';

    const answer = await front.get(frames, { 'if-none-match': `"other", ${etag}` });

    expect(answer.status).toBe(304);
    expect(await answer.text()).toBe('');
    expect(answer.headers.get('etag')).toBe(etag);
    expect(answer.headers.get('content-type')).toBeNull();
    expect(answer.headers.get('content-security-policy')).not.toBeNull();
    expect(aborted).toBe(true);
    expect(front.log.lines.filter((line) => !line.startsWith('info'))).toEqual([]);
  });

  it('is of no use to whoever may not have the thing itself', async () => {
    const front = await start(answerWith(multipart('b'), 'abc'));
    const etag = (await front.get(frames)).headers.get('etag') ?? '';

    const stranger = await front.get(frames, { 'if-none-match': etag, authorization: '' });

    expect(stranger.status).toBe(401);
    expect(front.relayed).toHaveLength(1);
  });

  it('of the archive is used where it has one, as a weak one', async () => {
    const front = await start(
      answerWith({ etag: '"abc"', 'content-type': 'application/json' }, '[]'),
    );

    const answer = await front.get('studies', { 'if-none-match': '"abc"' });

    expect(answer.status).toBe(304);
    expect(answer.headers.get('etag')).toBe('W/"abc"');
  });

  it('is not made up for what may change', async () => {
    const front = await start(answerWith({ 'content-length': '2' }, '[]'));

    expect((await front.get('studies')).headers.get('etag')).toBeNull();
    expect((await front.get(`${instance}/metadata`)).headers.get('etag')).toBeNull();
  });
});
