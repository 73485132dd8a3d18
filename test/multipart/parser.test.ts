import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MultipartError } from '../../src/multipart/multipart-error.ts';
import { parseMultipartRelated } from '../../src/multipart/parser.ts';

/** As long as Orthanc's: 73 characters, where RFC 2046 §5.1.1 allows 70. */
const boundary = 'fdacdead-e12a-426c-985d-e640ab327f70-db03c6bd-11bd-4073-b624-1facbc3de641';
const delimiter = `--${boundary}`;
const contentType = `multipart/related; type="application/dicom"; boundary=${boundary}`;

interface Message {
  readonly preamble?: string;
  readonly padding?: string;
  readonly header?: string;
  readonly parts: readonly string[];
  readonly epilogue?: string;
}

/** A message as a server writes it; one character is one byte. */
function written({
  preamble = '',
  padding = '',
  header,
  parts,
  epilogue = '\r\n',
}: Message): string {
  const lines = header ?? 'Content-Type: application/dicom';
  const sections = parts.map((part) => `${delimiter}${padding}\r\n${lines}\r\n\r\n${part}\r\n`);
  return `${preamble}${sections.join('')}${delimiter}--${epilogue}`;
}

/** A source that lends one buffer, and notes what becomes of it. */
class LentChunks implements AsyncIterable<Buffer> {
  readonly #bytes: Buffer;
  readonly #lengths: readonly number[];
  isClosed = false;
  read = 0;

  /** @param lengths - of the chunks, again and again. */
  constructor(text: string, lengths: readonly number[]) {
    this.#bytes = Buffer.from(text, 'latin1');
    this.#lengths = lengths;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    const lent = Buffer.alloc(Math.max(...this.#lengths));
    try {
      for (let turn = 0; this.read < this.#bytes.length; turn += 1) {
        const length = this.#lengths[turn % this.#lengths.length] ?? 1;
        const copied = this.#bytes.copy(lent, 0, this.read, this.read + length);
        this.read += copied;
        yield await Promise.resolve(lent.subarray(0, copied));
        lent.fill('#');
      }
    } finally {
      this.isClosed = true;
    }
  }
}

interface ReadPart {
  readonly headers: Readonly<Record<string, string>>;
  readonly data: string;
}

async function partsOf(
  body: string | AsyncIterable<Buffer>,
  { type = contentType, maxParts = 100, lengths = [7] } = {},
): Promise<readonly ReadPart[]> {
  const source = typeof body === 'string' ? new LentChunks(body, lengths) : body;
  const found: ReadPart[] = [];
  for await (const part of parseMultipartRelated({ contentType: type, body: source, maxParts })) {
    found.push({ headers: Object.fromEntries(part.headers), data: await textOf(part.body) });
  }
  return found;
}

async function textOf(body: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('latin1');
}

/** What a message is refused for; `undefined` when it is taken. */
async function faultOf(reading: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await reading();
    return undefined;
  } catch (error) {
    if (error instanceof MultipartError) return error.fault;
    throw error;
  }
}

const lookAlike = fc.constantFrom(
  ...['\r\n', '\r', '\n', '--', '\r\n--', '\r\n\r\n', `\r\n${delimiter.slice(0, -1)}`],
  ...[delimiter.slice(0, 30), `\n${delimiter.slice(1)}`, `\r\n-${boundary}`],
);
const content = fc
  .array(
    fc.oneof(
      lookAlike,
      fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array).toString('latin1')),
      fc.nat({ max: 9_000 }).map((length) => 'abc\r\n--'.repeat(length / 7)),
    ),
    { maxLength: 6 },
  )
  .map((pieces) => pieces.join(''))
  .filter((text) => !`\r\n${text}`.includes(`\r\n${delimiter}`));
const message = fc.record({
  preamble: fc.constantFrom(
    '',
    '\r\n',
    'This is a message.\r\n',
    `\r\n${delimiter.slice(0, 9)}\r\n`,
  ),
  padding: fc.constantFrom('', ' ', '\t \t'),
  parts: fc.array(content, { maxLength: 5 }),
  epilogue: fc.constantFrom('', '\r\n', '  \r\nthe end', `\r\n${delimiter}\r\nX: y\r\n\r\nno part`),
});
const chunkLengths = fc.array(
  fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 9_000 })),
  { minLength: 1, maxLength: 5 },
);

describe('multipart parser', () => {
  it('C29 gives the same parts however the bytes are split, look-alikes of the boundary included', async () => {
    await fc.assert(
      fc.asyncProperty(message, chunkLengths, async (sent, lengths) => {
        const parts = await partsOf(written(sent), { lengths });

        expect(parts.map(({ data }) => data)).toEqual(sent.parts);
        expect(new Set(parts.map(({ headers }) => headers['content-type'])).size).toBe(
          sent.parts.length === 0 ? 0 : 1,
        );
      }),
      { numRuns: 150 },
    );
  });

  it('C17 takes every message that ends before its closing boundary for cut off', async () => {
    const whole = written({
      preamble: 'hello\r\n',
      parts: ['one', '', '\r\n--two\r\n'],
      epilogue: '',
    });
    const lastDash = whole.length - 1;

    for (const lengths of [[1], [5, 80], [whole.length]]) {
      for (let cut = 0; cut <= lastDash; cut += 1) {
        const fault = await faultOf(() => partsOf(whole.slice(0, cut), { lengths }));
        expect([cut, fault]).toEqual([cut, 'truncated']);
      }
      expect(await faultOf(() => partsOf(whole, { lengths }))).toBeUndefined();
    }
  });

  it('reads a part without content, with one line end for header and boundary alike', async () => {
    const text = `${delimiter}\r\nA: b\r\n\r\n${delimiter}\r\nA: c\r\n\r\nx\r\n${delimiter}--`;

    for (const length of [1, 3, 1_000]) {
      expect(await partsOf(text, { lengths: [length] })).toEqual([
        { headers: { a: 'b' }, data: '' },
        { headers: { a: 'c' }, data: 'x' },
      ]);
    }
  });

  it('hands on what it has of a long part before the rest has come, as slices of what came', async () => {
    const first = Buffer.from(`${delimiter}\r\nA: b\r\n\r\n${'x'.repeat(50_000)}`);
    const body = (async function* () {
      yield await Promise.resolve(first);
      throw new Error('asked for more than was needed');
    })();

    let bytes = 0;
    for await (const part of parseMultipartRelated({ contentType, body, maxParts: 1 })) {
      for await (const chunk of part.body) {
        bytes += chunk.length;
        if (bytes < 50_000) continue;
        expect(chunk.buffer).toBe(first.buffer);
        break;
      }
      break;
    }

    expect(bytes).toBe(50_000);
  });
});

describe('the header of a part', () => {
  it('has names in any case, folded lines as one, and values that stand there twice joined', async () => {
    const header =
      'CONTENT-Type:  application/dicom;\r\n transfer-syntax=1.2\r\nX-A: 1\r\nx-a: 2\t\r\nX-Empty:';

    expect(await partsOf(written({ header, parts: ['x'] }))).toEqual([
      {
        headers: {
          'content-type': 'application/dicom; transfer-syntax=1.2',
          'x-a': '1, 2',
          'x-empty': '',
        },
        data: 'x',
      },
    ]);
  });

  it('may be absent', async () => {
    const text = `${delimiter}\r\n\r\nx\r\n${delimiter}--`;

    expect(await partsOf(text)).toEqual([{ headers: {}, data: 'x' }]);
  });

  it.each(['no colon', ': no name', 'na me: x', 'A: x\0y', 'A: x\ny', ' folded: first', 'A : x'])(
    'C29 is malformed with the line %j',
    async (header) => {
      expect(await faultOf(() => partsOf(written({ header, parts: ['x'] })))).toBe('malformed');
    },
  );

  it('C14 takes 16 KiB at most, and a header without an end is read no further', async () => {
    const header = (bytes: number): string => `A: ${'x'.repeat(bytes - 'A: '.length)}`;
    // The line end of the boundary's line is counted too.
    const longest = 16 * 1024 - 2;
    const endless = new LentChunks(`${delimiter}\r\n${header(1_000_000)}`, [1_000]);

    expect(
      await faultOf(() => partsOf(written({ header: header(longest), parts: [''] }))),
    ).toBeUndefined();
    expect(
      await faultOf(() => partsOf(written({ header: header(longest + 1), parts: [''] }))),
    ).toBe('malformed');
    expect(await faultOf(() => partsOf(endless))).toBe('malformed');
    expect(endless.read).toBeLessThan(20_000);
    expect(endless.isClosed).toBe(true);
  });
});

describe('what the parser does not take', () => {
  it.each([
    ['application/dicom'],
    ['multipart/form-data; boundary=b'],
    ['multipart/related; type="application/dicom"'],
    ['multipart/related; boundary=""'],
    ['multipart/related; boundary=a; boundary=b'],
    ['multipart/related; boundary="open'],
    ['multipart/related; boundary="a\r\nb"'],
    [`multipart/related; boundary=${'b'.repeat(257)}`],
    [''],
  ])('as a content type: %j', (type) => {
    const body = new LentChunks('', [1]);

    expect(() => parseMultipartRelated({ contentType: type, body, maxParts: 1 })).toThrow(
      expect.objectContaining({ name: 'MultipartError', fault: 'not-multipart' }),
    );
  });

  it.each([
    ['bare', 'multipart/related; boundary=b/=d;type=application/dicom', 'b/=d'],
    ['quoted', 'Multipart/Related ; type="a/b; boundary=no" ; BOUNDARY="b;d" ;', 'b;d'],
    ['escaped', 'multipart/related; boundary="b\\"d"', 'b"d'],
    ['of 256 characters', `multipart/related; boundary=${'b'.repeat(256)}`, 'b'.repeat(256)],
  ])('but a boundary that is %s', async (_what, type, within) => {
    const text = `--${within}\r\n\r\nx\r\n--${within}--`;

    expect(await partsOf(text, { type })).toEqual([{ headers: {}, data: 'x' }]);
  });

  it('C14 more parts than its reader is ready for', async () => {
    const text = written({ parts: ['1', '2', '3'] });

    expect(await faultOf(() => partsOf(text, { maxParts: 3 }))).toBeUndefined();
    expect(await faultOf(() => partsOf(text, { maxParts: 2 }))).toBe('too-many-parts');
  });

  it.each([
    ['goes on', `${delimiter}4\r\n\r\nx`],
    ['has one dash behind it', `${delimiter}-\r\n\r\nx`],
    ['has text behind its end', `${delimiter}--x\r\n`],
    ['has more blanks behind it than anybody writes', `${delimiter}${' '.repeat(300)}\r\n\r\nx`],
    ['has blanks behind it without an end', `${delimiter}${' '.repeat(5_000)}`],
  ])('C29 a line that begins with the boundary and %s', async (_what, line) => {
    const text = `${delimiter}\r\n\r\none\r\n${line}\r\n${delimiter}--`;

    for (const length of [1, 10_000]) {
      expect(await faultOf(() => partsOf(text, { lengths: [length] }))).toBe('malformed');
    }
  });
});

describe('a reader of parts', () => {
  const text = written({ parts: ['a'.repeat(5_000), 'second', 'third'] });

  it('may leave one early, or not look at it, and gets the next', async () => {
    const body = new LentChunks(text, [100]);
    const seen: string[] = [];
    for await (const part of parseMultipartRelated({ contentType, body, maxParts: 3 })) {
      if (seen.length === 1) {
        seen.push('not looked at');
        continue;
      }
      for await (const chunk of part.body) {
        seen.push(chunk.toString());
        break;
      }
    }

    expect(seen.map((piece) => piece[0])).toEqual(['a', 'n', 't']);
    expect(seen[0]?.length).toBeLessThan(101);
    expect(body.isClosed).toBe(true);
  });

  it('lets the source go when it leaves the message', async () => {
    const body = new LentChunks(text, [100]);
    for await (const part of parseMultipartRelated({ contentType, body, maxParts: 3 })) {
      expect(part.headers.get('content-type')).toBe('application/dicom');
      break;
    }

    expect(body.isClosed).toBe(true);
    expect(body.read).toBeLessThan(500);
  });

  it('cannot read a part twice', async () => {
    const body = new LentChunks(text, [100]);
    for await (const part of parseMultipartRelated({ contentType, body, maxParts: 3 })) {
      await textOf(part.body);
      await expect(textOf(part.body)).rejects.toThrow('a part can be read once');
    }
  });

  it('cannot read a part when it has asked for the next', async () => {
    const parts = parseMultipartRelated({
      contentType,
      body: new LentChunks(text, [100]),
      maxParts: 3,
    });
    const first = await parts.next();
    await parts.next();

    if (first.done === true) throw new Error('no part came');
    await expect(textOf(first.value.body)).rejects.toThrow('the part has been passed over');
  });

  it.each([
    ['in the preamble', 3],
    ['in a header', delimiter.length + 12],
    ['in a part', 1_000],
    ['in a boundary', text.length - 10],
  ])('gets what reading the source threw %s, as it is', async (_where, at) => {
    const fault = new Error('the network');
    const body = (async function* () {
      yield* new LentChunks(text.slice(0, at), [100]);
      await Promise.resolve();
      throw fault;
    })();

    await expect(partsOf(body)).rejects.toBe(fault);
  });

  it('has a whole message though nothing but faults comes behind it', async () => {
    const body = (async function* () {
      yield* new LentChunks(text, [100]);
      await Promise.resolve();
      throw new Error('the network');
    })();

    expect(await partsOf(body)).toHaveLength(3);
  });

  it('C14 does not wait for the end of an epilogue without one', async () => {
    const body = new LentChunks(`${text}${'x'.repeat(1_000_000)}`, [1_000]);

    expect(await partsOf(body)).toHaveLength(3);
    expect(body.read).toBeLessThan(100_000);
    expect(body.isClosed).toBe(true);
  });
});
