/**
 * The Warning header of an answer to a search with `fuzzymatching=true` for which names were compared as
 * they are written (PS3.18 §8.3.4.2); its form is that of RFC 7234 §5.5.
 *
 * @param publicRoot - who warns: the DICOMweb root, as clients know it.
 */
export function literalMatchingWarning(publicRoot: string): Readonly<Record<'warning', string>> {
  const text =
    'The fuzzymatching parameter is not supported. Only literal matching has been performed.';
  return { warning: `299 ${publicRoot} "${text}"` };
}
