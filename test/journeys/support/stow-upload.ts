import { request } from 'node:http';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { DicomJson } from '../../../src/dicom/dicom-json.ts';
import { encodeFileHeader } from '../../../src/dicom/part10.ts';
import { boundary, dicomParts } from '../../support/multipart-body.ts';
import type { LargeObject } from './large-object.ts';

/** What the front answered to an upload. */
export interface UploadAnswer {
  readonly status: number;
  readonly contentType: string | undefined;
  /** `{}` where the body is no JSON. */
  readonly dataSet: DicomJson;
}

/** Sends a body by STOW-RS as it comes, chunked: no client here knows its length. */
export async function upload(
  url: string,
  body: AsyncIterable<Buffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<UploadAnswer> {
  const outgoing = request(url, {
    method: 'POST',
    headers: { 'content-type': dicomParts, accept: 'application/dicom+json', ...headers },
  });
  const answered = new Promise<UploadAnswer>((resolve, reject) => {
    outgoing.once('error', reject);
    outgoing.once('response', (response) => {
      const contentType = response.headers['content-type'];
      text(response).then(
        (answer) =>
          resolve({ status: response.statusCode ?? 0, contentType, dataSet: dataSetIn(answer) }),
        reject,
      );
    });
  });
  // Who is answered early need not be able to send the rest.
  pipeline(Readable.from(body), outgoing).catch(() => undefined);
  return answered;
}

/** A message with a large object in it, made while it is sent. */
export async function* messageWith(object: LargeObject): AsyncGenerator<Buffer> {
  yield Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`);
  yield encodeFileHeader(object);
  yield* object.dataSet();
  yield Buffer.from(`\r\n--${boundary}--\r\n`);
}

function dataSetIn(answer: string): DicomJson {
  try {
    return JSON.parse(answer) as DicomJson;
  } catch {
    return {};
  }
}
