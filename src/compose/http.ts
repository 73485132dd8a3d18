import type { Config } from '../config/config.ts';
import type { HttpListener } from '../http/http-listener.ts';
import { createOperationsApp } from '../http/operations-app.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { listen } from './listen.ts';

/** What the health resources ask. */
export interface HealthChecks {
  readonly live: () => boolean;
  readonly ready: () => boolean;
  readonly ingest: () => Promise<boolean>;
}

/**
 * Opens the listener for those who run the bridge; `undefined` where it is off.
 *
 * @throws BridgeError `configuration_invalid` naming the port's variable.
 */
export async function startOperations(
  { operations: { host, port } }: Config,
  rooms: { readonly checks: HealthChecks; readonly metrics: Metrics; readonly log: Logger },
): Promise<HttpListener | undefined> {
  if (port === 'off') return undefined;
  const { checks, metrics, log } = rooms;
  const app = createOperationsApp({ ...checks, metrics, log });
  return listen('DRAWBRIDGE_OPS_PORT', { app, host, port });
}
