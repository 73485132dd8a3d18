import { randomBytes } from 'node:crypto';
import { OriginAnswerError } from '../../errors/origin-errors.ts';
import { ContentTooLargeError } from '../../errors/request-errors.ts';
import { passMultipartRelated } from '../../multipart/encoder.ts';
import type { PassingPart } from '../../multipart/encoder.ts';
import { readStoreInstancesResponse } from '../../translate/store-instances-response.ts';
import type { StoreInstancesResponse } from '../../translate/store-instances-response.ts';
import type { ArrivingObject, StoreArrivingOptions, StoreOrigin } from '../store-origin.ts';
import { faultOfAnswer } from './answer-fault.ts';
import { ConnectionLine } from './connection-line.ts';
import { OriginClient } from './origin-client.ts';
import type { OriginAnswer, OriginClientOptions } from './origin-client.ts';

interface StorePassageOptions extends Omit<OriginClientOptions, 'connections'> {
  /** Put between root and resource. */
  readonly stowPath?: string;
  readonly nameTransferSyntax?: boolean;
  readonly now: () => number;
}

/** Room for as many instances as anybody sends at once, a few hundred bytes each. */
const maxAnswerBytes = 16 * 1024 * 1024;
/** Uploads at a time: a slow client keeps its place for long. Orthanc serves 50 requests at a time. */
const places = 16;
const waiting = 128;

/** Hands objects that are still arriving on to one archive, by STOW-RS (PS3.18 §10.5). */
export class StorePassage implements StoreOrigin {
  readonly #options: StorePassageOptions;
  readonly #line: ConnectionLine;
  readonly #clients = new Set<OriginClient>();

  constructor(options: StorePassageOptions) {
    this.#options = options;
    this.#line = new ConnectionLine({ places, waiting, timeoutMs: options.timeoutMs });
  }

  /**
   * Makes one request of the objects. It has no length, since nobody knows it yet.
   *
   * @throws {@link ContentTooLargeError}, {@link OriginUnavailableError}, {@link OriginRefusedError},
   *   {@link OriginAnswerError}, {@link TokenUnavailableError}; what reading an object threw; the
   *   signal's reason.
   */
  async storeArriving(
    objects: AsyncIterable<ArrivingObject>,
    { studyInstanceUid, signal, trace }: StoreArrivingOptions,
  ): Promise<StoreInstancesResponse> {
    const { stowPath = '', nameTransferSyntax = false, now } = this.#options;
    const study = studyInstanceUid === undefined ? '' : `/${studyInstanceUid}`;
    const message = passMultipartRelated({
      type: 'application/dicom',
      boundary: `drawbridge-${randomBytes(24).toString('hex')}`,
      parts: partsOf(objects, nameTransferSyntax),
    });
    const answer = await this.#onNewConnection(signal, (client) =>
      client.exchangeOnce(
        {
          method: 'POST',
          path: `${stowPath}/studies${study}`,
          headers: { 'content-type': message.contentType, accept: 'application/dicom+json' },
          body: () => message.body,
          hasLastingChunks: true,
          maxAnswerBytes,
          trace,
        },
        signal,
      ),
    );
    return readStoreAnswer(answer, now());
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clients].map((client) => client.close()));
  }

  /**
   * What can be sent once must not meet a connection that the archive is just closing. Nor is it said
   * that the connection ends with the request: some archives then end it with an early answer, before
   * that can be read.
   */
  async #onNewConnection<Answer>(
    signal: AbortSignal,
    send: (client: OriginClient) => Promise<Answer>,
  ): Promise<Answer> {
    const leave = await this.#line.enter(signal);
    const client = new OriginClient({ ...this.#options, connections: 1 });
    this.#clients.add(client);
    try {
      return await send(client);
    } finally {
      await client.close();
      this.#clients.delete(client);
      leave();
    }
  }
}

async function* partsOf(
  objects: AsyncIterable<ArrivingObject>,
  nameTransferSyntax: boolean,
): AsyncGenerator<PassingPart> {
  for await (const { transferSyntaxUid, file } of objects) {
    const parameter = nameTransferSyntax ? `; transfer-syntax=${transferSyntaxUid}` : '';
    yield { headers: { 'Content-Type': `application/dicom${parameter}` }, body: file };
  }
}

/** Statuses that speak of the objects, whatever comes of them; 422 is what some archives say for 400. */
const refusals: ReadonlySet<number> = new Set([400, 409, 422]);

function readStoreAnswer(answer: OriginAnswer, nowMs: number): StoreInstancesResponse {
  const { status, contentType, body } = answer;
  if (status === 413) throw new ContentTooLargeError('the archive finds the request too large');
  const isAcceptance = status >= 200 && status <= 299;
  if (!isAcceptance && !refusals.has(status)) throw faultOfAnswer(answer, nowMs);
  const response = readStoreInstancesResponse(body, contentType);
  if (response !== undefined) return response;
  // A refusal in words is one all the same; a page is from somebody else than the archive.
  if (!isAcceptance && body !== undefined && !isPage(contentType)) {
    return { kept: new Map(), failed: new Map() };
  }
  throw new OriginAnswerError(
    body === undefined
      ? "the archive's answer was cut off or too long"
      : "the archive's answer does not say what became of the objects",
    { status },
  );
}

function isPage(contentType: string | undefined): boolean {
  return /html/i.test(contentType ?? '');
}
