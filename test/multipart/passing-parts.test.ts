import fc from 'fast-check';
import { buffer } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { passMultipartRelated } from '../../src/multipart/encoder.ts';
import type { PassingPart } from '../../src/multipart/encoder.ts';
import { parseMultipartRelated } from '../../src/multipart/parser.ts';
import { inChunks } from '../support/multipart-body.ts';

const boundary = 'drawbridge-0123456789abcdef';
const type = 'application/dicom';
const headers = { 'Content-Type': type };

// eslint-disable-next-line @typescript-eslint/require-await -- what reads it is asynchronous
async function* partsOf(
  datas: readonly Uint8Array[],
  chunkBytes: number,
): AsyncGenerator<PassingPart> {
  for (const data of datas) yield { headers, body: inChunks(Buffer.from(data), chunkBytes) };
}

async function read(contentType: string, body: AsyncIterable<Buffer>): Promise<readonly Buffer[]> {
  const parts: Buffer[] = [];
  for await (const part of parseMultipartRelated({ contentType, body, maxParts: 100 })) {
    expect(part.headers).toEqual(new Map([['content-type', type]]));
    parts.push(await buffer(part.body));
  }
  return parts;
}

describe('a message of parts that are still arriving', () => {
  it('holds each part as it came, whatever the chunks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uint8Array({ maxLength: 5_000 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 7_000 }),
        async (datas, chunkBytes) => {
          const message = passMultipartRelated({
            parts: partsOf(datas, chunkBytes),
            type,
            boundary,
          });

          const parts = await read(message.contentType, message.body);

          expect(parts.map((part) => [...part])).toEqual(datas.map((data) => [...data]));
        },
      ),
      { numRuns: 50 },
    );
  });

  it('asks for a part only after the one before has gone', async () => {
    const events: string[] = [];
    async function* parts(): AsyncGenerator<PassingPart> {
      for (const name of ['first', 'second']) {
        events.push(`${name} asked for`);
        yield { headers, body: noted(name) };
      }
      await Promise.resolve();
    }
    async function* noted(name: string): AsyncGenerator<Buffer> {
      yield await Promise.resolve(Buffer.alloc(100_000));
      events.push(`${name} read`);
    }

    for await (const chunk of passMultipartRelated({ parts: parts(), type, boundary }).body) {
      expect(chunk.length).toBeGreaterThan(0);
    }

    expect(events).toEqual(['first asked for', 'first read', 'second asked for', 'second read']);
  });

  it('breaks off where a part does, and never looks whole then', async () => {
    async function* parts(): AsyncGenerator<PassingPart> {
      yield* partsOf([Buffer.alloc(10)], 10);
      throw new Error('the client has gone');
    }
    const { body } = passMultipartRelated({ parts: parts(), type, boundary });
    const sent: Buffer[] = [];

    const reading = (async () => {
      for await (const chunk of body) sent.push(chunk);
    })();

    await expect(reading).rejects.toThrow('the client has gone');
    expect(Buffer.concat(sent).includes(`--${boundary}--`)).toBe(false);
  });

  it.each([
    ['an empty boundary', '', type],
    ['a boundary that ends with a space', 'abc ', type],
    ['a type with parameters', boundary, 'application/dicom; x=1'],
  ])('is not made with %s', (_, wrongBoundary, wrongType) => {
    const parts = partsOf([Buffer.alloc(1)], 1);

    expect(() => passMultipartRelated({ parts, type: wrongType, boundary: wrongBoundary })).toThrow(
      RangeError,
    );
  });
});
