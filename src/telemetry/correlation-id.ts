/** Digits and letters that are told apart on paper and on the telephone (Crockford's base 32). */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A short name for one association or request, to find its lines again: 40 random bits. Not a secret.
 *
 * @param random - like `Math.random`.
 */
export function newCorrelationId(random: () => number): string {
  return Array.from({ length: 8 }, () => alphabet[Math.floor(random() * 32)]).join('');
}
