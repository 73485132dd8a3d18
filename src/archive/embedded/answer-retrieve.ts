import { randomUUID } from 'node:crypto';
import type { RetrieveRequest } from '../../translate/dicomweb-request.ts';
import { NotAcceptableError } from '../../errors/request-errors.ts';
import { encodeMultipartRelated } from '../../multipart/encoder.ts';
import type { MultipartPart } from '../../multipart/encoder.ts';
import type { IndexedInstance } from './archive-index.ts';
import { Part10File } from './part10-file.ts';
import { sendAnswer } from './send-answer.ts';
import type { AnswerTarget } from './send-answer.ts';

interface InstancePlace {
  readonly instance: IndexedInstance;
  readonly path: string;
}

/**
 * Sends objects as they are stored (PS3.18 §10.4.1.1.1). Nothing is transcoded: who names no transfer
 * syntax gets the stored one, where the standard has Explicit VR Little Endian as the default.
 *
 * @throws {@link NotAcceptableError} when one of them is stored in another transfer syntax than asked.
 */
export async function answerRetrieve(
  { framing, transferSyntax }: RetrieveRequest,
  places: readonly InstancePlace[],
  target: AnswerTarget,
): Promise<void> {
  const isStored = ({ instance }: InstancePlace): boolean =>
    instance.transferSyntaxUid === transferSyntax;
  if (transferSyntax !== undefined && transferSyntax !== '*' && !places.every(isStored)) {
    throw new NotAcceptableError(
      'this archive transcodes nothing: ask for transfer-syntax=* to get objects as they are stored',
    );
  }
  const parts = places.map(partOf);
  const [first, ...others] = parts;
  if (framing === 'single') {
    if (first === undefined || others.length > 0) {
      throw new NotAcceptableError('one object at a time can be had without multipart/related');
    }
    await sendAnswer(headOf(first.headers['Content-Type'], first.bytes), first.read(), target);
    return;
  }
  await sendParts(parts, 'application/dicom', target);
}

/** Sends parts in one multipart/related message. @param type - media type of the parts. */
export async function sendParts(
  parts: readonly MultipartPart[],
  type: string,
  target: AnswerTarget,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  // Nobody can know it beforehand and put it into an object.
  const boundary = randomUUID();
  const { contentType, contentLength, body } = encodeMultipartRelated({ parts, type, boundary });
  const head = headOf(contentType, contentLength);
  await sendAnswer({ ...head, headers: { ...head.headers, ...headers } }, body, target);
}

function headOf(contentType: string, bytes: number) {
  return {
    status: 200,
    headers: { 'content-type': contentType, 'content-length': String(bytes) },
  };
}

function partOf({ instance, path }: InstancePlace) {
  const { transferSyntaxUid, bytes } = instance;
  return {
    headers: { 'Content-Type': `application/dicom; transfer-syntax=${transferSyntaxUid}` },
    bytes,
    read: () => wholeFile(path),
  };
}

async function* wholeFile(path: string): AsyncGenerator<Buffer> {
  const file = await Part10File.open(path);
  try {
    yield* file.whole();
  } finally {
    await file.close();
  }
}
