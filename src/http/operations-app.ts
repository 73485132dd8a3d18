import type { Hono } from 'hono';
import type { Logger } from '../telemetry/logger.ts';
import { healthHandler } from './health.ts';
import type { Check } from './health.ts';
import { createResourceApp } from './resource-app.ts';

interface OperationsAppOptions {
  readonly live: Check;
  readonly ready: Check;
  /** Objects are taken in; false at the disk watermark. */
  readonly ingest: Check;
  readonly metrics: {
    expose(): Promise<{ readonly contentType: string; readonly text: string }>;
  };
  readonly log: Logger;
}

/** What stands on `OPS_PORT`, for those who run the bridge. */
export function createOperationsApp(options: OperationsAppOptions): Hono {
  const { live, ready, ingest, metrics, log } = options;
  return createResourceApp(
    {
      '/health/live': healthHandler(live),
      '/health/ready': healthHandler(ready),
      '/health/ingest': healthHandler(ingest),
      '/metrics': async () => {
        const { contentType, text } = await metrics.expose();
        return new Response(text, { headers: { 'Content-Type': contentType } });
      },
    },
    log,
  );
}
