import { once } from 'node:events';
import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { parseUid } from '../dicom/uid.ts';
import type { BridgeStatus } from '../http/control-app.ts';
import { controlSocketName, openNear } from '../http/control-socket.ts';
import type {
  EntryDetails,
  HeldSource,
  QueueDesk,
  QueueEffect,
  QueueFilter,
  QueuePage,
} from '../spool/queue-desk.ts';
import type { RecentRefusal } from '../telemetry/recent-refusals.ts';
import { CommandError } from './command-error.ts';
import { userIdOf } from './user-id-of.ts';

/** Nobody answers on the control socket. */
export class NoBridgeError extends CommandError {}

/** The queue of a bridge, wherever it is; what is on pause is told by the status. */
export type RemoteQueue = Omit<QueueDesk, 'paused'>;

/** A bridge that is stuck shall not take the terminal with it; a drop of 200,000 entries takes a while. */
const answerTimeoutMs = 120_000;

/** The bridge that runs on a data folder, by its control socket. */
export class ControlClient implements RemoteQueue {
  readonly #dataDir: string;

  /** @param dataDir - `DATA_DIR` of the bridge. Nothing is opened before the first question. */
  constructor({ dataDir }: { readonly dataDir: string }) {
    this.#dataDir = dataDir;
  }

  /** @throws {@link NoBridgeError} when no bridge runs; so do all the others. */
  status(): Promise<BridgeStatus> {
    return this.#ask('GET', '/status');
  }

  /** Associations and objects it refused, newest first. */
  refusals(): Promise<readonly RecentRefusal[]> {
    return this.#ask('GET', '/refusals');
  }

  list(
    filter: QueueFilter,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<QueuePage> {
    return this.#ask('POST', '/queue/list', { filter, ...page });
  }

  show(id: string): Promise<EntryDetails | undefined> {
    return this.#find(entryPath(id));
  }

  async open(id: string): Promise<HeldSource | undefined> {
    const details = await this.show(id);
    if (details === undefined) return undefined;
    const [sopInstanceUid, sopClassUid, transferSyntaxUid] = [
      details.sopInstanceUid,
      details.sopClassUid,
      details.transferSyntaxUid,
    ].map(parseUid);
    if (!sopInstanceUid || !sopClassUid || !transferSyntaxUid) return undefined;
    const answer = await this.#send('GET', `${entryPath(id)}/file`);
    if (answer.statusCode === 404) {
      answer.resume();
      return undefined;
    }
    if (answer.statusCode !== 200) throw refusedBy(answer, await textOf(answer));
    const { bytes } = details;
    return {
      ...{ sopInstanceUid, sopClassUid, transferSyntaxUid, bytes },
      read: () => answer as AsyncIterable<Buffer>,
      close: () => answer.destroy(),
    };
  }

  retry(filter: QueueFilter): Promise<QueueEffect> {
    return this.#ask('POST', '/queue/retry', { filter });
  }

  replay(filter: QueueFilter): Promise<QueueEffect> {
    return this.#ask('POST', '/queue/replay', { filter });
  }

  drop(filter: QueueFilter): Promise<QueueEffect> {
    return this.#ask('POST', '/queue/drop', { filter });
  }

  async pause(destination: string): Promise<void> {
    await this.#ask('POST', '/queue/pause', { destination });
  }

  async resume(destination: string): Promise<void> {
    await this.#ask('POST', '/queue/resume', { destination });
  }

  async #ask<T>(method: 'GET' | 'POST', path: string, body?: object): Promise<T> {
    const answer = await this.#send(method, path, body);
    const text = await textOf(answer);
    if (answer.statusCode !== 200) throw refusedBy(answer, text);
    // Our own bridge says what its types say.
    return JSON.parse(text) as T;
  }

  async #find<T>(path: string): Promise<T | undefined> {
    const answer = await this.#send('GET', path);
    const text = await textOf(answer);
    if (answer.statusCode === 404) return undefined;
    if (answer.statusCode !== 200) throw refusedBy(answer, text);
    return JSON.parse(text) as T;
  }

  async #send(method: 'GET' | 'POST', path: string, body?: object): Promise<IncomingMessage> {
    try {
      const near = openNear(this.#dataDir);
      try {
        const outgoing = request({
          socketPath: `${near.path}/${controlSocketName}`,
          // A connection kept from before may be closed while a person thinks.
          agent: false,
          method,
          path,
          headers: body === undefined ? {} : { 'Content-Type': 'application/json' },
          timeout: answerTimeoutMs,
        });
        outgoing.on('timeout', () => outgoing.destroy(silent()));
        outgoing.end(body === undefined ? undefined : JSON.stringify(body));
        const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
        return answer;
      } finally {
        near.close();
      }
    } catch (error) {
      throw this.#explained(error);
    }
  }

  #explained(error: unknown): unknown {
    const { code = '' } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return new NoBridgeError(
        `no bridge runs with the data folder ${this.#dataDir}; start one, or set DRAWBRIDGE_DATA_DIR to the folder of the one that runs`,
      );
    }
    if (code === 'EACCES' || code === 'EPERM') return notPermitted(this.#dataDir);
    if (code === 'ECONNRESET' || code === 'EPIPE') {
      return new CommandError('the bridge stopped before it answered; see its log');
    }
    return error;
  }
}

/** Only the user the bridge runs as may steer it. */
export function notPermitted(folder: string): CommandError {
  const owner = userIdOf(folder);
  const as = owner === undefined ? 'the user the bridge runs as' : `user id ${owner}`;
  const how = owner === undefined ? '' : `, for example: sudo -E -u '#${owner}' drawbridge …`;
  return new CommandError(
    `${folder} may only be used by ${as}; run the command as that user${how}`,
  );
}

function silent(): CommandError {
  return new CommandError(
    `the bridge does not answer within ${answerTimeoutMs / 1000} s; look at its log and at the disk`,
  );
}

function entryPath(id: string): string {
  return `/queue/entries/${encodeURIComponent(id)}`;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

/** What its problem document says, for the terminal. */
function refusedBy({ statusCode }: IncomingMessage, text: string): CommandError {
  let detail: unknown;
  try {
    ({ detail } = JSON.parse(text) as { readonly detail?: unknown });
  } catch {
    // Not one of our documents; its status alone has to do.
  }
  return new CommandError(
    typeof detail === 'string'
      ? `the bridge refused: ${detail}`
      : `the bridge answered with HTTP ${statusCode ?? 0}; its log says why`,
  );
}
