/** Value representations whose length field is 16 bits wide (PS3.5 Table 7.1-2). */
const shortLength: ReadonlySet<string> = new Set(
  'AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US'.split(' '),
);
const longLength: ReadonlySet<string> = new Set(
  'OB OD OF OL OV OW SQ SV UC UN UR UT UV'.split(' '),
);

/** Says whether PS3.5 §6.2 defines this value representation. */
export function isKnownVr(vr: string): boolean {
  return shortLength.has(vr) || longLength.has(vr);
}

/** Two capital letters: a value representation, perhaps one of a later edition. */
export function isPlausibleVr(vr: string): boolean {
  return /^[A-Z]{2}$/.test(vr);
}

/**
 * Says whether two reserved bytes and a 32-bit length follow the value representation. All that
 * PS3.5 may add in future do (PS3.5 §7.1.2).
 */
export function takesLongLength(vr: string): boolean {
  return !shortLength.has(vr);
}
