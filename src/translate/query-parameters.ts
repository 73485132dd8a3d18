import { InvalidQuestionError } from '../errors/request-errors.ts';

/** One name and value of a query string, decoded. */
export type QueryParameter = readonly [name: string, value: string];

const maxParameters = 100;
/** Room for a list of a hundred UIDs; the HTTP server bounds the whole of it besides. */
const maxValueLength = 8192;
/** Everything we know by name; what is written otherwise is never quoted, for it may be a value. */
const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.]{0,199}$/;

const visibleAscii = /^[\x21-\x7e]*$/;

/**
 * Takes a query string apart.
 *
 * @param query - as it came on the wire, without the question mark.
 * @throws {@link InvalidQuestionError} that names the parameter at most.
 */
export function readQueryParameters(query: string): readonly QueryParameter[] {
  const pairs = query.split('&', maxParameters + 1).filter((pair) => pair !== '');
  if (pairs.length > maxParameters) {
    throw new InvalidQuestionError(`the query has more than ${maxParameters} parameters`);
  }
  return pairs.map((pair) => {
    const equals = pair.indexOf('=');
    const name = decode(equals === -1 ? pair : pair.slice(0, equals));
    if (name === undefined || !plainName.test(name)) {
      throw new InvalidQuestionError('a parameter of the query has a name that cannot be');
    }
    const value = equals === -1 ? '' : decode(pair.slice(equals + 1));
    if (value === undefined) {
      throw new InvalidQuestionError(`the value of ${name} is not percent-encoded UTF-8`);
    }
    if (value === '') throw new InvalidQuestionError(`${name} has no value`);
    if (value.length > maxValueLength) throw new InvalidQuestionError(`${name} is too long`);
    if (hasControlCharacter(value)) {
      throw new InvalidQuestionError(`${name} holds a control character`);
    }
    return [name, value];
  });
}

/**
 * Parameters that may stand only once, by name.
 *
 * @throws {@link InvalidQuestionError} when one is there twice, because two readers might not choose
 *   the same.
 */
export function readSingleParameters(
  parameters: readonly QueryParameter[],
): ReadonlyMap<string, string> {
  const single = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (single.has(name)) throw new InvalidQuestionError(`${name} is given twice`);
    single.set(name, value);
  }
  return single;
}

/** A plus is a blank, as in forms: that is how most clients write it, and most archives read it. */
function decode(text: string): string | undefined {
  // Unencoded, nobody knows which character set they are of.
  if (!visibleAscii.test(text)) return undefined;
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
}

/** C0, delete and C1: no attribute that can be searched for has them, and a URL smuggles them well. */
function hasControlCharacter(text: string): boolean {
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return /[\u0000-\u001f\u007f-\u009f]/.test(text);
}
