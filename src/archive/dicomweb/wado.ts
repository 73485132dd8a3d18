import type { RetrievedObject } from '../../dicom/instance.ts';
import { openPart10, readOnce } from '../../dicom/part10-stream.ts';
import { ObjectUnreadableError } from '../../errors/object-errors.ts';
import {
  NotFoundError,
  OriginAnswerError,
  OriginUnavailableError,
} from '../../errors/origin-errors.ts';
import { MultipartError } from '../../multipart/multipart-error.ts';
import { parseMultipartRelated } from '../../multipart/parser.ts';
import type { ReceivedPart } from '../../multipart/parser.ts';
import { faultOfAnswer } from './answer-fault.ts';
import type { OpenAnswer } from './origin-client.ts';

/** As the archive has them: without `*` it may make Explicit VR Little Endian of them (PS3.18 §8.7.3.5.2). */
export const acceptAsStored = 'multipart/related; type="application/dicom"; transfer-syntax=*';

/** No study has as many; an answer without an end has. */
const maxObjects = 1_000_000;

/**
 * Reads the answer to a WADO-RS request (PS3.18 §10.4) while it arrives, and closes it.
 *
 * @throws {@link NotFoundError}, {@link OriginUnavailableError} (also when the answer was cut off),
 *   {@link OriginRefusedError}, {@link OriginAnswerError}; the same from reading a data set.
 */
export async function* readObjects(
  answer: OpenAnswer,
  nowMs: number,
): AsyncGenerator<RetrievedObject> {
  try {
    const { status, contentType = '', body } = answer;
    if (status === 404 || status === 204) throw notFound();
    if (status !== 200) throw faultOfAnswer(answer, nowMs);
    let objects = 0;
    for await (const part of parseMultipartRelated({ contentType, body, maxParts: maxObjects })) {
      objects += 1;
      yield await objectIn(part);
    }
    if (objects === 0) throw notFound();
  } catch (error) {
    throw ofTheArchive(error);
  } finally {
    answer.close();
  }
}

async function objectIn({ body }: ReceivedPart): Promise<RetrievedObject> {
  const { header, dataSet } = await openPart10(body[Symbol.asyncIterator]());
  const { sopInstanceUid, sopClassUid, transferSyntaxUid } = header;
  if (sopInstanceUid === undefined || sopClassUid === undefined) {
    throw new OriginAnswerError('the archive sent an object without its UIDs');
  }
  return { sopInstanceUid, sopClassUid, transferSyntaxUid, dataSet: readOnce(translated(dataSet)) };
}

async function* translated(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  try {
    for await (const chunk of chunks) yield chunk;
  } catch (error) {
    throw ofTheArchive(error);
  }
}

/** What is wrong with the message or with an object in it is the archive's answer being wrong. */
function ofTheArchive(error: unknown): unknown {
  if (error instanceof ObjectUnreadableError) {
    return new OriginAnswerError('the archive sent a part that is no DICOM object', {
      cause: error,
    });
  }
  if (!(error instanceof MultipartError)) return error;
  if (error.fault === 'truncated') {
    return new OriginUnavailableError("the archive's answer was cut off", { cause: error });
  }
  return new OriginAnswerError(`the archive's answer cannot be read: ${error.message}`, {
    cause: error,
  });
}

function notFound(): NotFoundError {
  return new NotFoundError('the archive does not have it');
}
