/** Decodes text of one data set. */
export type TextDecoding = (bytes: Buffer) => string;

/** Defined terms without code extensions → label of the Encoding Standard (PS3.3 §C.12.1.1.2). */
const single: Readonly<Record<string, string>> = {
  '': 'latin1',
  '6': 'latin1',
  '13': 'shift_jis',
  '58': 'gbk',
  '87': 'shift_jis',
  '100': 'latin1',
  '101': 'iso-8859-2',
  '109': 'iso-8859-3',
  '110': 'iso-8859-4',
  '126': 'iso-8859-7',
  '127': 'iso-8859-6',
  '138': 'iso-8859-8',
  '144': 'iso-8859-5',
  '148': 'iso-8859-9',
  '149': 'euc-kr',
  '159': 'shift_jis',
  '166': 'windows-874',
  '192': 'utf-8',
  '203': 'iso-8859-15',
  GB18030: 'gb18030',
  GBK: 'gbk',
};

/** Escape sequence, without ESC → what it switches to (PS3.3 Tables C.12-3 and C.12-4). */
const escapes: Readonly<
  Record<string, { readonly g0?: 'single' | 'jis0208' | 'jis0212'; readonly g1?: string }>
> = {
  '(B': { g0: 'single' },
  '(J': { g0: 'single' },
  ')I': { g1: 'shift_jis' },
  '-A': { g1: 'latin1' },
  '-B': { g1: 'iso-8859-2' },
  '-C': { g1: 'iso-8859-3' },
  '-D': { g1: 'iso-8859-4' },
  '-F': { g1: 'iso-8859-7' },
  '-G': { g1: 'iso-8859-6' },
  '-H': { g1: 'iso-8859-8' },
  '-L': { g1: 'iso-8859-5' },
  '-M': { g1: 'iso-8859-9' },
  '-T': { g1: 'windows-874' },
  '-b': { g1: 'iso-8859-15' },
  $B: { g0: 'jis0208' },
  '$(D': { g0: 'jis0212' },
  '$)A': { g1: 'gbk' },
  '$)C': { g1: 'euc-kr' },
};

/**
 * Makes the decoder for a data set's Specific Character Set (0008,0005).
 *
 * Lenient: an unknown term is read as ISO 8859-1, which loses no byte; archives hold such objects.
 *
 * @param terms - the values of the element, in order; none for the default repertoire.
 * @see PS3.5 §6.1 (character sets and code extension)
 */
export function textDecodingFor(terms: readonly string[]): TextDecoding {
  const first = (terms[0] ?? '').trim().replace(/^ISO[_ ](?:2022 )?IR[ _]/, '');
  const initial = single[first] ?? 'latin1';
  return (bytes) =>
    bytes.includes(0x1b) ? decodeExtended(bytes, initial) : decode(bytes, initial);
}

function decodeExtended(bytes: Buffer, initial: string): string {
  let g0: 'single' | 'jis0208' | 'jis0212' = 'single';
  let g1 = initial;
  let text = '';
  for (const [index, part] of splitAt(bytes, 0x1b).entries()) {
    let run = part;
    if (index > 0) {
      const [, sequence = ''] = /^(\$?[()-]?[A-Za-z])/.exec(part.toString('latin1', 0, 3)) ?? [];
      const escape = escapes[sequence];
      if (escape === undefined) {
        text += decode(part, g1);
        continue;
      }
      g0 = escape.g0 ?? g0;
      g1 = escape.g1 ?? g1;
      run = part.subarray(sequence.length);
    }
    text += g0 === 'single' ? decode(run, g1) : decodeJapanese(run, g0);
    // Delimiters and line ends bring the initial sets back (PS3.5 §6.1.2.5.3).
    if (g0 === 'single' && /[\\^=\r\n\f\t]/.test(run.toString('latin1'))) g1 = initial;
  }
  return text;
}

/** Two 7-bit bytes a character, which EUC-JP writes with the high bits set (JIS X 0212 behind 8FH). */
function decodeJapanese(run: Buffer, set: 'jis0208' | 'jis0212'): string {
  const euc: number[] = [];
  for (let at = 0; at + 1 < run.length; at += 2) {
    if (set === 'jis0212') euc.push(0x8f);
    euc.push((run[at] ?? 0) | 0x80, (run[at + 1] ?? 0) | 0x80);
  }
  return decode(Buffer.from(euc), 'euc-jp');
}

function decode(bytes: Buffer, label: string): string {
  return label === 'latin1' ? bytes.toString('latin1') : new TextDecoder(label).decode(bytes);
}

function splitAt(bytes: Buffer, separator: number): readonly Buffer[] {
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(separator); at >= 0; at = bytes.indexOf(separator, from)) {
    parts.push(bytes.subarray(from, at));
    from = at + 1;
  }
  return [...parts, bytes.subarray(from)];
}
