import { NotFoundError } from '../../errors/origin-errors.ts';
import { NotAcceptableError } from '../../errors/request-errors.ts';
import type { BulkDataRequest } from '../../translate/dicomweb-request.ts';
import type { OpenInstance } from './answer-frames.ts';
import { sendParts } from './answer-retrieve.ts';
import type { UnreadValue } from './data-set-reader.ts';
import { encapsulatedFrames, wholeBitstream } from './encapsulated-frames.ts';
import type { Frame } from './frame.ts';
import { swappedChunks } from './little-endian.ts';
import type { Part10File } from './part10-file.ts';
import { isBeforePixelData, isPixelData } from './part10-reader.ts';
import { findPixelData } from './pixel-data.ts';
import { compressedMediaType, octetStream } from './pixel-media-type.ts';
import type { AnswerTarget } from './send-answer.ts';

const encapsulatedDocument = '00420011';
const mimeTypeOfEncapsulatedDocument = '00420012';

/**
 * Sends one value of an object in a multipart message (PS3.18 §10.4.1.1.5); compressed pixel data frame
 * by frame, a part each.
 *
 * @throws {@link NotFoundError} when there is no such value, {@link NotAcceptableError} when it is of
 *   no media type that is asked for.
 */
export async function answerBulkData(
  { path, mediaTypes }: BulkDataRequest,
  { file, url }: OpenInstance,
  target: AnswerTarget,
): Promise<void> {
  const { value, documentType } = await findValue(file, path.toUpperCase());
  const own = ownMediaType(file, value, documentType);
  const possible = [own, octetStream];
  const mediaType = mediaTypes.find((wanted) => possible.includes(wanted));
  if (mediaType === undefined) {
    throw new NotAcceptableError(`this value can be had as ${[...new Set(possible)].join(', ')}`);
  }
  const isCompressed = value.length === undefined;
  const headers = {
    'Content-Type': `${mediaType}${isCompressed ? `; transfer-syntax=${file.transferSyntaxUid}` : ''}`,
    'Content-Location': `${url}/bulk/${value.path}`,
  };
  const parts = (await pieces(file, value, target.signal)).map(({ bytes, read }) => ({
    headers,
    bytes,
    read,
  }));
  await sendParts(parts, mediaType, target, { etag: file.etagOf(mediaType) });
}

async function findValue(
  file: Part10File,
  path: string,
): Promise<{ readonly value: UnreadValue; readonly documentType: string | undefined }> {
  const [top = ''] = path.split('/');
  let value: UnreadValue | undefined;
  const reader = await file.reader();
  const attributes = await reader.read(file.encoding, {
    accept: (tag) =>
      isBeforePixelData(tag) && (tag <= top || tag <= mimeTypeOfEncapsulatedDocument),
    wants: (tag) => tag === top || tag === mimeTypeOfEncapsulatedDocument,
    describe: (found) => {
      if (found.path === path) value = found;
      return undefined;
    },
  });
  if (isPixelData(top)) value = await reader.locate(file.encoding);
  if (value?.path !== path) throw new NotFoundError('the instance does not have such bulk data');
  const [type] = attributes[mimeTypeOfEncapsulatedDocument]?.Value ?? [];
  return { value, documentType: typeof type === 'string' ? type.toLowerCase() : undefined };
}

/** What the value is, if the object says so. */
function ownMediaType(
  file: Part10File,
  { path, length }: UnreadValue,
  documentType: string | undefined,
): string {
  if (length === undefined) return compressedMediaType(file.transferSyntaxUid);
  const isType = /^[a-z0-9]+\/[a-z0-9.+-]+$/.test(documentType ?? '');
  return path === encapsulatedDocument && isType && documentType ? documentType : octetStream;
}

async function pieces(
  file: Part10File,
  value: UnreadValue,
  signal: AbortSignal,
): Promise<readonly Frame[]> {
  const { at, length, vr, bigEndian } = value;
  if (length === undefined) {
    const isVideo = compressedMediaType(file.transferSyntaxUid).startsWith('video/');
    // Within an item it is an icon (PS3.3 §C.7.6.1.1.6): one picture.
    if (isVideo || !isPixelData(value.path)) return [await wholeBitstream(file, at, signal)];
    const pixelData = await findPixelData(file);
    const numbers = Array.from({ length: pixelData.frames }, (_, index) => index + 1);
    return encapsulatedFrames(file, pixelData, numbers, signal);
  }
  const read = (): AsyncIterable<Buffer> =>
    bigEndian ? swappedChunks(vr, file.stretch(at, length)) : file.stretch(at, length);
  return [{ bytes: length, read }];
}
