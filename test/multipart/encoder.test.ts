import { Dicer } from '@fastify/busboy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ObjectUnreadableError } from '../../src/errors/object-errors.ts';
import { encodeMultipartRelated } from '../../src/multipart/encoder.ts';
import type { MultipartMessage, MultipartPart } from '../../src/multipart/encoder.ts';

const boundary = 'drawbridge-0123456789abcdef';
const type = 'application/dicom';

function partOf(data: Buffer, chunkBytes = 65_536, bytes = data.length): MultipartPart {
  return {
    headers: { 'Content-Type': 'application/dicom; transfer-syntax=1.2.840.10008.1.2.1' },
    bytes,
    async *read() {
      // One buffer for all chunks, as the spool has it: what is kept beyond its turn gets spoilt.
      const lent = Buffer.alloc(chunkBytes);
      for (let at = 0; at < data.length; at += chunkBytes) {
        const length = data.copy(lent, 0, at, at + chunkBytes);
        yield await Promise.resolve(lent.subarray(0, length));
      }
    },
  };
}

async function chunksOf(message: MultipartMessage): Promise<readonly Buffer[]> {
  const chunks: Buffer[] = [];
  for await (const chunk of message.body) chunks.push(Buffer.from(chunk));
  return chunks;
}

interface ParsedPart {
  readonly contentType: string | undefined;
  readonly data: Buffer;
}

/** Reads a message with somebody else's parser. */
function parse(message: Buffer): Promise<readonly ParsedPart[]> {
  return new Promise((resolve, reject) => {
    const parts: Promise<ParsedPart>[] = [];
    const dicer = new Dicer({ boundary });
    dicer.on('part', (part) => {
      parts.push(
        new Promise((done) => {
          let contentType: string | undefined;
          const data: Buffer[] = [];
          part.on('header', (header) => {
            contentType = (header as Record<string, string[]>)['content-type']?.[0];
          });
          part.on('data', (chunk: Buffer | string) => data.push(Buffer.from(chunk)));
          part.on('end', () => done({ contentType, data: Buffer.concat(data) }));
        }),
      );
    });
    dicer.on('error', reject);
    dicer.on('finish', () => resolve(Promise.all(parts)));
    dicer.end(message);
  });
}

describe('multipart encoder', () => {
  it('writes exactly this', async () => {
    const message = encodeMultipartRelated({
      parts: [
        { ...partOf(Buffer.from('one')), headers: { 'Content-Type': 'text/plain', 'X-A': '1' } },
        { ...partOf(Buffer.from('two')), headers: {} },
      ],
      ...{ type: 'text/plain', boundary: 'b d' },
    });
    const text = Buffer.concat(await chunksOf(message)).toString();

    expect(message.contentType).toBe('multipart/related; type="text/plain"; boundary="b d"');
    expect(text).toBe(
      '--b d\r\nContent-Type: text/plain\r\nX-A: 1\r\n\r\none\r\n--b d\r\n\r\ntwo\r\n--b d--\r\n',
    );
    expect(message.contentLength).toBe(text.length);
  });

  it('C29 is read by an independent parser, every part bit by bit, look-alikes of the boundary included', async () => {
    const lookAlike = fc.constantFrom(
      ...['\r\n', '--', `--${boundary.slice(0, -1)}`, `\n--${boundary.slice(1)}`, '\r\n--', '-'],
    );
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
      lookAlike.map((text) => Buffer.from(text)),
      fc.nat({ max: 100_000 }).map((length) => Buffer.alloc(length, 'abc\r\n--')),
    );
    const data = fc.array(bytes, { maxLength: 5 }).map((list) => Buffer.concat(list));
    const part = fc.record({ data, chunkBytes: fc.integer({ min: 7, max: 70_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(part, { minLength: 1, maxLength: 8 }), async (parts) => {
        const message = encodeMultipartRelated({
          parts: parts.map((one) => partOf(one.data, one.chunkBytes)),
          ...{ type, boundary },
        });
        const body = Buffer.concat(await chunksOf(message));
        const parsed = await parse(body);

        expect(message.contentLength).toBe(body.length);
        expect(parsed.map((one) => one.data.toString('hex'))).toEqual(
          parts.map((one) => one.data.toString('hex')),
        );
        expect(parsed[0]?.contentType).toContain('transfer-syntax=1.2.840.10008.1.2.1');
      }),
    );
  });

  it('joins small objects with their headers, and hands large chunks on as they are, none too long', async () => {
    const small = Array.from({ length: 50 }, () => partOf(Buffer.alloc(10_240)));
    const chunks = await chunksOf(encodeMultipartRelated({ parts: small, type, boundary }));
    expect(chunks.length).toBeLessThanOrEqual(10);

    const large = partOf(Buffer.alloc(1_000_000), 1_000_000);
    const lengths = (
      await chunksOf(encodeMultipartRelated({ parts: [large], type, boundary }))
    ).map(({ length }) => length);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(256 * 1024);
    expect(lengths.length).toBeLessThanOrEqual(6);
  });

  it.each([
    ['too short', 9, 10],
    ['too long', 11, 10],
    ['empty', 0, 1],
  ])('fails when a part is %s', async (_, actual, declared) => {
    const parts = [partOf(Buffer.alloc(3)), partOf(Buffer.alloc(actual), 4, declared)];
    const message = encodeMultipartRelated({ parts, type, boundary });
    await expect(chunksOf(message)).rejects.toThrow(ObjectUnreadableError);
  });

  it('closes the part that is being read when its reader goes away', async () => {
    let closed = false;
    const part: MultipartPart = {
      headers: {},
      bytes: 1_000_000,
      async *read() {
        try {
          for (;;) yield await Promise.resolve(Buffer.alloc(100_000));
        } finally {
          closed = true;
        }
      },
    };
    let seen = 0;
    for await (const chunk of encodeMultipartRelated({ parts: [part], type, boundary }).body) {
      seen += chunk.length;
      if (seen > 150_000) break;
    }
    expect(closed).toBe(true);
  });

  it.each(['', 'x'.repeat(71), 'ends with ', 'a"b', 'a\r\nb', 'ü'])(
    'refuses %j as a boundary',
    (illegal) => {
      const parts = [partOf(Buffer.alloc(1))];
      expect(() => encodeMultipartRelated({ parts, type, boundary: illegal })).toThrow(RangeError);
    },
  );

  it('refuses a message without parts, and headers that would end early', () => {
    const withHeader = (name: string, value: string): MultipartPart => ({
      ...partOf(Buffer.alloc(1)),
      headers: { [name]: value },
    });
    for (const parts of [[], [withHeader('A', 'b\r\nC: d')], [withHeader('A b', 'c')]]) {
      expect(() => encodeMultipartRelated({ parts, type, boundary })).toThrow(RangeError);
    }
    const parts = [partOf(Buffer.alloc(1))];
    expect(() => encodeMultipartRelated({ parts, type: 'a/b"', boundary })).toThrow(RangeError);
  });
});
