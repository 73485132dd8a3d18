import type { FileOperations } from './file-operations.ts';
import { errorCode } from './disk-error.ts';

const destinationPattern = /^[a-z0-9]{1,32}$/;

/**
 * Which destinations are on pause, as an empty file each: there or not there, nothing to be cut in
 * half by a crash, and an `ls` shows it.
 */
export class Pauses {
  readonly #files: FileOperations;
  readonly #folder: string;
  readonly #destinations: Set<string>;

  private constructor(files: FileOperations, folder: string, destinations: Set<string>) {
    this.#files = files;
    this.#folder = folder;
    this.#destinations = destinations;
  }

  static async read(folder: string, files: FileOperations): Promise<Pauses> {
    const destinations = new Set<string>();
    for await (const name of files.list(folder)) {
      if (destinationPattern.test(name)) destinations.add(name);
    }
    return new Pauses(files, folder, destinations);
  }

  get destinations(): readonly string[] {
    return [...this.#destinations].sort();
  }

  /** Durable when it resolves. @throws TypeError when this can be no destination's name. */
  async add(destination: string): Promise<void> {
    assertDestination(destination);
    try {
      this.#files.close(this.#files.create(`${this.#folder}/${destination}`));
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    await this.#sync();
    this.#destinations.add(destination);
  }

  /** Durable when it resolves. */
  async remove(destination: string): Promise<void> {
    assertDestination(destination);
    try {
      await this.#files.unlink(`${this.#folder}/${destination}`);
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error;
    }
    await this.#sync();
    this.#destinations.delete(destination);
  }

  async #sync(): Promise<void> {
    const fd = this.#files.openExisting(this.#folder);
    try {
      await this.#files.fsync(fd);
    } finally {
      this.#files.close(fd);
    }
  }
}

function assertDestination(destination: string): void {
  if (!destinationPattern.test(destination)) throw new TypeError('no name of a destination');
}
