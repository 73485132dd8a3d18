import { randomBytes } from 'node:crypto';
import { OriginAnswerError } from '../../errors/origin-errors.ts';
import { ContentTooLargeError } from '../../errors/request-errors.ts';
import { passMultipartRelated } from '../../multipart/encoder.ts';
import type { PassingPart } from '../../multipart/encoder.ts';
import { readStoreInstancesResponse } from '../../translate/store-instances-response.ts';
import type { StoreInstancesResponse } from '../../translate/store-instances-response.ts';
import type { ArrivingObject } from '../store-origin.ts';
import { faultOfAnswer } from './answer-fault.ts';
import type { OriginAnswer, OriginClient } from './origin-client.ts';

interface StoreThroughOptions {
  readonly client: OriginClient;
  readonly path: string;
  readonly nameTransferSyntax: boolean;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly trace: string | undefined;
}

/** Room for as many instances as anybody sends at once, a few hundred bytes each. */
const maxAnswerBytes = 16 * 1024 * 1024;

/**
 * Stores objects that are still arriving by one STOW-RS request (PS3.18 §10.5).
 *
 * The request has no length, since nobody knows it yet, and can be made once: `client` should use no
 * connection again.
 *
 * @throws {@link ContentTooLargeError}, {@link OriginUnavailableError}, {@link OriginRefusedError},
 *   {@link OriginAnswerError}, {@link TokenUnavailableError}; what reading an object threw; the
 *   signal's reason.
 */
export async function storeThrough(
  objects: AsyncIterable<ArrivingObject>,
  { client, path, nameTransferSyntax, now, signal, trace }: StoreThroughOptions,
): Promise<StoreInstancesResponse> {
  const message = passMultipartRelated({
    type: 'application/dicom',
    boundary: `drawbridge-${randomBytes(24).toString('hex')}`,
    parts: partsOf(objects, nameTransferSyntax),
  });
  const answer = await client.exchangeOnce(
    {
      method: 'POST',
      path,
      headers: { 'content-type': message.contentType, accept: 'application/dicom+json' },
      body: () => message.body,
      hasLastingChunks: true,
      maxAnswerBytes,
      trace,
    },
    signal,
  );
  return readStoreAnswer(answer, now());
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
