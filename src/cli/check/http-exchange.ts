import { request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';
import { openSecureSocket, openSocket } from './open-way.ts';
import type { WayThere } from './open-way.ts';

/** An answer, whatever its status. */
export interface PlainAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** `undefined` when it was cut off or longer than we read. */
  readonly body: string | undefined;
  readonly milliseconds: number;
}

interface Question {
  readonly method?: 'GET' | 'HEAD' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How the connection is made, where not as the bridge would. */
  readonly open?: typeof openSocket;
  readonly signal: AbortSignal;
}

const maxBodyBytes = 1024 * 1024;

/**
 * One request on a connection of its own, the way the bridge would go; follows no redirect.
 *
 * Not by the archive's client: that hides what a probe wants to see, such as the Date header.
 */
export async function httpExchange(
  url: URL,
  way: WayThere,
  { method = 'GET', headers = {}, body, open, signal }: Question,
): Promise<PlainAnswer> {
  const usual = url.protocol === 'https:' ? openSecureSocket : openSocket;
  const socket = await (open ?? usual)(url, way, signal);
  const begun = performance.now();
  try {
    return await answerTo(
      socket,
      url,
      { method, headers, ...(body !== undefined && { body }), signal },
      begun,
    );
  } finally {
    socket.destroy();
  }
}

function answerTo(
  socket: Socket,
  url: URL,
  { method, headers, body, signal }: Omit<Question, 'open'>,
  begun: number,
): Promise<PlainAnswer> {
  return new Promise((resolve, reject) => {
    const asking = request({
      method,
      path: `${url.pathname}${url.search}`,
      headers: {
        host: url.host,
        'accept-encoding': 'identity',
        connection: 'close',
        ...headers,
        ...(body !== undefined && { 'content-length': String(Buffer.byteLength(body)) }),
      },
      createConnection: () => socket,
      signal,
    });
    asking.on('error', reject);
    asking.on('response', (answer) => {
      const milliseconds = Math.round(performance.now() - begun);
      const chunks: Buffer[] = [];
      let bytes = 0;
      const finish = (text: string | undefined): void =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: text,
          milliseconds,
        });
      answer.on('data', (chunk: Buffer) => {
        bytes += chunk.length;
        if (bytes <= maxBodyBytes) chunks.push(chunk);
        else answer.destroy();
      });
      answer.on('error', () => finish(undefined));
      answer.on('close', () =>
        finish(
          answer.complete && bytes <= maxBodyBytes
            ? Buffer.concat(chunks).toString('utf8')
            : undefined,
        ),
      );
    });
    asking.end(body);
  });
}
