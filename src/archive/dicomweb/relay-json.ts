import { Buffer } from 'node:buffer';
import { JsonUrlRewriter } from '../../translate/json-url-rewriter.ts';
import type { ResponseHead, ResponseSink } from '../../translate/response-sink.ts';
import { brokenOff, unusable } from './relay-body.ts';
import type { BodyReceiver } from './relay-exchange.ts';
import { notFound } from './relay-fault.ts';

interface JsonBodyOptions {
  readonly head: ResponseHead;
  readonly sink: ResponseSink;
  readonly rewrite: (url: string) => string | undefined;
  /** What it means that nothing was found: an empty list, or that there is no such thing. */
  readonly whenEmpty: 'list' | 'not-found';
}

/** Enough to tell a list with something in it from an empty one and from `null`. */
const firstBytes = 5;

/**
 * Hands on a list of data sets (PS3.18 §F.2) with its URLs turned to us.
 *
 * Its answer begins when it is known that there is one: until then a fault can still be told in full.
 */
export class JsonBody implements BodyReceiver {
  readonly #options: JsonBodyOptions;
  readonly #rewriter: JsonUrlRewriter;
  #held: Buffer | undefined = Buffer.alloc(0);

  constructor(options: JsonBodyOptions) {
    this.#options = options;
    this.#rewriter = new JsonUrlRewriter(options.rewrite);
  }

  write(chunk: Buffer): boolean {
    const rewritten = this.#rewriter.push(chunk);
    // Nothing but blanks, or the beginning of a URL.
    if (rewritten.length === 0) return true;
    if (this.#held === undefined) return this.#options.sink.write(rewritten);
    this.#held = Buffer.concat([this.#held, rewritten]);
    return this.#held.length < firstBytes || this.#begin(this.#held);
  }

  drained(resume: () => void): void {
    this.#options.sink.drained(resume);
  }

  end(): void {
    const { sink } = this.#options;
    if (this.#held !== undefined) this.#endOfFew(this.#held);
    else this.#endOfDocument();
    sink.end();
  }

  #endOfFew(held: Buffer): void {
    const text = held.toString('latin1');
    // Nothing at all, and `null`, is what some archives say when there is nothing.
    if (text !== '') this.#endOfDocument();
    if (text !== '' && text !== 'null' && text !== '[]') this.#begin(held);
    else if (this.#options.whenEmpty === 'not-found') throw notFound();
    else this.#begin(Buffer.from('[]'));
  }

  #endOfDocument(): void {
    try {
      this.#rewriter.end();
    } catch (error) {
      if (this.#held === undefined) throw brokenOff();
      throw error;
    }
  }

  #begin(held: Buffer): boolean {
    const { sink, head } = this.#options;
    if (held[0] !== openBracket) throw unusable('it is no list of data sets', head.status);
    this.#held = undefined;
    sink.begin(head);
    return sink.write(held);
  }
}

const openBracket = 0x5b;
