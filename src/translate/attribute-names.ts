import { dictionary } from 'dcmjs/dictionary';

/** An attribute of the standard (PS3.6 §6). */
interface NamedAttribute {
  /** Eight upper-case hexadecimal digits. */
  readonly tag: string;
  readonly vr: string;
}

/** A step on the way to an attribute: only the last may be something else than a sequence. */
interface AttributePath {
  /** Tags joined by dots. */
  readonly path: string;
  /** Of the last. */
  readonly vr: string;
}

/** Deeper than any search key of PS3.4, and not deep enough to hurt an archive. */
const maxDepth = 8;
const tagPattern = /^[0-9A-Fa-f]{8}$/;
/** Command sets, file meta information, directory records and delimiters are in no stored object. */
const foreignGroup = /^(?:0000|0002|0004|FFFE)/;
/** Written `60xx` in the standard; the dictionary has them as ranges (PS3.5 §7.6). */
const repeatingGroup = /^(?:50|60)[0-9A-F][02468ACE]/;
/** What the dictionary calls retired attributes whose name the standard no longer prints. */
const nameless = 'RETIRED_undefined';

let byKeyword: ReadonlyMap<string, NamedAttribute> | undefined;

/**
 * Finds the attribute that a search parameter names (PS3.18 §8.3.4): by keyword or by tag, nested ones
 * joined by dots, in either way at each step.
 *
 * What the standard does not have is no attribute here: Orthanc 1.10 passes over a key it does not
 * know and returns everything. Private ones cannot be named without their creator.
 */
export function readAttributePath(name: string): AttributePath | undefined {
  const steps = name.split('.', maxDepth + 1);
  if (steps.length > maxDepth) return undefined;
  const attributes = steps.map(findAttribute);
  const last = attributes.at(-1);
  if (last === undefined) return undefined;
  const tags: string[] = [];
  for (const [index, attribute] of attributes.entries()) {
    if (attribute === undefined) return undefined;
    if (index < attributes.length - 1 && attribute.vr !== 'SQ') return undefined;
    tags.push(attribute.tag);
  }
  return { path: tags.join('.'), vr: last.vr };
}

function findAttribute(name: string): NamedAttribute | undefined {
  if (!tagPattern.test(name)) {
    byKeyword ??= keywordsOf();
    return byKeyword.get(name);
  }
  const tag = name.toUpperCase();
  if (foreignGroup.test(tag)) return undefined;
  const group = repeatingGroup.test(tag)
    ? `${tag.slice(0, 2)}00-${tag.slice(0, 2)}FF`
    : tag.slice(0, 4);
  const entry = dictionary[`(${group},${tag.slice(4)})`];
  if (entry?.vr === undefined || entry.name === nameless) return undefined;
  return { tag, vr: entry.vr };
}

function keywordsOf(): ReadonlyMap<string, NamedAttribute> {
  const keywords = new Map<string, NamedAttribute>();
  for (const [key, { vr, name }] of Object.entries(dictionary)) {
    const tag = `${key.slice(1, 5)}${key.slice(6, 10)}`;
    if (key.length !== 11 || !tagPattern.test(tag) || foreignGroup.test(tag)) continue;
    if (vr === undefined || name === undefined || name === nameless) continue;
    // Devices go on using what PS3.6 retired, by its keyword, as `OtherPatientIDs`.
    keywords.set(name.replace(/^RETIRED_/, ''), { tag, vr });
  }
  return keywords;
}
