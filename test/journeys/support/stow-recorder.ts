import type { IncomingHttpHeaders } from 'node:http';
import { keepAll } from '../../archive/dicomweb/archive-server.ts';
import { startLoopbackServer } from '../../peers/loopback-server.ts';
import type { Peer } from '../../peers/peer.ts';

/** One request to store, as it came. */
interface RecordedRequest {
  readonly headers: IncomingHttpHeaders;
  /** SOP Instance UIDs in the order of the message's parts. */
  readonly sopInstanceUids: readonly string[];
}

/** A STOW-RS service that keeps everything it is sent, and writes down who asked for what. */
export interface StowRecorder extends Peer {
  readonly url: string;
  readonly requests: readonly RecordedRequest[];
  /** Leaves every request unanswered, and unread, until `release`. */
  hold(): void;
  release(): void;
}

export async function startStowRecorder(): Promise<StowRecorder> {
  const requests: RecordedRequest[] = [];
  let held: Promise<void> | undefined;
  let release = (): void => undefined;
  const server = await startLoopbackServer(() => (request, response) => {
    void (async () => {
      await held;
      const body = await keepAll(request, response);
      requests.push({ headers: request.headers, sopInstanceUids: uidsIn(body) });
    })();
  });
  return {
    ...server,
    url: `${server.url}/dicom-web`,
    requests,
    hold: () => {
      held = new Promise((resolve) => (release = resolve));
    },
    release: () => {
      held = undefined;
      release();
    },
  };
}

/** SOP Instance UID (0008,0018) of the data sets, explicit VR little endian. */
function uidsIn(body: Buffer): readonly string[] {
  // eslint-disable-next-line no-control-regex -- it is a binary element
  const element = /\x08\0\x18\0UI..([0-9.]+)/gs;
  return [...body.toString('latin1').matchAll(element)].map((match) => match[1] ?? '');
}
