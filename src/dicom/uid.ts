declare const uidBrand: unique symbol;

/** A DICOM unique identifier that has been parsed: 1 to 64 characters, digits and dots (PS3.5 §9.1). */
export type Uid = string & { readonly [uidBrand]: true };

/**
 * What the world's devices write: digits and dots, no empty component. Leading zeros in a component
 * are against PS3.5 §9.1 but common, harmless and not ours to refuse.
 */
const lenient = /^[0-9]+(?:\.[0-9]+)*$/;

/**
 * Parses a UID from a peer, with the padding of its value representation removed.
 *
 * @param text - the value as received; trailing NUL and spaces are padding (PS3.5 §9.1).
 * @returns the UID, or `undefined` when the text is none. The text itself must then go nowhere:
 *   neither into a path, nor a header, nor unescaped into a log.
 */
export function parseUid(text: string): Uid | undefined {
  const trimmed = trimPadding(text);
  return trimmed.length <= 64 && lenient.test(trimmed) ? (trimmed as Uid) : undefined;
}

function trimPadding(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === '\0' || text[end - 1] === ' ')) end -= 1;
  return text.slice(0, end);
}
