import { Buffer } from 'node:buffer';

/** What a key makes of the value behind it. */
export const keys = { other: 0, urlAttribute: 1, value: 2, bulkDataUri: 3 } as const;
export type Key = (typeof keys)[keyof typeof keys];

const urlAttribute = Buffer.from('00081190');
const value = Buffer.from('Value');
const bulkDataUri = Buffer.from('BulkDataURI');

/** Of a key written without escapes; `start` is its first byte. */
export function plainKey(bytes: Buffer, start: number, length: number): Key {
  if (length === urlAttribute.length) {
    return standsAt(bytes, start, urlAttribute) ? keys.urlAttribute : keys.other;
  }
  if (length === value.length) return standsAt(bytes, start, value) ? keys.value : keys.other;
  if (length !== bulkDataUri.length) return keys.other;
  return standsAt(bytes, start, bulkDataUri) ? keys.bulkDataUri : keys.other;
}

/** Escapes must not hide one of the keys that matter. */
export function escapedKey(key: string): Key {
  const plain = Buffer.from(key);
  return plainKey(plain, 0, plain.length);
}

/** From the end, for tags differ there. */
function standsAt(bytes: Buffer, start: number, sought: Buffer): boolean {
  let at = sought.length - 1;
  while (at >= 0 && bytes[start + at] === sought[at]) at -= 1;
  return at < 0;
}
