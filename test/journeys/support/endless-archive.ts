import { startLoopbackServer } from '../../peers/loopback-server.ts';
import type { LoopbackServer } from '../../peers/loopback-server.ts';

const pieceBytes = 256 * 1024;
const boundary = 'the-archive-wrote-this';
const head = Buffer.from(`--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`);
const tail = Buffer.from(`\r\n--${boundary}--\r\n`);

/**
 * An archive that has an object of any size: it makes the instance `1.2.3.<n>` with n MiB while it is
 * read, in an answer without a length, as Orthanc frames those of studies.
 */
export function startEndlessArchive(): Promise<LoopbackServer> {
  const piece = Buffer.alloc(pieceBytes, 0x5a);
  return startLoopbackServer(() => (request, response) => {
    const mebibytes = Number(/\/instances\/1\.2\.3\.([0-9]+)$/.exec(request.url ?? '')?.[1]);
    let left = (mebibytes * 2 ** 20) / pieceBytes;
    const more = (): void => {
      while (left > 0) {
        left -= 1;
        if (!response.write(piece)) {
          response.once('drain', more);
          return;
        }
      }
      response.end(tail);
    };
    response.useChunkedEncodingByDefault = false;
    response.writeHead(200, {
      'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
      connection: 'close',
    });
    response.write(head);
    more();
  });
}

/** Of the whole answer. */
export function answerBytes(mebibytes: number): number {
  return head.length + mebibytes * 2 ** 20 + tail.length;
}
