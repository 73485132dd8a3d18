import { NotFoundError } from '../../errors/origin-errors.ts';
import type { Part10File } from './part10-file.ts';
import type { FramesRequest } from '../../translate/dicomweb-request.ts';
import { sendParts } from './answer-retrieve.ts';
import { encapsulatedFrames } from './encapsulated-frames.ts';
import { nativeFrames } from './native-frames.ts';
import { findPixelData } from './pixel-data.ts';
import { formOfFrames } from './pixel-media-type.ts';
import type { AnswerTarget } from './send-answer.ts';

/** An instance that is being read. */
export interface OpenInstance {
  readonly file: Part10File;
  /** Its public URL. */
  readonly url: string;
}

/**
 * Sends frames, each as a part of its own (PS3.18 §10.4.1.1.6).
 *
 * @throws {@link NotFoundError} when there is no such frame, {@link NotAcceptableError} when they are
 *   not stored in the form that is asked for.
 */
export async function answerFrames(
  request: FramesRequest,
  { file, url }: OpenInstance,
  target: AnswerTarget,
): Promise<void> {
  const pixelData = await findPixelData(file);
  if (request.frames.some((number) => number > pixelData.frames)) {
    throw new NotFoundError('the instance does not have such a frame');
  }
  const isCompressed = pixelData.value.length === undefined;
  const { mediaType, transferSyntaxUid } = formOfFrames(
    { transferSyntaxUid: file.transferSyntaxUid, isCompressed },
    request,
  );
  const frames = isCompressed
    ? await encapsulatedFrames(file, pixelData, request.frames, target.signal)
    : nativeFrames(file, pixelData, request.frames);
  const parts = frames.map(({ bytes, read }, index) => ({
    headers: {
      'Content-Type': `${mediaType}; transfer-syntax=${transferSyntaxUid}`,
      'Content-Location': `${url}/frames/${request.frames[index] ?? ''}`,
    },
    bytes,
    read,
  }));
  await sendParts(parts, mediaType, target, { etag: file.etagOf(mediaType) });
}
