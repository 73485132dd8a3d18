import { randomBytes } from 'node:crypto';
import type { Part10Source } from '../../dicom/instance.ts';
import type { Uid } from '../../dicom/uid.ts';
import { OriginUnavailableError, TokenUnavailableError } from '../../errors/origin-errors.ts';
import { encodeMultipartRelated } from '../../multipart/encoder.ts';
import { readRetryAfter } from '../../translate/retry-after.ts';
import { duplicatesIn, isPlainConflict, readStowAnswer } from '../../translate/stow-answer.ts';
import type { Comparison, DuplicatePolicy, StowAnswer } from '../../translate/stow-answer.ts';
import type { StowVerdict } from '../../translate/stow-verdict.ts';
import { transportFaultOf } from '../../translate/transport-fault.ts';
import type { OriginClient } from './origin-client.ts';
import type { UploadShaper } from './upload-shaper.ts';

interface StowOptions {
  readonly client: OriginClient;
  readonly path: string;
  readonly nameTransferSyntax: boolean;
  readonly duplicates: DuplicatePolicy;
  /** Holds the upload back to the rate all of them share. */
  readonly shaper: UploadShaper | undefined;
  readonly now: () => number;
  readonly signal: AbortSignal;
  readonly trace: string | undefined;
  /**
   * Says whether the archive holds an object, `undefined` where it will not tell; asked after a 409
   * that does not explain itself.
   */
  readonly isHeld: (instance: Part10Source) => Promise<boolean | undefined>;
  /** Asked for objects the archive says it has already, where that is to be verified. */
  readonly compare: (instance: Part10Source) => Promise<Comparison>;
}

/** 50 instances take some 10 KB; nothing honest comes near it. */
const maxAnswerBytes = 16 * 1024 * 1024;

/**
 * Stores a batch by one STOW-RS request (PS3.18 §10.5) and says what became of each instance.
 *
 * @throws the signal's reason, and what reading one of the sources threw: that is neither the
 *   archive's fault nor the network's, and no verdict on the objects.
 */
export async function stow(
  batch: readonly Part10Source[],
  options: StowOptions,
): Promise<StowVerdict> {
  if (batch.length === 0) return { kind: 'each', outcomes: new Map() };
  const upload: Upload = { hasBegun: false, isAnswered: false };
  try {
    const answer = await send(batch, upload, options);
    return readStowAnswer(await explained(answer, batch, options));
  } catch (error) {
    return verdictOf(error, upload);
  }
}

/** The answer with what only further questions to the archive tell. */
async function explained(
  answer: StowAnswer,
  batch: readonly Part10Source[],
  { isHeld, compare }: StowOptions,
): Promise<StowAnswer> {
  const [single] = batch;
  const found =
    single !== undefined && isPlainConflict(answer)
      ? { ...answer, foundBySearch: await isHeld(single) }
      : answer;
  const duplicates = new Set(duplicatesIn(found));
  const comparisons = new Map<Uid, Comparison>();
  for (const instance of batch) {
    const { sopInstanceUid } = instance;
    if (duplicates.has(sopInstanceUid)) comparisons.set(sopInstanceUid, await compare(instance));
  }
  return { ...found, comparisons };
}

/**
 * How far a request came. The error of a broken upload may be that of the second attempt, made when
 * the first had already taken the archive down: only the first byte that left tells the two apart.
 */
interface Upload {
  /** A connection was there, and bytes of the objects left on it. */
  hasBegun: boolean;
  isAnswered: boolean;
}

async function send(
  batch: readonly Part10Source[],
  upload: Upload,
  { client, path, nameTransferSyntax, duplicates, shaper, now, signal, trace }: StowOptions,
): Promise<StowAnswer> {
  const partType = ({ transferSyntaxUid }: Part10Source): string =>
    nameTransferSyntax
      ? `application/dicom; transfer-syntax=${transferSyntaxUid}`
      : 'application/dicom';
  const message = encodeMultipartRelated({
    type: 'application/dicom',
    // Not to be foreseen: an object that holds the boundary could otherwise end its part early.
    boundary: `drawbridge-${randomBytes(24).toString('hex')}`,
    parts: batch.map((instance) => ({
      headers: { 'Content-Type': partType(instance) },
      bytes: instance.bytes,
      read: () => instance.read(),
    })),
  });
  const answer = await client.exchange(
    {
      method: 'POST',
      path,
      headers: {
        'content-type': message.contentType,
        'content-length': String(message.contentLength),
        accept: 'application/dicom+json',
      },
      body: () => noting(shaper?.shape(message.body, signal) ?? message.body, upload),
      maxAnswerBytes,
      trace,
    },
    signal,
  );
  upload.isAnswered = true;
  return {
    status: answer.status,
    contentType: answer.contentType,
    retryAfterMs: readRetryAfter(answer.retryAfter, now()),
    body: answer.body,
    sent: [...new Set(batch.map((instance) => instance.sopInstanceUid))],
    duplicates,
  };
}

async function* noting(body: AsyncIterable<Buffer>, upload: Upload): AsyncGenerator<Buffer> {
  for await (const chunk of body) {
    upload.hasBegun = true;
    yield chunk;
  }
}

/** What the network and the token server do is a verdict; anything else is the caller's to know. */
function verdictOf(error: unknown, upload: Upload): StowVerdict {
  if (error instanceof OriginUnavailableError) {
    const { retryAfterMs } = error;
    const brokeOff = upload.hasBegun && !upload.isAnswered;
    const fault = transportFaultOf(error.cause);
    const isGone = brokeOff && fault === 'connect-refused';
    return {
      kind: 'retry',
      message: isGone ? 'the archive went away while it was sent the batch' : error.message,
      fault,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      ...(brokeOff ? { suspicion: 'broke' as const } : {}),
    };
  }
  if (error instanceof TokenUnavailableError) {
    return { kind: error.transient ? 'retry' : 'hold', message: error.message, fault: 'token' };
  }
  throw error;
}
