import type { Hono } from 'hono';
import type { Logger } from '../telemetry/logger.ts';
import { healthHandler } from './health.ts';
import type { Check } from './health.ts';
import { createResourceApp } from './resource-app.ts';

interface PublicAppOptions {
  /** The process is not stuck. */
  readonly live: Check;
  /** It can serve; an archive that is away does not make it false. */
  readonly ready: Check;
  readonly log: Logger;
}

/** What stands on `HTTP_PORT`, where clients come from the network. */
export function createPublicApp({ live, ready, log }: PublicAppOptions): Hono {
  return createResourceApp(
    { '/health/live': healthHandler(live), '/health/ready': healthHandler(ready) },
    log,
  );
}
