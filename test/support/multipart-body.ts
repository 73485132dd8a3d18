/** One part of a message that a test writes. */
export interface WrittenPart {
  readonly body: Buffer | string;
  /** `application/dicom` unless told; `null` is none at all. */
  readonly contentType?: string | null;
}

export const boundary = 'a-test-wrote-this';
export const dicomParts = `multipart/related; type="application/dicom"; boundary=${boundary}`;

/** A whole multipart message, as any client may write it. */
export function multipartBody(...parts: readonly (WrittenPart | Buffer)[]): Buffer {
  const pieces = parts.flatMap((part) => {
    const { body, contentType = 'application/dicom' } = Buffer.isBuffer(part)
      ? { body: part }
      : part;
    const header = contentType === null ? '' : `Content-Type: ${contentType}\r\n`;
    return [Buffer.from(`--${boundary}\r\n${header}\r\n`), Buffer.from(body), Buffer.from('\r\n')];
  });
  return Buffer.concat([...pieces, Buffer.from(`--${boundary}--\r\n`)]);
}

/** The bytes piece by piece, each in a buffer of its own. */
// eslint-disable-next-line @typescript-eslint/require-await -- what reads it is asynchronous
export async function* inChunks(bytes: Buffer, chunkBytes = 65_536): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    yield Buffer.from(bytes.subarray(at, at + chunkBytes));
  }
}
