/** Search parameters, parsed and complete: what the client wrote differently means the same. */
export interface QidoQuery {
  /**
   * Attribute path (eight upper-case hexadecimal digits, nested ones joined by dots) → the value to
   * match, as DICOM has it: `*` and `?` are wildcards, `\` or `,` separates UIDs, `-` dates.
   */
  readonly match: Readonly<Record<string, string>>;
  /** Attribute paths, or all there are. */
  readonly includeField: readonly string[] | 'all';
  readonly fuzzyMatching: boolean;
  readonly limit?: number;
  readonly offset?: number;
}
