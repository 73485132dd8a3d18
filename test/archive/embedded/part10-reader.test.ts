import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { DicomJson } from '../../../src/dicom/dicom-json.ts';
import { bulkVrs } from '../../../src/archive/embedded/element-value.ts';
import { readPart10Head } from '../../../src/archive/embedded/part10-reader.ts';
import { implicitVrLittleEndian } from '../../../src/dicom/transfer-syntax.ts';
import { ObjectUnreadableError } from '../../../src/errors/object-errors.ts';

const data = '../shared/data';

interface OracleAttribute {
  readonly vr: string;
  readonly Value: readonly unknown[];
}

interface DcmjsModule {
  readonly log: { setLevel(level: string): void };
  readonly data: {
    readonly DicomMessage: {
      readFile(
        bytes: ArrayBuffer,
        options: object,
      ): { readonly dict: Record<string, OracleAttribute> };
    };
  };
}

// Not imported by its name in plain sight: dcmjs has no typings.
const dcmjs = 'dcmjs';
const oracle = ((await import(dcmjs)) as { default: DcmjsModule }).default;

describe.skipIf(!existsSync(data))('reading the attributes of real files (../shared/data)', () => {
  beforeAll(() => {
    oracle.log.setLevel('silent');
    vi.spyOn(console, 'error').mockImplementation(() => undefined); // dcmjs is talkative
  });

  afterAll(() => {
    vi.restoreAllMocks();
  });

  it.each(validFiles())('%s: as dcmjs reads them', async (file) => {
    const { attributes, transferSyntaxUid } = await readPart10Head(join(data, file));
    const isImplicit = transferSyntaxUid === implicitVrLittleEndian;
    const bytes = readFileSync(join(data, file));
    const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
    const { dict } = oracle.data.DicomMessage.readFile(whole, {
      ignoreErrors: true,
    });

    const expected = Object.entries(dict).filter(
      ([tag, { vr }]) =>
        tag < '7FE00008' &&
        tag !== '00080005' &&
        !bulkVrs.has(vr) &&
        vr !== 'OW' &&
        !tag.endsWith('0000'),
    );
    expect(expected.length).toBeGreaterThan(5);
    for (const [tag, { vr, Value }] of expected) {
      if (attributes[tag] === undefined && isPrivate(tag)) continue; // dcmjs knows private elements
      // What is US or SS, dcmjs takes for US in Implicit VR, whatever the Pixel Representation.
      const isSigned = attributes[tag]?.vr === 'SS' && vr === 'US' && isImplicit;
      if (vr === 'xs') expect(attributes[tag]?.vr, tag).toMatch(/^(?:US|SS)$/);
      else if (!isSigned) expect(attributes[tag]?.vr, tag).toBe(vr);
      // dcmjs reads an empty number as 0.
      if (comparable.has(vr) && !(attributes[tag]?.Value === undefined && Value[0] === 0))
        expect([tag, attributes[tag]?.Value ?? []]).toEqual([
          tag,
          cleaned(isSigned ? Value.map(asSigned) : Value),
        ]);
    }
  });

  it.each([
    ['chrArab', 'قباني^لنزار'],
    ['chrFren', 'Buc^Jérôme'],
    ['chrGerm', 'Äneas^Rüdiger'],
    ['chrGreek', 'Διονυσιος'],
    ['chrRuss', 'Люкceмбypг'],
    ['chrHbrw', 'שרון^דבורה'],
    ['chrX1', 'Wang^XiaoDong'],
    ['gbk', undefined],
  ])('charsets/%s: names in UTF-8', async (file, expected) => {
    const { attributes } = await readPart10Head(join(data, 'charsets', `${file}.dcm`));
    const name = attributes['00100010']?.Value?.[0] as Record<string, string> | undefined;

    expect(name?.['Alphabetic']).toBe(expected ?? name?.['Alphabetic']);
    expect(JSON.stringify(name)).not.toMatch(/\uFFFD|\\u001b/);
    expect(attributes['00080005']?.Value).toEqual(['ISO_IR 192']);
  });

  it.each([
    ['chrH31', { Alphabetic: 'Yamada^Tarou', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' }],
    ['chrH32', { Alphabetic: 'ﾔﾏﾀﾞ^ﾀﾛｳ', Ideographic: '山田^太郎', Phonetic: 'やまだ^たろう' }],
    ['chrI2', { Alphabetic: 'Hong^Gildong', Ideographic: '洪^吉洞', Phonetic: '홍^길동' }],
    ['chrX2', { Alphabetic: 'Wang^XiaoDong', Ideographic: '王^小东' }],
  ])('charsets/%s: names in several writings', async (file, expected) => {
    const { attributes } = await readPart10Head(join(data, 'charsets', `${file}.dcm`));

    expect(attributes['00100010']?.Value?.[0]).toEqual(expected);
  });

  it('follows 121 levels of sequences', async () => {
    const { attributes } = await readPart10Head(join(data, 'broken/deep-nested-sequences.dcm'));

    let depth = 0;
    for (let level: DicomJson | undefined = attributes; level; level = nested(level)) depth += 1;
    expect(depth).toBeGreaterThan(100);
  });

  it('leaves bulk data out, at every depth', async () => {
    const { attributes } = await readPart10Head(join(data, 'objects/ecg-12lead-explicit-le.dcm'));

    expect(attributes['54000100']?.vr).toBe('SQ');
    expect(JSON.stringify(attributes)).not.toContain('"54001010"');
  });

  it.each([
    'truncated-in-sequence',
    'preamble-then-junk',
    'zero-bytes',
    'no-file-meta',
    'meta-without-transfer-syntax',
  ])('B16 refuses broken/%s', async (file) => {
    await expect(readPart10Head(join(data, 'broken', `${file}.dcm`))).rejects.toThrow(
      ObjectUnreadableError,
    );
  });

  it('survives every broken file', async () => {
    for (const file of readdirSync(join(data, 'broken'))) {
      await readPart10Head(join(data, 'broken', file)).catch((error: unknown) =>
        expect(error, file).toBeInstanceOf(ObjectUnreadableError),
      );
    }
  });
});

/** Value representations that both models write alike. */
const comparable: ReadonlySet<string> = new Set([
  'UI',
  'CS',
  'DA',
  'TM',
  'IS',
  'US',
  'SS',
  'UL',
  'FD',
  'FL',
]);

function validFiles(): readonly string[] {
  if (!existsSync(data)) return [];
  return ['objects', 'studies']
    .flatMap((folder) =>
      readdirSync(join(data, folder), { recursive: true }).map((name) =>
        join(folder, String(name)),
      ),
    )
    .filter((name) => name.endsWith('.dcm'));
}

function cleaned(values: readonly unknown[]): readonly unknown[] {
  const all = values.map((value) =>
    value === '' || value === null || value === undefined ? null : value,
  );
  return all.every((value) => value === null) ? [] : all;
}

function asSigned(value: unknown): unknown {
  return Int16Array.of(Number(value))[0];
}

function isPrivate(tag: string): boolean {
  return Number.parseInt(tag.slice(3, 4), 16) % 2 === 1;
}

function nested(attributes: DicomJson): DicomJson | undefined {
  const sequence = Object.values(attributes).find(({ vr }) => vr === 'SQ');
  return sequence?.Value?.[0] as DicomJson | undefined;
}
