import type { Config } from '../config/config.ts';
import { BridgeError } from '../errors/bridge-error.ts';
import { startHttpListener } from '../http/http-listener.ts';
import type { HttpListener } from '../http/http-listener.ts';
import { createOperationsApp } from '../http/operations-app.ts';
import { createPublicApp } from '../http/public-app.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** What the health resources ask. */
export interface HealthChecks {
  readonly live: () => boolean;
  readonly ready: () => boolean;
  readonly ingest: () => Promise<boolean>;
}

/** The HTTP listeners that are open; a port that is `off` has none. */
export interface HttpListeners {
  readonly http: HttpListener | undefined;
  readonly operations: HttpListener | undefined;
  close(): Promise<void>;
}

/** Opens both HTTP listeners. @throws BridgeError `configuration_invalid` naming the port's variable. */
export async function startHttpListeners(
  { http, operations }: Config,
  rooms: { readonly checks: HealthChecks; readonly metrics: Metrics; readonly log: Logger },
): Promise<HttpListeners> {
  const { checks, metrics, log } = rooms;
  const open: HttpListener[] = [];
  const start = async (
    { host, port }: Config['http'],
    variable: string,
    app: Parameters<typeof startHttpListener>[0]['app'],
  ): Promise<HttpListener | undefined> => {
    if (port === 'off') return undefined;
    const listener = await startHttpListener({ app, host, port }).catch((cause: unknown) => {
      throw cannotListen(variable, host, port, cause);
    });
    open.push(listener);
    return listener;
  };
  const close = async (): Promise<void> => {
    await Promise.all(open.map((listener) => listener.close()));
  };
  try {
    return {
      http: await start(http, 'DRAWBRIDGE_HTTP_PORT', createPublicApp({ ...checks, log })),
      operations: await start(
        operations,
        'DRAWBRIDGE_OPS_PORT',
        createOperationsApp({ ...checks, metrics, log }),
      ),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function cannotListen(variable: string, host: string, port: number, cause: unknown): BridgeError {
  const { code = 'error' } = cause as NodeJS.ErrnoException;
  return new BridgeError(
    'configuration_invalid',
    `cannot listen on ${host} port ${port} (${code}): set ${variable} to a free port, or off`,
    { transient: false, cause },
  );
}
