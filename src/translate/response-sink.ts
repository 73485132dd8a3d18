/** How an answer to a client of the front begins. */
export interface ResponseHead {
  readonly status: number;
  /** Names in lower case; nothing but what the client shall see. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Where an answer goes, piece by piece. Whoever writes to it never says that it went wrong: it throws,
 * and whoever owns the sink ends the connection, so that half an answer never looks whole.
 */
export interface ResponseSink {
  /** Once, and first. */
  begin(head: ResponseHead): void;
  /**
   * Takes a chunk that nobody changes any more.
   *
   * @returns false when the client is slower: the next one belongs after `drained` has called back.
   */
  write(chunk: Uint8Array): boolean;
  /** Calls back once, when there is room again; never, when the client has gone. */
  drained(resume: () => void): void;
  /** The answer is whole. */
  end(): void;
}
