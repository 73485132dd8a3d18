import { once } from 'node:events';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { Config } from '../../config/config.ts';
import { failed, ok, skipped } from './probe.ts';
import type { Finding, Probe } from './probe.ts';
import { httpExchange } from './http-exchange.ts';
import { openSocket } from './open-way.ts';
import type { WayThere } from './open-way.ts';
import { bindObstacle, reachableHost, tryToBind } from './try-to-bind.ts';
import type { World } from './world.ts';

/** Where clients come by HTTP. */
export const httpPort: Probe = {
  id: 'http.port',
  title: 'HTTP port',
  run: (world, signal) => {
    const { host, port, tls } = world.config.http;
    const place = { host, port, isSecure: tls !== undefined };
    return lookAtPort({ ...place, variable: 'DRAWBRIDGE_HTTP_PORT' }, world, signal);
  },
};

/** Where monitoring comes: health and metrics. */
export const metricsPort: Probe = {
  id: 'operations.port',
  title: 'Metrics port',
  run: async (world, signal) => {
    const { operations } = world.config;
    const finding = await lookAtPort(
      { ...operations, isSecure: false, variable: 'DRAWBRIDGE_OPS_PORT' },
      world,
      signal,
    );
    if (finding.facts?.['answers'] !== true || typeof operations.port !== 'number') return finding;
    const { host, port } = operations;
    const answer = await ask({ host, port, path: '/metrics' }, signal);
    return answer?.body?.includes('drawbridge_') === true
      ? ok(`${finding.found} /metrics too.`, finding.facts)
      : failed(
          `/health/ready answers on port ${operations.port}, /metrics does not.`,
          'Something else than our bridge may listen there: look at DRAWBRIDGE_OPS_PORT.',
          finding.facts,
        );
  },
};

async function lookAtPort(
  {
    host,
    port,
    isSecure,
    variable,
  }: Config['operations'] & { readonly isSecure: boolean; readonly variable: string },
  { bridge }: World,
  signal: AbortSignal,
): Promise<Finding> {
  if (port === 'off') return skipped(`${variable} is off.`);
  if (port === 0) return ok(`Any free port is taken at each start (${variable}=0).`);
  const facts = { host, port };
  const code = await tryToBind(host, port);
  const another = `Set ${variable} to another one, or off.`;
  if (code === undefined) {
    return bridge === undefined
      ? ok(`Port ${port} on ${host} is free; the bridge is not running.`, facts)
      : failed(
          `A bridge runs, but nothing listens on port ${port} of ${host}.`,
          'It was started with other settings: restart it.',
          facts,
        );
  }
  if (code !== 'EADDRINUSE') return failed(bindObstacle(code, { host, port }), another, facts);
  const answer = await ask({ host, port, isSecure, path: '/health/ready' }, signal);
  const isBridge = answer !== undefined && /^(ok|no)\n$/.test(answer.body ?? '');
  if (bridge !== undefined && isBridge) {
    return ok(`The bridge answers on ${host} port ${port}: /health/ready is ${answer.status}.`, {
      ...facts,
      answers: true,
    });
  }
  const who = isBridge ? 'a bridge with another data folder' : 'something else';
  return failed(`Port ${port} on ${host} is taken by ${who}.`, `Stop it. ${another}`, facts);
}

function ask(
  {
    host,
    port,
    isSecure = false,
    path,
  }: {
    readonly host: string;
    readonly port: number;
    readonly isSecure?: boolean;
    readonly path: string;
  },
  signal: AbortSignal,
) {
  const target = new URL(isSecure ? 'https://localhost' : 'http://localhost');
  const near = reachableHost(host);
  target.hostname = near.includes(':') ? `[${near}]` : near;
  target.port = String(port);
  target.pathname = path;
  const question = { signal, ...(isSecure && { open: openUnchecked }) };
  return httpExchange(target, { tls: {}, proxies: undefined }, question).catch(() => undefined);
}

/** Ours is for the name clients use, not for the address it is asked at; nothing secret is sent. */
async function openUnchecked(url: URL, way: WayThere, signal: AbortSignal): Promise<Socket> {
  const socket = connectTls({
    socket: await openSocket(url, way, signal),
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect', { signal });
  return socket;
}
