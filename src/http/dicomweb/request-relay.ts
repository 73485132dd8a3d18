import type { Principal } from '../../access/principal.ts';
import type { DicomwebRequest, StoreInstancesRequest } from '../../translate/dicomweb-request.ts';
import type { ResponseSink } from '../../translate/response-sink.ts';

/** What an answer needs to know besides the question. */
export interface AnswerOptions {
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Where clients find the DICOMweb root. */
  readonly publicRoot: string;
  /** Trace-id of the W3C Trace Context. */
  readonly trace?: string | undefined;
}

/** Answers what a client wants to read; `flows/relay.ts` meets it. */
export interface RequestRelay {
  answer(
    principal: Principal,
    request: Exclude<DicomwebRequest, StoreInstancesRequest>,
    sink: ResponseSink,
    options: AnswerOptions,
  ): Promise<void>;
}
