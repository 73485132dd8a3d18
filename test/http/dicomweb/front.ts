import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Principal } from '../../../src/access/principal.ts';
import type { AnswerOptions, ReadRequest } from '../../../src/archive/dicomweb-origin.ts';
import { createDicomwebHandler } from '../../../src/http/dicomweb/dicomweb-handler.ts';
import type { DicomwebHandlerOptions } from '../../../src/http/dicomweb/dicomweb-handler.ts';
import { startHttpListener } from '../../../src/http/http-listener.ts';
import { createPublicApp } from '../../../src/http/public-app.ts';
import type { ResponseSink } from '../../../src/translate/response-sink.ts';
import { recordingLogger } from '../../support/recording-logger.ts';
import type { RecordingLogger } from '../../support/recording-logger.ts';

export const host = '127.0.0.1';
export const good = 'Bearer good-token';
export const instance = 'studies/1.2/series/1.2.3/instances/1.2.3.4';
export const frames = `${instance}/frames/1`;
export const bulk = `${instance}/bulk/00420011`;
export const metadataUrl = 'https://pacs.example/.well-known/oauth-protected-resource/dicom-web';

export const reader: Principal = {
  subject: 'user-1',
  issuer: 'https://idp.example',
  displayName: 'Reader One',
  scopes: new Set(['read']),
  tenant: undefined,
  studies: undefined,
  tokenId: undefined,
  expiresAt: Infinity,
};

type Answer = (
  request: ReadRequest,
  sink: ResponseSink,
  options: AnswerOptions,
  principal: Principal,
) => Promise<void> | void;

type RequestEnd = Parameters<DicomwebHandlerOptions['metrics']['httpRequestEnded']>[0];

/** A front on a port of its own, over a relay in memory. */
export interface Front {
  readonly port: number;
  readonly url: string;
  /** What got through to the archive. */
  readonly relayed: readonly ReadRequest[];
  readonly log: RecordingLogger;
  readonly ended: readonly RequestEnd[];
  readonly limited: readonly string[];
  /** Fetches a path below the root, with a good token unless told otherwise. */
  get(path: string, headers?: Readonly<Record<string, string>>, method?: string): Promise<Response>;
  /** Sends bytes as they are and gives all that comes back until the connection ends. */
  raw(text: string): Promise<string>;
  connect(): Socket;
  close(): Promise<void>;
}

export function jsonAnswer(text = '[]'): Answer {
  return (_, sink) => {
    sink.begin({ status: 200, headers: { 'content-type': 'application/dicom+json' } });
    sink.write(Buffer.from(text));
    sink.end();
  };
}

export async function startFront(
  answer: Answer = jsonAnswer(),
  options: Partial<DicomwebHandlerOptions> = {},
): Promise<Front> {
  const relayed: ReadRequest[] = [];
  const ended: RequestEnd[] = [];
  const limited: string[] = [];
  const log = recordingLogger();
  const handler = createDicomwebHandler({
    root: '/dicom-web',
    publicRoot: () => 'https://pacs.example/dicom-web',
    admission: {
      kind: 'bearer',
      authenticate: (authorization) => Promise.resolve(verdictOf(authorization)),
      resourceMetadataUrl: () => metadataUrl,
    },
    scopeNames: { read: 'dicomweb.read', write: 'dicomweb.write', admin: 'drawbridge.admin' },
    relay: {
      answer: async (principal, request, sink, rest) => {
        relayed.push(request);
        await answer(request, sink, rest, principal);
      },
    },
    corsOrigins: ['https://viewer.example'],
    maxBodyBytes: 1_000_000,
    trustedProxies: [],
    metrics: {
      httpRequestBegan: () => undefined,
      httpRequestEnded: (end) => ended.push(end),
      httpRequestLimited: (reason) => limited.push(reason),
    },
    log,
    now: () => 0,
    random: () => 0,
    ...options,
  });
  const yes = (): boolean => true;
  const app = createPublicApp({ live: yes, ready: yes, log });
  const listener = await startHttpListener({
    app,
    front: handler,
    host,
    port: 0,
    requestTimeoutMs: 0,
  });
  const { port } = listener;
  const url = `http://${host}:${port}`;
  return {
    port,
    url,
    relayed,
    log,
    ended,
    limited,
    get: (path, headers = {}, method = 'GET') =>
      fetch(`${url}/dicom-web/${path}`, { method, headers: { authorization: good, ...headers } }),
    raw: async (text) => {
      const socket = connect(port, host);
      socket.write(text, 'latin1');
      const chunks: Buffer[] = [];
      socket.on('data', (chunk) => chunks.push(chunk));
      // Broken off, or ended: what came before is what counts.
      socket.on('error', () => undefined);
      await new Promise((resolve) => socket.once('close', resolve));
      return Buffer.concat(chunks).toString('latin1');
    },
    connect: () => connect(port, host),
    close: () => listener.close({ graceMs: 0 }),
  };
}

function verdictOf(authorization: string | undefined) {
  const [scheme = '', token = ''] = (authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'bearer') {
    return { ok: false, reason: 'missing', description: 'a Bearer token is needed' } as const;
  }
  if (token === 'good-token') return { ok: true, principal: reader } as const;
  if (token === 'nobody-knows') {
    const description = 'the issuer does not answer';
    return { ok: false, reason: 'unavailable', description, temporary: true } as const;
  }
  if (token === 'no-scope') {
    const description = 'the token has none of the scopes of this bridge';
    return { ok: false, reason: 'insufficient_scope', description } as const;
  }
  return { ok: false, reason: 'signature', description: 'the signature is wrong' } as const;
}

/** A request as it stands on the wire, on a connection that ends after it. */
export function wire(target: string, ...lines: readonly string[]): string {
  const head = [`GET ${target} HTTP/1.1`, 'Host: pacs.example', `Authorization: ${good}`];
  return [...head, 'Connection: close', ...lines, '', ''].join('\r\n');
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1]);
}

/** Answers with these headers and bytes. */
export function answerWith(
  headers: Readonly<Record<string, string>>,
  ...chunks: readonly string[]
) {
  return (_: unknown, sink: ResponseSink): void => {
    sink.begin({ status: 200, headers });
    for (const chunk of chunks) sink.write(Buffer.from(chunk));
    sink.end();
  };
}

/** `fetch` takes gzip unless told otherwise. */
export const plain = { 'accept-encoding': 'identity' };

export function gzip(): Readonly<Record<string, string>> {
  return { 'accept-encoding': 'gzip' };
}

/** The bytes as they come, not unpacked. */
export async function bytesOf(
  front: Front,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly headers: IncomingMessage['headers']; readonly body: Buffer }> {
  const sent = request({
    host,
    port: front.port,
    path: `/dicom-web/${path}`,
    headers: { authorization: good, ...headers },
    agent: false,
  }).end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  return { headers: answer.headers, body: Buffer.concat((await answer.toArray()) as Buffer[]) };
}

export function aborted(signal: AnswerOptions['signal']): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason as Error);
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}

export function deferred<T>(): {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
} {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
