import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OriginAnswerError } from '../../src/errors/origin-errors.ts';
import { JsonUrlRewriter } from '../../src/translate/json-url-rewriter.ts';

const archive = 'http://orthanc:8042/dicom-web/';
const front = 'https://pacs.example.org/dicom-web/';
const toFront = (url: string) =>
  url.startsWith(archive) ? front + url.slice(archive.length) : undefined;

/** Passes a text through in pieces that end at the given places. */
function rewrite(text: string, cuts: readonly number[] = []): string {
  const rewriter = new JsonUrlRewriter(toFront);
  const bytes = Buffer.from(text);
  const places = [0, ...[...cuts].sort((a, b) => a - b), bytes.length];
  const out = places
    .slice(1)
    .map((end, index) => Buffer.from(rewriter.push(bytes.subarray(places[index], end))));
  rewriter.end();
  return Buffer.concat(out).toString();
}

const rewritten = (document: unknown): unknown => JSON.parse(rewrite(JSON.stringify(document)));

describe('the streaming rewriter of URLs in DICOM JSON', () => {
  it('D34 turns Retrieve URL and BulkDataURI to the front at every depth', () => {
    const document = (base: string) => [
      {
        '00081190': { vr: 'UR', Value: [`${base}studies/1.2`] },
        '00081199': {
          vr: 'SQ',
          Value: [{ '00081190': { vr: 'UR', Value: [`${base}studies/1.2/series/1.3`] } }],
        },
        '7FE00010': { vr: 'OW', BulkDataURI: `${base}studies/1.2/bulk/7fe00010` },
        '54000100': {
          vr: 'SQ',
          Value: [{ '54001010': { vr: 'OW', BulkDataURI: `${base}bulk/54000100/1/54001010` } }],
        },
      },
    ];
    expect(rewritten(document(archive))).toEqual(document(front));
  });

  it('D34 drops what points elsewhere, and nothing around it', () => {
    const stranger = 'http://169.254.169.254/latest';
    expect(
      rewritten({
        '00081190': { vr: 'UR', Value: [stranger, `${archive}studies/1`, stranger] },
        '7FE00010': { vr: 'OW', BulkDataURI: stranger },
        '00420011': { BulkDataURI: stranger, vr: 'OB' },
      }),
    ).toEqual({
      '00081190': { vr: 'UR', Value: [`${front}studies/1`] },
      '7FE00010': { vr: 'OW' },
      '00420011': { vr: 'OB' },
    });
  });

  it('touches no URL that stands in another attribute', () => {
    const document = {
      '0008103E': { vr: 'LO', Value: [`${archive}studies/1`] },
      '00100010': { vr: 'PN', Value: [{ Alphabetic: archive }] },
      '00081190': { vr: 'UR', Other: [archive] },
    };
    expect(rewritten(document)).toEqual(document);
  });

  it('is not deceived by a key that is written with escapes', () => {
    const text = String.raw`{"7FE00010":{"vr":"OW","Bulk\u0044ataURI":"http:\/\/evil/x"}}`;
    expect(JSON.parse(rewrite(text))).toEqual({ '7FE00010': { vr: 'OW' } });
  });

  it('takes the blanks out and leaves strings and numbers as they were written', () => {
    const text =
      '[ {\t"00100010" : {\r\n"vr":"PN", "Value":[ "a  \\" \\u00e9 ü", -1.50E+3, true, null ]} } ]\n';
    expect(rewrite(text)).toBe(
      '[{"00100010":{"vr":"PN","Value":["a  \\" \\u00e9 ü",-1.50E+3,true,null]}}]',
    );
  });

  it('means the same document wherever it is cut', () => {
    const key = fc.constantFrom('00081190', 'BulkDataURI', 'Value', 'vr', '00100010', 'é"\\');
    const text = fc.oneof(
      fc.constantFrom(`${archive}studies/1`, 'http://evil/', '', 'ü\n"', 'x'),
      fc.string({ unit: fc.constantFrom('"', '\\', 'x'.repeat(20), 'ü'), maxLength: 20 }),
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        text,
        fc.integer(),
        fc.constant(null),
        fc.array(tie('tree'), { maxLength: 4 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    fc.assert(
      fc.property(
        tree,
        fc.array(fc.nat(4000), { maxLength: 30 }),
        fc.nat(3),
        (document, cuts, indent) => {
          const written = JSON.stringify(document, undefined, indent);
          const length = Buffer.byteLength(written);
          const whole = rewrite(written);
          expect(
            rewrite(
              written,
              cuts.filter((cut) => cut < length),
            ),
          ).toBe(whole);
          expect(JSON.parse(whole)).toEqual(expected(document));
        },
      ),
    );
  });

  it.each([
    '{"a":1',
    '[1',
    '"a',
    '',
    '[1}',
    '{"a" 1}',
    '{1:2}',
    '[1 2]',
    '[,1]',
    '[1,]',
    '{"a":1,}',
    '{} {}',
    '<html>',
    '[1]]',
    '{"a"}',
    '['.repeat(600),
    `{"BulkDataURI":"${'x'.repeat(10_000)}"}`,
    `{"BulkDataURI":"${'x'.repeat(10_000)}`,
    `{"${'x'.repeat(10_000)}`,
    '{"00081190":{"Value":["http://evil/",]}}',
    '{"BulkDataURI":"http://evil/",}',
    '{"a":"\\',
  ])('refuses %j instead of handing on something that looks whole', (text) => {
    expect(() => rewrite(text)).toThrow(OriginAnswerError);
  });
});

/** The same rule, in the way of somebody who holds the whole document. */
function expected(document: unknown, place: 'urls' | 'other' = 'other'): unknown {
  if (Array.isArray(document)) {
    return document
      .map((item) =>
        place === 'urls' && typeof item === 'string' ? toFront(item) : expected(item),
      )
      .filter((item) => item !== undefined);
  }
  if (typeof document !== 'object' || document === null) return document;
  return Object.fromEntries(
    Object.entries(document).flatMap(([key, value]: [string, unknown]) => {
      if (key === 'BulkDataURI' && typeof value === 'string') {
        const url = toFront(value);
        return url === undefined ? [] : [[key, url]];
      }
      if (key === '00081190' && isRecord(value)) {
        const entries = Object.entries(value).map(([name, inner]) =>
          name === 'Value' && Array.isArray(inner)
            ? [name, expected(inner, 'urls')]
            : (Object.entries(expected({ [name]: inner }) as object)[0] ?? []),
        );
        return [[key, Object.fromEntries(entries.filter((entry) => entry.length === 2))]];
      }
      return [[key, expected(value)]];
    }),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
