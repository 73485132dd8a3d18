/** A media type with its parameters (RFC 9110 §8.3.1). */
export interface MediaType {
  /** `type/subtype`, in lower case. */
  readonly essence: string;
  /** By name in lower case; values as they are, without their quotes. */
  readonly parameters: ReadonlyMap<string, string>;
}

const essencePattern = /^[0-9a-z!#$&^_.+-]+\/[0-9a-z!#$&^_.+-]+$/;
/** As an Accept header may have it: all of a type, or all there are. */
const rangePattern = /^(?:\*\/\*|[0-9a-z!#$&^_.+-]+\/(?:\*|[0-9a-z!#$&^_.+-]+))$/;
const namePattern = /^[0-9a-z!#$%&'*+\-.^_`|~]+$/;
/** More than a token may hold: many write `type=application/dicom` without quotes. */
const bareValuePattern = /^[\x21\x23-\x3a\x3c-\x7e]+$/;
const quotedCharacters = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Reads the value of a Content-Type header.
 *
 * @returns `undefined` when it is none: also when a parameter stands there twice, because two readers
 *   might not choose the same.
 */
export function parseMediaType(text: string): MediaType | undefined {
  return parse(text, essencePattern);
}

/** Reads one element of an Accept header (RFC 9110 §12.5.1); its weight is the parameter `q`. */
export function parseMediaRange(text: string): MediaType | undefined {
  return parse(text, rangePattern);
}

function parse(text: string, pattern: RegExp): MediaType | undefined {
  const [first = '', ...rest] = splitOutsideQuotes(text, ';');
  const essence = trimBlanks(first).toLowerCase();
  if (!pattern.test(essence)) return undefined;
  const parameters = new Map<string, string>();
  for (const piece of rest) {
    const parameter = trimBlanks(piece);
    // An empty one, as after a semicolon at the end, harms nobody.
    if (parameter === '') continue;
    const equals = parameter.indexOf('=');
    const name = trimBlanks(parameter.slice(0, Math.max(equals, 0))).toLowerCase();
    const value = valueOf(trimBlanks(parameter.slice(equals + 1)));
    if (!namePattern.test(name) || value === undefined || parameters.has(name)) return undefined;
    parameters.set(name, value);
  }
  return { essence, parameters };
}

/** What stands inside quotes belongs to the value: `type="a/b; transfer-syntax=1.2"`. */
export function splitOutsideQuotes(text: string, separator: ';' | ','): readonly string[] {
  const pieces: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (isQuoted && character === '\\') at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === separator && !isQuoted) {
      pieces.push(text.slice(from, at));
      from = at + 1;
    }
  }
  pieces.push(text.slice(from));
  return pieces;
}

function valueOf(text: string): string | undefined {
  if (!text.startsWith('"')) return bareValuePattern.test(text) ? text : undefined;
  let value = '';
  for (let at = 1; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '"') {
      return at === text.length - 1 && quotedCharacters.test(value) ? value : undefined;
    }
    if (character === '\\') at += 1;
    value += text.charAt(at);
  }
  return undefined;
}

/** Without a pattern: one that ends in `\s+$` takes quadratic time for many blanks. */
function trimBlanks(text: string): string {
  let from = 0;
  let to = text.length;
  while (from < to && isBlank(text[from])) from += 1;
  while (to > from && isBlank(text[to - 1])) to -= 1;
  return text.slice(from, to);
}

function isBlank(character: string | undefined): boolean {
  return character === ' ' || character === '\t';
}
