/** The transfer syntaxes the bridge has to know by name; every other is carried as it is (PS3.5 §10). */
export const implicitVrLittleEndian = '1.2.840.10008.1.2';
export const explicitVrLittleEndian = '1.2.840.10008.1.2.1';
export const deflatedExplicitVrLittleEndian = '1.2.840.10008.1.2.1.99';
export const explicitVrBigEndian = '1.2.840.10008.1.2.2';

/** How the data set outside pixel data is written. */
export interface DataSetEncoding {
  readonly explicitVr: boolean;
  readonly bigEndian: boolean;
  /** The whole data set is a raw deflate stream (PS3.5 §A.5). */
  readonly deflated: boolean;
}

/**
 * Says how a data set of the given transfer syntax is written.
 *
 * All but the four above are Explicit VR Little Endian with their own pixel data (PS3.5 §A.4), the
 * unknown and private ones included; JPIP Referenced Deflate is deflated too (PS3.5 §A.7).
 */
export function dataSetEncodingOf(transferSyntaxUid: string): DataSetEncoding {
  return {
    explicitVr: transferSyntaxUid !== implicitVrLittleEndian,
    bigEndian: transferSyntaxUid === explicitVrBigEndian,
    deflated: deflatedSyntaxes.has(transferSyntaxUid),
  };
}

const deflatedSyntaxes: ReadonlySet<string> = new Set([
  deflatedExplicitVrLittleEndian,
  '1.2.840.10008.1.2.4.95',
  '1.2.840.10008.1.2.4.205',
]);
