/** One frame that can be read. */
export interface Frame {
  readonly bytes: number;
  /** Each chunk is a buffer of its own. */
  readonly read: () => AsyncIterable<Buffer>;
}
