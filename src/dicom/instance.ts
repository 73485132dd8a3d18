import type { Uid } from './uid.ts';

/** The identifiers by which one stored object is found again. */
export interface InstanceIdentity {
  readonly studyInstanceUid: Uid;
  readonly seriesInstanceUid: Uid;
  readonly sopInstanceUid: Uid;
  readonly sopClassUid: Uid;
}

/**
 * One object that lies complete somewhere and can be read more than once: a Part 10 file
 * (preamble, group 0002, data set) of a length known beforehand.
 */
export interface Part10Source {
  readonly sopInstanceUid: Uid;
  readonly sopClassUid: Uid;
  readonly transferSyntaxUid: Uid;
  /** Length of the whole Part 10 file. */
  readonly bytes: number;
  /**
   * Reads the file from its first byte, in chunks of bounded size. A chunk is valid until the next
   * one is asked for. Closing the iterator early releases the file.
   */
  read(): AsyncIterable<Buffer>;
}

/** One object on its way out of an archive. */
export interface RetrievedObject {
  readonly sopInstanceUid: Uid;
  readonly sopClassUid: Uid;
  readonly transferSyntaxUid: Uid;
  /**
   * What stands behind group 0002. Can be read once, before the next object is asked for; what of it
   * is not read then is passed over. A chunk is valid until the next one is asked for.
   */
  readonly dataSet: AsyncIterable<Buffer>;
}
