import { parseUid } from '../dicom/uid.ts';
import { InvalidQuestionError } from '../errors/request-errors.ts';
import { readAttributePath } from './attribute-names.ts';
import type { QidoQuery } from './qido-query.ts';
import type { QueryParameter } from './query-parameters.ts';

const maxIncludeFields = 200;
const wholeNumber = /^[0-9]{1,9}$/;

/**
 * Reads the parameters of a search (PS3.18 §8.3.4).
 *
 * What is not understood is refused: passed on, an archive might pass over it and return more than was
 * asked for.
 *
 * @throws {@link InvalidQuestionError} that names the parameter and not its value.
 */
export function readQidoParameters(parameters: readonly QueryParameter[]): QidoQuery {
  const match = new Map<string, string>();
  const includeField = new Set<string>();
  const settings = new Map<string, string>();
  let isAll = false;
  for (const [name, value] of parameters) {
    if (name === 'includefield') {
      for (const field of readIncludeField(value)) {
        if (field === 'all') isAll = true;
        else includeField.add(field);
      }
      if (includeField.size > maxIncludeFields) {
        throw new InvalidQuestionError(
          `includefield names more than ${maxIncludeFields} attributes`,
        );
      }
    } else if (settingNames.has(name)) {
      if (settings.has(name)) throw new InvalidQuestionError(`${name} is given twice`);
      settings.set(name, value);
    } else {
      const { path, value: canonical } = readMatch(name, value);
      if (match.has(path)) throw new InvalidQuestionError(`${name} is given twice`);
      match.set(path, canonical);
    }
  }
  return {
    match: Object.fromEntries(match),
    includeField: isAll ? 'all' : [...includeField],
    fuzzyMatching: readBoolean('fuzzymatching', settings.get('fuzzymatching')),
    ...numberOf('limit', settings),
    ...numberOf('offset', settings),
  };
}

const settingNames: ReadonlySet<string> = new Set(['limit', 'offset', 'fuzzymatching']);

/** One occurrence may name several, joined by commas. */
function readIncludeField(value: string): readonly string[] {
  return value.split(',').map((field) => {
    const name = field.trim();
    if (name === 'all') return name;
    const attribute = readAttributePath(name);
    if (attribute === undefined) {
      throw new InvalidQuestionError('includefield names an attribute the standard does not have');
    }
    return attribute.path;
  });
}

function readMatch(name: string, value: string): { readonly path: string; readonly value: string } {
  const attribute = readAttributePath(name);
  if (attribute === undefined) {
    throw new InvalidQuestionError(
      `${name} is no search parameter and no attribute of the standard`,
    );
  }
  const { path, vr } = attribute;
  if (vr === 'SQ')
    throw new InvalidQuestionError(`${name} is a sequence: name what to match in it`);
  if (unsearchableVrs.has(vr)) throw new InvalidQuestionError(`${name} cannot be searched for`);
  return { path, value: vr === 'UI' ? readUidList(name, value) : value };
}

/** Bulk data, what is of no known form, and what depends on the image (lower case in the dictionary). */
const unsearchableVrs: ReadonlySet<string> = new Set('OB OD OF OL OV OW UN ox xs lt na'.split(' '));

/** Joined by commas, or by backslashes as DIMSE does; written with commas (PS3.18 §8.3.4.2). */
function readUidList(name: string, value: string): string {
  const uids = value.split(/[,\\]/).map((uid) => parseUid(uid.trim()));
  if (uids.includes(undefined)) {
    throw new InvalidQuestionError(`${name} takes a UID, or several joined by commas`);
  }
  return uids.join(',');
}

function readBoolean(name: string, value: string | undefined): boolean {
  if (value === undefined) return false;
  const text = value.toLowerCase();
  if (text !== 'true' && text !== 'false') {
    throw new InvalidQuestionError(`${name} takes true or false`);
  }
  return text === 'true';
}

function numberOf<Name extends 'limit' | 'offset'>(
  name: Name,
  settings: ReadonlyMap<string, string>,
): { readonly [K in Name]?: number } {
  const value = settings.get(name);
  if (value === undefined) return {};
  if (!wholeNumber.test(value)) throw new InvalidQuestionError(`${name} takes a whole number`);
  return { [name]: Number(value) } as { readonly [K in Name]?: number };
}
