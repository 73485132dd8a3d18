import { Hono } from 'hono';
import type { Context } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import type { Part10Source } from '../dicom/instance.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { RecentRefusal } from '../telemetry/recent-refusals.ts';
import {
  InvalidRequestError,
  readDestinationRequest,
  readFilterRequest,
  readListRequest,
} from './control-request.ts';
import type { EntryFilter } from './control-request.ts';
import { problemResponse } from './problem.ts';
import { streamOf } from './stream-of.ts';

/** How many entries an order met. */
interface OrderEffect {
  readonly entries: number;
  readonly bytes: number;
  readonly busy: number;
}

/** A file that is held open until somebody closes it. */
interface HeldFile extends Part10Source {
  close(): void;
}

/** The queue, as this room needs it; the spool's desk meets it. */
interface ControlledQueue<State extends string> {
  list(
    filter: EntryFilter<State>,
    page: { readonly limit: number; readonly offset: number },
  ): Promise<object>;
  show(id: string): Promise<object | undefined>;
  open(id: string): Promise<HeldFile | undefined>;
  retry(filter: EntryFilter<State>): Promise<OrderEffect>;
  replay(filter: EntryFilter<State>): Promise<OrderEffect>;
  drop(filter: EntryFilter<State>): Promise<OrderEffect>;
  pause(destination: string): Promise<void>;
  resume(destination: string): Promise<void>;
}

/** How a bridge that runs is doing. */
export interface BridgeStatus {
  readonly version: string;
  readonly pid: number;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly uptimeSeconds: number;
  /** Those that are open. */
  readonly ports: {
    readonly dimse?: number | undefined;
    readonly http?: number | undefined;
    readonly operations?: number | undefined;
  };
  readonly waiting: {
    readonly entries: number;
    readonly bytes: number;
    /** ISO 8601, UTC; `null` when nothing waits. */
    readonly oldestArrivedAt: string | null;
  };
  readonly failedEntries: number;
  /** Where objects can be meant for. */
  readonly destinations: readonly string[];
  /** Those of them that are sent nothing until somebody says `resume`. */
  readonly paused: readonly string[];
  /** How the archive stands: `closed` is well. */
  readonly breaker: string;
  /** Of the last minute; `null` when nothing was delivered in it. */
  readonly rate: { readonly objectsPerSecond: number; readonly bytesPerSecond: number } | null;
  /** `null` when nobody can tell: on pause, with the archive away, or with no recent delivery. */
  readonly secondsToEmpty: number | null;
}

interface ControlAppOptions<State extends string> {
  readonly queue: ControlledQueue<State>;
  readonly states: readonly State[];
  readonly status: () => BridgeStatus;
  readonly refusals: { list(): readonly RecentRefusal[] };
  readonly log: Logger;
}

const maxBodyBytes = 16 * 1024 * 1024;

/**
 * What an operator may ask of a bridge that runs and tell it to do. It has no authentication of its
 * own: it stands on a socket that only the bridge's own user can open.
 */
export function createControlApp<State extends string>(options: ControlAppOptions<State>): Hono {
  const { queue, states, status, refusals, log } = options;
  // Strict: `/status/` is not `/status`.
  const app = new Hono({ strict: true });
  app.use(bodyLimit({ maxSize: maxBodyBytes, onError: () => problem(413, 'Content Too Large') }));
  const route = (method: 'GET' | 'POST', path: string, handler: ControlHandler): void => {
    app.on(method, path, handler);
    app.all(path, () => problem(405, 'Method Not Allowed', { headers: { Allow: method } }));
  };

  route('GET', '/status', (context) => context.json(status()));
  route('GET', '/refusals', (context) => context.json(refusals.list()));
  route('POST', '/queue/list', async (context) => {
    const { filter, ...page } = readListRequest(await bodyOf(context), states);
    return context.json(await queue.list(filter, page));
  });
  route('GET', '/queue/entries/:id', async (context) => {
    const details = await queue.show(context.req.param('id') ?? '');
    return details === undefined ? noSuchEntry() : context.json(details);
  });
  route('GET', '/queue/entries/:id/file', async (context) => {
    const source = await queue.open(context.req.param('id') ?? '');
    return source === undefined ? noSuchEntry() : fileResponse(source);
  });
  for (const order of ['retry', 'replay', 'drop'] as const) {
    route('POST', `/queue/${order}`, async (context) => {
      const filter = readFilterRequest(await bodyOf(context), states);
      const effect = await queue[order](filter);
      log.info({ order, ...effect }, 'the operator changed the queue');
      return context.json(effect);
    });
  }
  for (const order of ['pause', 'resume'] as const) {
    route('POST', `/queue/${order}`, async (context) => {
      const destination = readDestinationRequest(await bodyOf(context));
      const { destinations } = status();
      if (!destinations.includes(destination)) {
        return problem(404, 'Not Found', {
          detail: `there is no destination of that name; there is: ${destinations.join(', ')}`,
        });
      }
      await queue[order](destination);
      log.info({ order, destination }, 'the operator changed the queue');
      return context.json({ paused: status().paused });
    });
  }

  app.notFound(() => problem(404, 'Not Found'));
  app.onError((error, context) => {
    if (error instanceof InvalidRequestError) {
      return problem(400, 'Bad Request', { detail: error.message });
    }
    log.error({ err: error, path: context.req.path }, 'control request failed');
    if (!(error instanceof BridgeError)) return problem(500, 'Internal Server Error');
    return problem(error.transient ? 503 : 409, error.code, { detail: error.message });
  });
  return app;
}

type ControlHandler = (context: Context) => Response | Promise<Response>;

function problem(
  status: number,
  title: string,
  more: { readonly detail?: string; readonly headers?: Readonly<Record<string, string>> } = {},
): Response {
  return problemResponse({ status, title, ...more });
}

function noSuchEntry(): Response {
  return problem(404, 'Not Found', { detail: 'there is no such entry (any more)' });
}

async function bodyOf(context: Context): Promise<unknown> {
  try {
    return await context.req.json();
  } catch {
    throw new InvalidRequestError('the body is no JSON');
  }
}

function fileResponse(file: HeldFile): Response {
  return new Response(
    streamOf(file.read(), () => file.close()),
    // The length is what tells a file that broke off from a whole one.
    { headers: { 'Content-Type': 'application/dicom', 'Content-Length': String(file.bytes) } },
  );
}
