import type { Buffer } from 'node:buffer';
import type { Dispatcher } from 'undici';
import { OriginUnavailableError } from '../../errors/origin-errors.ts';
import { describeTransportError } from '../../translate/transport-fault.ts';

/** How an answer of the archive begins. */
export interface OriginHead {
  readonly status: number;
  header(name: string): string | undefined;
}

/** Where the body of one answer goes, as it arrives. What it throws ends the answer. */
export interface BodyReceiver {
  /** @returns false when the next chunk belongs after `drained` has called back. */
  write(chunk: Buffer): boolean | 'enough';
  drained(resume: () => void): void;
  /** The body has ended. @throws when that was not its end. */
  end(): void;
}

/** Looks at the head and says who takes the body; nobody, when it says `undefined`. */
export type OpenReceiver = (head: OriginHead) => BodyReceiver | undefined;

/**
 * One request and its answer, on undici's callbacks: no stream lies between the two sockets, so that a
 * chunk goes out as it came in, and a slow client stops the archive's connection and nothing else.
 */
export class RelayExchange implements Dispatcher.DispatchHandler {
  readonly #open: OpenReceiver;
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => {
    this.#fail(this.#signal.reason);
  };
  #resolve: () => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #receiver: BodyReceiver | undefined;
  #hasHead = false;
  #isOver = false;

  /**
   * Fulfilled when the answer has been taken, or left; rejected with what a receiver threw, the
   * signal's reason, and {@link OriginUnavailableError} when the answer did not come or broke off.
   */
  readonly settled: Promise<void>;

  constructor(open: OpenReceiver, signal: AbortSignal) {
    this.#open = open;
    this.#signal = signal;
    this.settled = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    signal.addEventListener('abort', this.#onAbort, { once: true });
    if (signal.aborted) this.#onAbort();
  }

  /** Whether the archive has begun to answer: what was asked may not be asked again then. */
  get hasHead(): boolean {
    return this.#hasHead;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    if (this.#isOver) controller.abort(new Error('nobody waits for it any more'));
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    if (status < 200 || this.#isOver) return;
    this.#hasHead = true;
    this.#guarded(() => {
      const header = (name: string): string | undefined => [headers[name]].flat()[0];
      this.#receiver = this.#open({ status, header });
      if (this.#receiver === undefined) this.#finish();
    });
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const receiver = this.#receiver;
    if (receiver === undefined || this.#isOver) return;
    // undici gives an empty one after each pause; taken for a chunk, it would cause the next pause.
    if (chunk.length === 0) return;
    this.#guarded(() => {
      const wantsMore = receiver.write(chunk);
      if (wantsMore === 'enough') this.#finish();
      else if (!wantsMore) {
        controller.pause();
        receiver.drained(() => {
          if (!this.#isOver) controller.resume();
        });
      }
    });
  }

  onResponseEnd(): void {
    if (this.#isOver) return;
    this.#guarded(() => {
      this.#receiver?.end();
      this.#end(this.#resolve);
    });
  }

  onResponseError(_controller: unknown, cause: Error): void {
    const what = this.#hasHead ? "the archive's answer broke off" : 'no answer from the archive';
    this.#fail(new OriginUnavailableError(`${what}: ${describeTransportError(cause)}`, { cause }));
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Enough of the answer has come; what is still under way has no reader. */
  #finish(): void {
    this.#end(this.#resolve);
    this.#controller?.abort(new Error('the rest of the answer is not needed'));
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    this.#end(() => {
      this.#reject(error);
    });
    this.#controller?.abort(new Error('the answer is of no use any more'));
  }

  #end(settle: () => void): void {
    this.#isOver = true;
    this.#signal.removeEventListener('abort', this.#onAbort);
    settle();
  }
}
