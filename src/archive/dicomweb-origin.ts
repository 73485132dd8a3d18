import type { DicomwebRequest, StoreInstancesRequest } from '../translate/dicomweb-request.ts';
import type { ResponseSink } from '../translate/response-sink.ts';

/** Everything a client may read. */
export type ReadRequest = Exclude<DicomwebRequest, StoreInstancesRequest>;

/** What an answer needs to know besides the question. */
export interface AnswerOptions {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Where clients find the DICOMweb root: an absolute URL without a slash at its end. */
  readonly publicRoot: string;
  /** Trace-id of the W3C Trace Context. */
  readonly trace?: string | undefined;
}

/** An archive that answers DICOMweb requests for somebody else, in their own form. */
export interface DicomwebOrigin {
  /**
   * Writes the whole answer to the sink, as fast as the client takes it.
   *
   * Whoever asks has decided before that the client may have it.
   *
   * @throws before the sink has begun: {@link NotFoundError}, {@link NotAcceptableError} and the
   *   errors of origin-errors.ts. After that: the answer broke off. The signal's reason.
   */
  answer(request: ReadRequest, sink: ResponseSink, options: AnswerOptions): Promise<void>;
}
