import { describe, expect, it } from 'vitest';
import { streamOf } from '../../src/http/stream-of.ts';

describe('a body made of lent chunks', () => {
  it('keeps each chunk although its buffer is filled anew for the next', async () => {
    const lent = Buffer.alloc(3);
    const body = new Response(streamOf(refilled(lent, ['abc', 'def', 'ghi']), () => undefined));

    expect(await body.text()).toBe('abcdefghi');
  });

  it('reads nothing before somebody asks, and then no further than that', async () => {
    const read: string[] = [];
    const body = streamOf(noted(read), () => undefined).getReader();

    await new Promise(setImmediate);
    const before = [...read];
    await body.read();
    await new Promise(setImmediate);

    expect([before, read]).toEqual([[], ['first']]);
  });

  it('releases its source once: at the end, after an error, when nobody wants it', async () => {
    const releases: string[] = [];
    const whole = streamOf(noted([]), () => releases.push('whole'));
    const broken = streamOf(failing(), () => releases.push('broken'));
    const unwanted = streamOf(noted([]), () => releases.push('unwanted'));

    await new Response(whole).text();
    await expect(new Response(broken).text()).rejects.toThrow('disk gone');
    await unwanted.cancel();

    expect(releases).toEqual(['whole', 'broken', 'unwanted']);
  });
});

/* eslint-disable @typescript-eslint/require-await -- sources are asynchronous */
async function* refilled(lent: Buffer, texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) {
    lent.write(text);
    yield lent;
  }
}

async function* noted(read: string[]): AsyncGenerator<Buffer> {
  for (const text of ['first', 'second']) {
    read.push(text);
    yield Buffer.from(text);
  }
}

async function* failing(): AsyncGenerator<Buffer> {
  yield Buffer.from('some');
  throw new Error('disk gone');
}
