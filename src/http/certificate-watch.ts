import { X509Certificate } from 'node:crypto';
import type { Logger } from '../telemetry/logger.ts';
import type { HttpListener, ServerCertificate } from './http-listener.ts';

interface CertificateWatchOptions {
  /** Reads the files and looks into them; throws when they will not do. */
  readonly read: () => Promise<ServerCertificate>;
  /** What the listener shows now. */
  readonly shown: ServerCertificate;
  readonly listener: Pick<HttpListener, 'replaceCertificate'>;
  /** Between two looks; 10 s unless said otherwise. */
  readonly everyMs?: number;
  readonly log: Logger;
}

/**
 * Gives a listener its renewed certificate without a restart.
 *
 * The files are read again and again rather than watched: a volume of Kubernetes changes by moving a
 * link two folders above, of which a watcher of the file hears nothing.
 */
export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  #shown: ServerCertificate;
  /** What was wrong at the last look, told once. */
  #trouble: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#shown = options.shown;
  }

  start(): void {
    const { everyMs = 10_000 } = this.#options;
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(() => this.#look());
    }, everyMs);
    this.#timer.unref();
  }

  /** Ends once the look that is under way has. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
  }

  async #look(): Promise<void> {
    const { read, listener, log } = this.#options;
    try {
      const found = await read();
      this.#trouble = undefined;
      if (found.cert === this.#shown.cert && found.key === this.#shown.key) return;
      listener.replaceCertificate(found);
      this.#shown = found;
      const { validTo } = new X509Certificate(found.cert);
      log.info({ validTo }, 'the HTTP front shows its renewed certificate');
    } catch (error) {
      const trouble = String(error);
      if (trouble === this.#trouble) return;
      this.#trouble = trouble;
      log.error({ err: error }, 'the HTTP front keeps its certificate: the new one will not do');
    }
  }
}
