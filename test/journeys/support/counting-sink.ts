import { buffer } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import { startLoopbackServer } from '../../peers/loopback-server.ts';
import type { Peer } from '../../peers/peer.ts';

/** A STOW-RS service that takes everything, a little slowly, and counts how much it is asked at once. */
export interface CountingSink extends Peer {
  readonly url: string;
  /** SOP Instance UIDs of each request, in the order in which requests came in whole. */
  readonly requests: readonly (readonly string[])[];
  /** The most requests that were under way at one time. */
  readonly mostAtOnce: number;
}

/** @param answerAfterMs - so long requests overlap that come together. */
export async function startCountingSink(answerAfterMs: number): Promise<CountingSink> {
  const requests: (readonly string[])[] = [];
  let atOnce = 0;
  let mostAtOnce = 0;
  const server = await startLoopbackServer(() => (request, response) => {
    atOnce += 1;
    mostAtOnce = Math.max(mostAtOnce, atOnce);
    const boundary = /boundary="?([^";]+)/.exec(request.headers['content-type'] ?? '')?.[1] ?? '';
    const answer = async (): Promise<void> => {
      const uids = uidsIn(await buffer(request), boundary);
      requests.push(uids);
      await delay(answerAfterMs);
      atOnce -= 1;
      response.writeHead(200, { 'content-type': 'application/dicom+json' });
      response.end(JSON.stringify(storedResponse(uids)));
    };
    answer().catch(() => {
      atOnce -= 1;
      response.destroy();
    });
  });
  return {
    ...server,
    requests,
    get mostAtOnce() {
      return mostAtOnce;
    },
  };
}

function uidsIn(body: Buffer, boundary: string): readonly string[] {
  const separator = `\r\n--${boundary}`;
  const uids: string[] = [];
  for (let at = body.indexOf(`--${boundary}`); at >= 0; at = body.indexOf(separator, at + 1)) {
    const start = body.indexOf('\r\n\r\n', at) + 4;
    const header = start < 4 ? undefined : decodeFileHeader(body.subarray(start, start + 4_096));
    if (header?.sopInstanceUid !== undefined) uids.push(header.sopInstanceUid);
  }
  return uids;
}

/** PS3.18 Annex I. */
function storedResponse(uids: readonly string[]): object {
  const items = uids.map((uid) => ({ '00081155': { vr: 'UI', Value: [uid] } }));
  return { '00081199': { vr: 'SQ', Value: items } };
}
