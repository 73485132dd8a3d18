/**
 * What is wrong with a multipart message: it is of another media type, it ends before its closing
 * boundary, it breaks the grammar, or it has more parts than its reader takes.
 */
export type MultipartFault = 'not-multipart' | 'truncated' | 'malformed' | 'too-many-parts';

/** A multipart message that cannot be read. Whose fault that is, the reader knows. */
export class MultipartError extends Error {
  readonly fault: MultipartFault;

  constructor(fault: MultipartFault, message: string) {
    super(message);
    this.name = 'MultipartError';
    this.fault = fault;
  }
}
