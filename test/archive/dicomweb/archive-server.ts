import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { ServerOptions } from 'node:https';
import { buffer } from 'node:stream/consumers';
import { DicomWebArchive } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import type { DicomWebArchiveOptions } from '../../../src/archive/dicomweb/dicomweb-archive.ts';
import type { OriginAuthorization } from '../../../src/archive/dicomweb/origin-client.ts';
import type { Part10Source } from '../../../src/dicom/instance.ts';
import { startLoopbackServer } from '../../peers/loopback-server.ts';
import type { LoopbackServer } from '../../peers/loopback-server.ts';
import { buildPart10, newUid, part10Source } from '../../support/dicom-object.ts';
import { recordingLogger } from '../../support/recording-logger.ts';

/** What one test says the archive does. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** A real HTTP server that plays an archive, and a client of it. */
export class ArchiveServer {
  readonly #server: LoopbackServer;
  readonly #clients: DicomWebArchive[] = [];
  #handler: Handler = (_request, response) => response.writeHead(500).end();
  /** Requests that came, whatever became of them. */
  readonly requests: IncomingMessage[] = [];

  private constructor(server: LoopbackServer) {
    this.#server = server;
  }

  static async start(tls?: ServerOptions): Promise<ArchiveServer> {
    const listener: RequestListener = (request, response) => {
      archive.requests.push(request);
      archive.#handler(request, response);
    };
    const server = await startLoopbackServer(() => listener, tls);
    const archive = new ArchiveServer(server);
    return archive;
  }

  get url(): string {
    return `${this.#server.url}/dicom-web`;
  }

  /** A new client of what the handler plays. */
  play(handler: Handler, options: Partial<DicomWebArchiveOptions> = {}): DicomWebArchive {
    this.#handler = handler;
    this.requests.length = 0;
    const archive = new DicomWebArchive({
      baseUrl: this.url,
      connections: 2,
      timeoutMs: 5_000,
      authorization: fixedTokens(),
      now: () => Date.now(),
      log: recordingLogger(),
      ...options,
    });
    this.#clients.push(archive);
    return archive;
  }

  /** Ends the clients of the last test. */
  async closeClients(): Promise<void> {
    for (const archive of this.#clients.splice(0)) await archive.close();
  }

  stop(): Promise<void> {
    return this.#server.stop();
  }
}

/** Gives these tokens, each until it is refused; none at all when there are none. */
export function fixedTokens(
  ...tokens: readonly string[]
): OriginAuthorization & { refusals: string[] } {
  const refusals: string[] = [];
  return {
    refusals,
    authorization: () => Promise.resolve(tokens[Math.min(refusals.length, tokens.length - 1)]),
    refused: (token) => void refusals.push(token),
  };
}

/** An object that counts how far it was read and tells when its reading ended. */
export interface WatchedSource extends Part10Source {
  readonly readBytes: number;
  readonly closed: Promise<void>;
}

export function watchedSource(pixelBytes = 2): WatchedSource {
  const sop = newUid();
  const source = part10Source(buildPart10({ sop, pixelBytes }), { sop });
  let readBytes = 0;
  let close = (): void => undefined;
  const closed = new Promise<void>((resolve) => (close = resolve));
  return {
    ...source,
    get readBytes() {
      return readBytes;
    },
    closed,
    async *read() {
      try {
        for await (const chunk of source.read()) {
          readBytes += chunk.length;
          yield chunk;
        }
      } finally {
        close();
      }
    },
  };
}

/** Takes the whole request and keeps all that is in it, as its answer says. Gives the body. */
export async function keepAll(request: IncomingMessage, response: ServerResponse): Promise<Buffer> {
  const body = await buffer(request);
  const names = [...body.toString('latin1').matchAll(sopInstanceUid)].map((match) => match[1]);
  const items = names.map((name) => ({ '00081155': { vr: 'UI', Value: [name] } }));
  answerJson(response, 200, { '00081199': { vr: 'SQ', Value: items } });
  return body;
}

/** Media Storage SOP Instance UID (0002,0003) as the generated objects write it. */
// eslint-disable-next-line no-control-regex -- it is a binary element
const sopInstanceUid = /\x02\0\x03\0UI..([0-9.]+)/gs;

export function answerJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/dicom+json' });
  response.end(JSON.stringify(body));
}
