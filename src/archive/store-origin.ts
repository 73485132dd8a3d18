import type { Uid } from '../dicom/uid.ts';
import type { StoreInstancesResponse } from '../translate/store-instances-response.ts';

/** One object on its way into an archive, for as long as it arrives. */
export interface ArrivingObject {
  readonly sopInstanceUid: Uid;
  readonly transferSyntaxUid: Uid;
  /**
   * The whole Part 10 file. Can be read once, before the next object is asked for; nobody changes a
   * chunk any more.
   */
  readonly file: AsyncIterable<Buffer>;
}

export interface StoreArrivingOptions {
  /** The study of the path, where the request names one. */
  readonly studyInstanceUid: Uid | undefined;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** Trace-id of the W3C Trace Context. */
  readonly trace: string | undefined;
}

/** An archive that takes objects somebody else sends, while they come in. */
export interface StoreOrigin {
  /**
   * Passes the objects on, each as fast as the archive takes it, and says what it answered. It may
   * answer before it has taken all of them: then the rest is not asked for.
   *
   * @param objects - at least one: with the first the archive is sent a request. It cannot be sent
   *   twice, so there is one attempt.
   * @returns what the archive said of whom it named.
   * @throws {@link ContentTooLargeError} and the errors of origin-errors.ts. What reading an object
   *   threw, as it is. The signal's reason.
   */
  storeArriving(
    objects: AsyncIterable<ArrivingObject>,
    options: StoreArrivingOptions,
  ): Promise<StoreInstancesResponse>;
}
