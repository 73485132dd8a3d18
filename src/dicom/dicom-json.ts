/** One attribute of the DICOM JSON Model (PS3.18 §F.2.2). */
export interface DicomJsonAttribute {
  readonly vr: string;
  readonly Value?: readonly unknown[];
  readonly InlineBinary?: string;
  readonly BulkDataURI?: string;
}

/** One data set of the DICOM JSON Model: eight upper-case hexadecimal digits → attribute. */
export type DicomJson = Readonly<Record<string, DicomJsonAttribute>>;
