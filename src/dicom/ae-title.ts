declare const aeTitleBrand: unique symbol;

/** An application entity title that has been parsed: 1 to 16 printable characters (PS3.5 §6.2, AE). */
export type AeTitle = string & { readonly [aeTitleBrand]: true };

const printable = /^[\x20-\x5b\x5d-\x7e]{1,16}$/;

/**
 * Parses an AE title from a peer or from configuration.
 *
 * Leading and trailing spaces are not significant (PS3.5 §6.2), and some stacks pad with NUL.
 * Backslash, control and non-ASCII characters, and a blank title are refused.
 */
export function parseAeTitle(text: string): AeTitle | undefined {
  const trimmed = text.replace(/[\0 ]+$/, '').replace(/^ +/, '');
  return printable.test(trimmed) ? (trimmed as AeTitle) : undefined;
}
