import type { FileOperations } from './file-operations.ts';

/**
 * Makes renames into one folder durable, many at a time.
 *
 * Callers that come while an fsync runs share the next one: the running one may have passed the
 * place where their rename stands, and an fsync vouches only for what was there when it began.
 */
export class DirectorySync {
  readonly #files: FileOperations;
  readonly #fd: number;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  /** Takes over the open folder `fd`, and closes it in `close`. */
  constructor({ files, fd }: { readonly files: FileOperations; readonly fd: number }) {
    this.#files = files;
    this.#fd = fd;
  }

  /** Resolves once an fsync that began after this call has returned; rejects when that one failed. */
  sync(): Promise<void> {
    if (this.#next !== undefined) return this.#next;
    if (this.#running === undefined) return this.#begin();
    const begin = (): Promise<void> => this.#begin();
    this.#next = this.#running.then(begin, begin);
    return this.#next;
  }

  async close(): Promise<void> {
    for (let last = this.#next ?? this.#running; last; last = this.#next ?? this.#running) {
      await last.catch(() => undefined);
    }
    this.#files.close(this.#fd);
  }

  #begin(): Promise<void> {
    this.#next = undefined;
    this.#running = this.#files.fsync(this.#fd).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }
}
