import type { DicomJson, DicomJsonAttribute } from '../../dicom/dicom-json.ts';
import { gatherChunks } from '../../multipart/gather-chunks.ts';
import type { UnreadValue } from './data-set-reader.ts';
import { dicomJsonArray } from './dicom-json-text.ts';
import { toLittleEndian } from './little-endian.ts';
import { Part10File } from './part10-file.ts';
import { isPixelData, readDescribed } from './part10-reader.ts';
import { sendAnswer } from './send-answer.ts';
import type { AnswerTarget } from './send-answer.ts';

/** Up to this length, a binary value is written where it stands: that is shorter than its own request. */
const inlineBytes = 1024;
/** Deeper than any route of ours leads; what lies there is written where it stands. */
const maxPathSteps = 17;

interface InstancePlace {
  /** Of its file. */
  readonly path: string;
  /** Public URL of the instance. */
  readonly url: string;
}

/** Sends the metadata of instances, one after the other (PS3.18 §10.4.1.1.2). */
export function answerMetadata(
  places: readonly InstancePlace[],
  target: AnswerTarget,
): Promise<void> {
  const head = { status: 200, headers: { 'content-type': 'application/dicom+json' } };
  return sendAnswer(head, gatherChunks(dicomJsonArray(metadataOf(places))), target);
}

async function* metadataOf(places: readonly InstancePlace[]): AsyncGenerator<DicomJson> {
  for (const { path, url } of places) {
    const file = await Part10File.open(path);
    try {
      yield await readDescribed(file, (value, read) => describe(value, read, url));
    } finally {
      await file.close();
    }
  }
}

async function describe(
  { tag, path, vr, length, bigEndian }: UnreadValue,
  read: (() => Promise<Buffer>) | undefined,
  url: string,
): Promise<DicomJsonAttribute> {
  if (length === 0) return { vr };
  const isDeep = path.split('/').length > maxPathSteps;
  const isShort = length !== undefined && length <= inlineBytes;
  // Viewers look for pixel data behind a URL, however few they are.
  if (read !== undefined && length !== undefined && (isShort || isDeep) && !isPixelData(tag)) {
    const bytes = await read();
    return { vr, InlineBinary: toLittle(vr, bytes, bigEndian).toString('base64') };
  }
  return isDeep ? { vr } : { vr, BulkDataURI: `${url}/bulk/${path}` };
}

function toLittle(vr: string, bytes: Buffer, bigEndian: boolean): Buffer {
  return bigEndian ? toLittleEndian(vr, bytes) : bytes;
}
