import type { DicomJson, DicomJsonAttribute } from '../../dicom/dicom-json.ts';
import { gatherChunks } from '../../multipart/gather-chunks.ts';
import type { UnreadValue } from './data-set-reader.ts';
import { dicomJsonArray } from './dicom-json-text.ts';
import { toLittleEndian } from './little-endian.ts';
import { Part10File } from './part10-file.ts';
import { readDescribed } from './part10-reader.ts';
import { sendAnswer } from './send-answer.ts';
import type { AnswerTarget } from './send-answer.ts';

/** Up to this length, a binary value is written where it stands: that is shorter than its own request. */
const inlineBytes = 1024;
/** Deeper no route of ours leads; what lies there is written where it stands, unless it is too long. */
const maxPathSteps = 17;
const deepInlineBytes = 2 ** 20;

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
  { path, vr, length, bigEndian }: UnreadValue,
  read: (() => Promise<Buffer>) | undefined,
  url: string,
): Promise<DicomJsonAttribute> {
  if (length === 0) return { vr };
  const isDeep = path.split('/').length > maxPathSteps;
  const isShort = length !== undefined && length <= (isDeep ? deepInlineBytes : inlineBytes);
  // Of pixel data nothing is read here: viewers look for them behind a URL, however few they are.
  if (read !== undefined && isShort) {
    const bytes = await read();
    const little = bigEndian ? toLittleEndian(vr, bytes) : bytes;
    return { vr, InlineBinary: little.toString('base64') };
  }
  return isDeep ? { vr } : { vr, BulkDataURI: `${url}/bulk/${path}` };
}
