import { Buffer } from 'node:buffer';
import type { BridgeError } from '../../errors/bridge-error.ts';
import { NotAcceptableError } from '../../errors/request-errors.ts';
import { parseMediaType } from '../../multipart/media-type.ts';
import type { MetadataRequest, SearchRequest } from '../../translate/dicomweb-request.ts';
import { literalMatchingWarning } from '../../translate/literal-matching.ts';
import type { ResponseHead, ResponseSink } from '../../translate/response-sink.ts';
import type { AnswerOptions, ReadRequest } from '../dicomweb-origin.ts';
import type { OriginClientOptions } from './origin-client.ts';
import { originQuirks, searchQuestion } from './origin-quirks.ts';
import type { OriginProduct, OriginQuirks } from './origin-quirks.ts';
import { publicUrls } from './public-url.ts';
import { FaultBody, unusable } from './relay-body.ts';
import { RelayClient } from './relay-client.ts';
import type { BodyReceiver, OriginHead } from './relay-exchange.ts';
import { faultOfStatus, orthancStatusOf } from './relay-fault.ts';
import { formOf, openForm } from './relay-form.ts';
import { JsonBody } from './relay-json.ts';
import type { FormedRequest, OriginSaying, RelayQuestion } from './relay-question.ts';
import { resourcePath } from './resource-path.ts';

interface RelayOptions extends OriginClientOptions {
  readonly qidoPath?: string;
  readonly wadoPath?: string;
  /** Whose peculiarities are reckoned with; Orthanc's, the most careful, unless told otherwise. */
  readonly quirks?: OriginProduct | undefined;
  readonly now: () => number;
}

/** An answer that is not the one asked for. */
interface Refusal {
  readonly head: OriginHead;
  readonly body: FaultBody;
}

const json = 'application/dicom+json';

/**
 * Lets the archive answer for us: asks it in words of our own, and hands its answer on as it arrives.
 *
 * Of what a client wrote only parsed values go to the archive, and of what the archive writes beside
 * the body only what a client has to know (HOSTILE D20, D23, D25).
 */
export class DicomwebRelay {
  readonly #options: RelayOptions;
  readonly #quirks: OriginQuirks;
  readonly #client: RelayClient;

  constructor(options: RelayOptions) {
    this.#options = options;
    this.#quirks = originQuirks[options.quirks ?? 'orthanc'];
    this.#client = new RelayClient(options);
  }

  async answer(request: ReadRequest, sink: ResponseSink, options: AnswerOptions): Promise<void> {
    if (request.kind === 'search') await this.#search(request, sink, options);
    else if (request.kind === 'metadata') await this.#metadata(request, sink, options);
    else await this.#inForm(request, sink, options);
  }

  close(): Promise<void> {
    return this.#client.close();
  }

  async #search(request: SearchRequest, sink: ResponseSink, options: AnswerOptions): Promise<void> {
    const { query, ...resource } = request;
    const { matchesFuzzily } = this.#quirks;
    const isLiteral = query.fuzzyMatching && !matchesFuzzily;
    const head: ResponseHead = {
      status: 200,
      headers: {
        'content-type': json,
        ...(isLiteral && literalMatchingWarning(options.publicRoot)),
      },
    };
    if (query.limit === 0) {
      // Orthanc takes it for no limit.
      sink.begin(head);
      sink.write(Buffer.from('[]'));
      sink.end();
      return;
    }
    const fuzzyMatching = query.fuzzyMatching && matchesFuzzily;
    const question = searchQuestion({ ...resource, ...query, fuzzyMatching }, this.#quirks);
    const path = `${this.#options.qidoPath ?? ''}${question}`;
    await this.#inJson(path, { head, sink, whenEmpty: 'list' }, options);
  }

  async #metadata(
    { selector }: MetadataRequest,
    sink: ResponseSink,
    options: AnswerOptions,
  ): Promise<void> {
    const head = { status: 200, headers: { 'content-type': json } };
    const path = `${this.#options.wadoPath ?? ''}${resourcePath(selector)}/metadata`;
    await this.#inJson(path, { head, sink, whenEmpty: 'not-found' }, options);
  }

  async #inJson(
    path: string,
    into: {
      readonly head: ResponseHead;
      readonly sink: ResponseSink;
      readonly whenEmpty: 'list' | 'not-found';
    },
    options: AnswerOptions,
  ): Promise<void> {
    const { baseUrl, qidoPath = '', wadoPath = '', now } = this.#options;
    const { publicRoot } = options;
    const servicePaths = [qidoPath, wadoPath];
    const rewrite = publicUrls({ baseUrl, servicePaths, publicRoot, path });
    const open = (head: OriginHead): BodyReceiver => {
      const type = parseMediaType(head.header('content-type') ?? '')?.essence;
      if (head.status === 200 && type !== json && type !== 'application/json') {
        throw unusable('it is not JSON', head.status);
      }
      return new JsonBody({ ...into, rewrite });
    };
    const refusal = await this.#ask({ path, accept: json }, open, options);
    if (refusal !== undefined) throw faultOfStatus(refusal.head, now());
  }

  /** Asks in the archive's ways, one after the other, until one gives what the client wants. */
  async #inForm(request: FormedRequest, sink: ResponseSink, options: AnswerOptions): Promise<void> {
    for (const question of this.#quirks.questions(request)) {
      if (await this.#isAnswered(question, request, sink, options)) return;
    }
    throw new NotAcceptableError('the archive cannot give it in a form the client takes');
  }

  async #isAnswered(
    { judge, transferSyntax, ...question }: RelayQuestion,
    request: FormedRequest,
    sink: ResponseSink,
    options: AnswerOptions,
  ): Promise<boolean> {
    const { wadoPath = '', now } = this.#options;
    const path = `${wadoPath}${question.path}`;
    let isTaken = true;
    const open = (head: OriginHead): BodyReceiver | undefined => {
      const { status } = head;
      isTaken = isGood(judge?.({ status, ...formOf(head) }));
      return isTaken ? openForm(request, head, sink, transferSyntax) : undefined;
    };
    const refusal = await this.#ask({ ...question, path }, open, options);
    if (refusal === undefined) return isTaken;
    const { head, body } = refusal;
    const said: OriginSaying = { status: head.status, orthancStatus: orthancStatusOf(body.text) };
    const verdict = judge?.(said);
    if (verdict === 'next') return false;
    throw verdict === 'take' || verdict === undefined ? faultOfStatus(head, now()) : verdict;
  }

  /** @returns what the archive said when it gave no answer to take. */
  async #ask(
    { path, accept }: { readonly path: string; readonly accept: string },
    open: (head: OriginHead) => BodyReceiver | undefined,
    { signal, publicRoot, trace }: AnswerOptions,
  ): Promise<Refusal | undefined> {
    let refusal: Refusal | undefined;
    const headers = {
      accept,
      ...(this.#quirks.takesForwarded && { forwarded: forwardedOf(publicRoot) }),
    };
    await this.#client.ask(
      { path, headers, trace },
      (head) => {
        if (head.status === 200 || head.status === 204) {
          refuseEncoded(head);
          return open(head);
        }
        refusal = { head, body: new FaultBody() };
        return refusal.body;
      },
      signal,
    );
    return refusal;
  }
}

function isGood(verdict: 'take' | 'next' | BridgeError | undefined): boolean {
  if (typeof verdict === 'object') throw verdict;
  return verdict !== 'next';
}

/** We said that we take none; passed on, it would be without its name. */
function refuseEncoded(head: OriginHead): void {
  const encoding = head.header('content-encoding') ?? 'identity';
  if (encoding.trim().toLowerCase() !== 'identity') {
    throw unusable('it is encoded, though it must not be', head.status);
  }
}

/** Orthanc reads it only without the quotes that RFC 7239 wants around a port. */
function forwardedOf(publicRoot: string): string {
  const { host, protocol } = new URL(publicRoot);
  return `host=${host};proto=${protocol.slice(0, -1)}`;
}
