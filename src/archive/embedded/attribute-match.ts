import type { DicomJson, DicomJsonAttribute } from '../../dicom/dicom-json.ts';

const rangeVrs: ReadonlySet<string> = new Set(['DA', 'TM', 'DT']);
/** Where `*` and `?` are wildcards (PS3.4 §C.2.2.2.4); elsewhere they are themselves. */
const wildcardVrs: ReadonlySet<string> = new Set([
  'AE',
  'CS',
  'LO',
  'LT',
  'PN',
  'SH',
  'ST',
  'UC',
  'UR',
  'UT',
]);

/** Says whether a data set matches every key; keys are combined with AND (PS3.18 §8.3.4.1). */
export function matchesAll(
  attributes: DicomJson,
  match: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(match).every(([path, key]) => matchesAt(attributes, path, key));
}

/** A path leads through sequences (`00400275.00400007`), of which one item has to match. */
function matchesAt(attributes: DicomJson, path: string, key: string): boolean {
  const [tag = '', ...inner] = path.split('.');
  const attribute = attributes[tag];
  if (inner.length === 0) return matches(attribute, key);
  const items = (attribute?.Value ?? []) as readonly DicomJson[];
  return matches(undefined, key) || items.some((one) => matchesAt(one, inner.join('.'), key));
}

/**
 * Says whether one of an attribute's values matches a key.
 *
 * An empty key, or one of nothing but `*`, matches whatever there is, a missing value included
 * (PS3.4 §C.2.2.2.3). Names match without regard to case (§C.2.2.2.1); UIDs may be a list.
 */
export function matches(attribute: DicomJsonAttribute | undefined, key: string): boolean {
  if (/^\**$/.test(key)) return true;
  const texts = (attribute?.Value ?? []).flatMap(valueTexts);
  const vr = attribute?.vr ?? '';
  if (vr === 'UI') {
    const uids = key.split(/[\\,]/);
    return texts.some((text) => uids.includes(text));
  }
  if (rangeVrs.has(vr) && key.includes('-')) return texts.some((text) => inRange(text, key, vr));
  const pattern = patternOf(key, wildcardVrs.has(vr), vr === 'PN');
  return texts.some((text) => pattern.test(text));
}

function valueTexts(value: unknown): readonly string[] {
  if (typeof value === 'string') return [value];
  if (typeof value === 'number') return [String(value)];
  // A name matches by any of its representations, or written out with all of them.
  if (typeof value !== 'object' || value === null) return [];
  const groups = Object.values(value).filter((group) => typeof group === 'string');
  return [...groups, groups.join('=')];
}

function patternOf(key: string, wildcards: boolean, ignoreCase: boolean): RegExp {
  const literal = key.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
  // Runs of stars are one star: `****x` would make the expression explode.
  const source = wildcards ? literal.replace(/(?:\\\*)+/g, '.*').replaceAll('\\?', '.') : literal;
  return new RegExp(`^${source}$`, ignoreCase ? 'isu' : 'su');
}

/** `20240101-20240131`, `-20240131`, `20240101-` (PS3.4 §C.2.2.2.5); both ends included. */
function inRange(text: string, key: string, vr: string): boolean {
  const [from = '', to = ''] = key.split('-').map((part) => part.trim());
  const value = vr === 'DA' ? text.replaceAll('.', '') : text;
  // A shorter upper end includes all it is the beginning of: 12 as a time goes until 12:59.
  return value >= from && (to === '' || value.slice(0, to.length) <= to);
}
