import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { ViewerFile } from './viewer-files.ts';

const compress = promisify(gzip);

/** Longer ones are for whoever builds the viewer to compress. */
export const maxCompressibleBytes = 32 * 1024 * 1024;

interface HeldFile {
  readonly content: Promise<Buffer>;
  /** Known once it was made. */
  bytes: number;
}

interface CompressedFilesOptions {
  /** How much is held of what was compressed. */
  readonly maxBytes: number;
}

/**
 * Files compressed once and held, the latest ones: a stranger must not cost us the work for each
 * request, and the folder of the viewer may be one we cannot write to.
 */
export class CompressedFiles {
  readonly #maxBytes: number;
  /** By path and state of the file; what was asked for last stands last. */
  readonly #held = new Map<string, HeldFile>();
  #bytes = 0;

  constructor({ maxBytes }: CompressedFilesOptions) {
    this.#maxBytes = maxBytes;
  }

  /** @param file - of at most {@link maxCompressibleBytes}. */
  gzip(file: ViewerFile): Promise<Buffer> {
    const key = `${file.path} ${file.bytes} ${file.changedAt}`;
    const held = this.#held.get(key) ?? { content: this.#make(key, file.path), bytes: 0 };
    this.#held.delete(key);
    this.#held.set(key, held);
    return held.content;
  }

  async #make(key: string, path: string): Promise<Buffer> {
    try {
      const content = await compress(await readFile(path));
      const held = this.#held.get(key);
      if (held) held.bytes = content.length;
      this.#bytes += content.length;
      this.#forgetOldest(key);
      return content;
    } catch (error) {
      this.#held.delete(key);
      throw error;
    }
  }

  #forgetOldest(latest: string): void {
    for (const [key, { bytes }] of this.#held) {
      if (this.#bytes <= this.#maxBytes) return;
      // One that is being made has no length yet, and looks for room itself.
      if (key === latest || bytes === 0) continue;
      this.#held.delete(key);
      this.#bytes -= bytes;
    }
  }
}
