import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';

/**
 * A UID of its own without registration: a random number of 122 bits under 2.25 (PS3.5 §B.2).
 *
 * @param random - like `Math.random`.
 */
export function randomUid(random: () => number): Uid {
  let number = 1n; // the leading bit keeps the length alike
  for (let bits = 0; bits < 120; bits += 24) {
    number = (number << 24n) | BigInt(Math.floor(random() * 2 ** 24));
  }
  const uid = parseUid(`2.25.${number}`);
  if (uid === undefined) throw new RangeError('not a UID');
  return uid;
}
