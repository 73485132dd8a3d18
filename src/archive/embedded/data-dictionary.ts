/** Says which value representation an element of the standard has (PS3.6 §6); `xs` is US or SS. */
export type VrLookup = (tag: string) => string;

/**
 * What the standard leaves open is settled by what a reader without context can do with it; `xs` is
 * not: the object says elsewhere whether these are signed.
 */
const ambiguous: Readonly<Record<string, string>> = { ox: 'OW', lt: 'OW', na: 'UN' };

let loaded: Promise<VrLookup> | undefined;

/**
 * Loads the data dictionary, once and only when the first Implicit VR data set is read: it is 8,000
 * entries, of which a bridge to an HTTP archive needs none.
 */
export function loadDataDictionary(): Promise<VrLookup> {
  loaded ??= import('dcmjs/dictionary').then(({ dictionary }) => (tag) => {
    if (tag.endsWith('0000')) return 'UL';
    const isPrivate = Number.parseInt(tag.slice(3, 4), 16) % 2 === 1;
    // A private creator names who owns the block (PS3.5 §7.8.1).
    if (isPrivate) return /^....00[1-9A-F].$/.test(tag) ? 'LO' : 'UN';
    const vr = dictionary[`(${tag.slice(0, 4)},${tag.slice(4)})`]?.vr ?? 'UN';
    return ambiguous[vr] ?? vr;
  });
  return loaded;
}
