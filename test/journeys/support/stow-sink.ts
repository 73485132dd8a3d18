import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import { startLoopbackServer } from '../../peers/loopback-server.ts';
import type { Peer } from '../../peers/peer.ts';

/** What arrived of one object. */
interface ArrivedObject {
  readonly bytes: number;
  /** SHA-256 of the data set. */
  readonly digest: string;
}

/**
 * A STOW-RS service that keeps nothing of an object but its digest: for objects that no real archive
 * here takes, or not soon. Takes one object a request, as large ones come.
 */
export interface StowSink extends Peer {
  readonly url: string;
  /** By SOP Instance UID. */
  readonly arrived: ReadonlyMap<string, ArrivedObject>;
}

const dicomJson = { 'content-type': 'application/dicom+json' };

export async function startStowSink(): Promise<StowSink> {
  const arrived = new Map<string, ArrivedObject>();
  const server = await startLoopbackServer(() => (request, response) => {
    readPart(request).then(
      ({ sopInstanceUid, ...object }) => {
        arrived.set(sopInstanceUid, object);
        response.writeHead(200, dicomJson).end(JSON.stringify(storedResponse(sopInstanceUid)));
      },
      () => response.destroy(),
    );
  });
  return { ...server, arrived };
}

async function readPart(
  request: IncomingMessage,
): Promise<ArrivedObject & { readonly sopInstanceUid: string }> {
  const boundary = /boundary="?([^";]+)/.exec(request.headers['content-type'] ?? '')?.[1] ?? '';
  const hash = createHash('sha256');
  let sopInstanceUid: string | undefined;
  let bytes = 0;
  // What has not been hashed yet: the head until it is whole, later what may be the closing boundary.
  let held: Buffer = Buffer.alloc(0);
  for await (const chunk of request as AsyncIterable<Buffer>) {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (sopInstanceUid === undefined) {
      const start = held.indexOf('\r\n\r\n') + 4;
      const header = start < 4 ? undefined : decodeFileHeader(held.subarray(start));
      if (header === undefined) continue;
      sopInstanceUid = header.sopInstanceUid;
      held = held.subarray(start + header.dataSetOffset);
    }
    const settled = Math.max(0, held.length - boundary.length - 16);
    hash.update(held.subarray(0, settled));
    bytes += settled;
    held = Buffer.from(held.subarray(settled));
  }
  const end = held.indexOf(`\r\n--${boundary}--`);
  if (sopInstanceUid === undefined || end < 0) throw new Error('no multipart message of one part');
  hash.update(held.subarray(0, end));
  return { sopInstanceUid, bytes: bytes + end, digest: hash.digest('hex') };
}

/** PS3.18 Annex I. */
function storedResponse(sopInstanceUid: string): object {
  return {
    '00081199': { vr: 'SQ', Value: [{ '00081155': { vr: 'UI', Value: [sopInstanceUid] } }] },
  };
}
