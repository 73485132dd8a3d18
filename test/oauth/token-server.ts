import { once, EventEmitter } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { startLoopbackServer } from '../peers/loopback-server.ts';
import type { Peer } from '../peers/peer.ts';

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** A token end point that can be told what to say; left alone it gives `token-1`, `token-2`, … */
export interface TokenServer extends Peer {
  readonly url: string;
  readonly requests: readonly {
    readonly form: URLSearchParams;
    readonly authorization: string | undefined;
  }[];
  answer(answer: Answer): void;
  /** Answers nobody until the returned function is called. */
  hold(): () => void;
  /** Resolves when so many requests have come, or have been answered, since the last reset. */
  arrived(count: number): Promise<void>;
  answered(count: number): Promise<void>;
  reset(): void;
}

export async function startTokenServer(): Promise<TokenServer> {
  const events = new EventEmitter();
  const requests: { form: URLSearchParams; authorization: string | undefined }[] = [];
  let answered = 0;
  let told: Answer | undefined;
  let held = Promise.resolve();

  const server = await startLoopbackServer(() => (request, response) => {
    void (async () => {
      requests.push(await parse(request));
      events.emit('change');
      const count = requests.length;
      await held;
      const { status = 200, headers = {}, body = '' } = told ?? { body: usualBody(count) };
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
      answered += 1;
      events.emit('change');
    })();
  });

  const until = async (reached: () => boolean): Promise<void> => {
    while (!reached()) await once(events, 'change');
  };
  return {
    ...server,
    requests,
    answer: (answer) => (told = answer),
    hold: () => {
      let release = (): void => undefined;
      held = new Promise((resolve) => (release = resolve));
      return release;
    },
    arrived: (count) => until(() => requests.length >= count),
    answered: (count) => until(() => answered >= count),
    reset: () => {
      requests.length = 0;
      answered = 0;
      told = undefined;
      held = Promise.resolve();
    },
  };
}

async function parse(
  request: IncomingMessage,
): Promise<{ form: URLSearchParams; authorization: string | undefined }> {
  return {
    form: new URLSearchParams(await text(request)),
    authorization: request.headers.authorization,
  };
}

function usualBody(count: number): string {
  return `{"access_token":"token-${count}","token_type":"Bearer","expires_in":100}`;
}
