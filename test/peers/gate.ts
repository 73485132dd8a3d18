import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { pipeline } from 'node:stream';
import { getRequestListener } from '@hono/node-server';
import type { HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import type { JWTPayload } from 'jose';
import { startLoopbackServer } from './loopback-server.ts';
import type { Peer } from './peer.ts';

interface GateOptions {
  /** Root of the archive behind the gate, such as `http://127.0.0.1:8042/dicom-web`. */
  readonly archiveUrl: string;
  readonly issuer: string;
  readonly jwksUrl: string;
  readonly audience: string;
}

/** What the gate does with the requests whose token is good. */
export type GateBehaviour =
  | { readonly kind: 'pass' }
  /** Answers itself, without waiting for the body; the archive never sees the request. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Takes the request and never answers; the body is not read. */
  | { readonly kind: 'stall' }
  /** The archive does its work, and the connection breaks before its answer leaves. */
  | { readonly kind: 'cut-answer' }
  /** The connection breaks when the first bytes of the body arrive. */
  | { readonly kind: 'cut-request' };

/** What the gate has counted so far, requests all. */
interface GateCounters {
  accepted: number;
  /** Without a token that is good. */
  refused: number;
}

/** A bearer-checking reverse proxy: Orthanc knows no OAuth. */
export interface Gate extends Peer {
  /** Root to configure as the archive's address. */
  readonly url: string;
  readonly counters: Readonly<GateCounters>;
  /** From now on, or for so many requests; then it passes again. */
  setBehaviour(behaviour: GateBehaviour, times?: number): void;
  /** Refuses every token that was seen so far, though none has expired. */
  revoke(): void;
  down(): Promise<void>;
  up(): Promise<void>;
}

interface GateState {
  behaviour: GateBehaviour;
  timesLeft: number;
  readonly seen: Set<string>;
  readonly revoked: Set<string>;
  readonly counters: GateCounters;
}

export async function startGate(options: GateOptions): Promise<Gate> {
  const state: GateState = {
    behaviour: { kind: 'pass' },
    timesLeft: Infinity,
    seen: new Set(),
    revoked: new Set(),
    counters: { accepted: 0, refused: 0 },
  };
  const app = gateApp(options, state);
  const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false });
  const server = await startLoopbackServer(() => (request, response) => {
    void listener(request, response);
  });
  return {
    ...server,
    url: `${server.url}${new URL(options.archiveUrl).pathname}`,
    counters: state.counters,
    setBehaviour: (behaviour, times = Infinity) => {
      state.behaviour = behaviour;
      state.timesLeft = times;
    },
    revoke: () => {
      for (const token of state.seen) state.revoked.add(token);
    },
  };
}

function gateApp(options: GateOptions, state: GateState): Hono<{ Bindings: HttpBindings }> {
  const keys = createRemoteJWKSet(new URL(options.jwksUrl));
  const app = new Hono<{ Bindings: HttpBindings }>();
  app.use('*', async (context, next) => {
    const token = /^Bearer ([^ ]+)$/i.exec(context.req.header('authorization') ?? '')?.[1];
    const claims = await verified(token, keys, options);
    const needed = context.req.method === 'POST' ? 'dicomweb.write' : 'dicomweb.read';
    if (token === undefined || !claims || state.revoked.has(token)) {
      state.counters.refused += 1;
      return context.text('no valid token', 401, {
        'WWW-Authenticate': token === undefined ? 'Bearer' : 'Bearer error="invalid_token"',
      });
    }
    if (!scopesOf(claims).includes(needed)) {
      state.counters.refused += 1;
      return context.text('scope', 403, {
        'WWW-Authenticate': 'Bearer error="insufficient_scope"',
      });
    }
    state.seen.add(token);
    state.counters.accepted += 1;
    await next();
    return undefined;
  });
  app.all('*', (context) => {
    const behaviour = takeBehaviour(state);
    const { incoming, outgoing } = context.env;
    if (behaviour.kind === 'answer') {
      return new Response(behaviour.body ?? null, {
        status: behaviour.status,
        headers: behaviour.headers ?? {},
      });
    }
    if (behaviour.kind === 'cut-request') incoming.once('data', () => incoming.destroy());
    else if (behaviour.kind !== 'stall') {
      carry(options.archiveUrl, incoming, outgoing, behaviour);
    }
    return RESPONSE_ALREADY_SENT;
  });
  return app;
}

async function verified(
  token: string | undefined,
  keys: ReturnType<typeof createRemoteJWKSet>,
  options: GateOptions,
): Promise<JWTPayload | undefined> {
  if (token === undefined) return undefined;
  const { issuer, audience } = options;
  const result = await jwtVerify(token, keys, {
    issuer,
    audience,
    algorithms: ['RS256'],
    typ: 'at+jwt',
    requiredClaims: ['exp'],
  }).catch(() => undefined);
  return result?.payload;
}

function scopesOf(claims: JWTPayload): readonly string[] {
  const scope = claims['scope'];
  return typeof scope === 'string' ? scope.split(' ') : [];
}

function takeBehaviour(state: GateState): GateBehaviour {
  const { behaviour } = state;
  state.timesLeft -= 1;
  if (state.timesLeft <= 0) {
    state.behaviour = { kind: 'pass' };
    state.timesLeft = Infinity;
  }
  return behaviour;
}

/** Streams both ways; nothing is held, and a length that was said stays said. */
function carry(
  archiveUrl: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  behaviour: GateBehaviour,
): void {
  const { origin } = new URL(archiveUrl);
  const upstream = httpRequest(new URL(incoming.url ?? '/', origin), {
    method: incoming.method,
    headers: passedOn(incoming.headers),
  });
  upstream.on('response', (answer) => {
    if (behaviour.kind === 'cut-answer') {
      answer.resume().once('end', () => outgoing.destroy());
      return;
    }
    // The bridge was killed meanwhile; Node 24 throws at a pipe into nothing.
    if (outgoing.destroyed) {
      answer.destroy();
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, passedOn(answer.headers));
    pipeline(answer, outgoing, () => undefined);
  });
  upstream.on('error', () => {
    if (outgoing.headersSent) outgoing.destroy();
    else outgoing.writeHead(502).end();
  });
  pipeline(incoming, upstream, () => undefined);
}

const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'host',
  'authorization',
]);

function passedOn(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !hopByHop.has(name)));
}
