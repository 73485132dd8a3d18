import type { Hono } from 'hono';
import type { Logger } from '../telemetry/logger.ts';
import { healthHandler } from './health.ts';
import type { Check } from './health.ts';
import { createResourceApp } from './resource-app.ts';
import type { ReadHandler } from './resource-app.ts';
import type { Viewer } from './viewer/viewer.ts';

interface PublicAppOptions {
  /** The process is not stuck. */
  readonly live: Check;
  /** It can serve; an archive that is away does not make it false. */
  readonly ready: Check;
  /** What else everybody may read without a token, by its path. */
  readonly documents?: Readonly<Record<string, ReadHandler>>;
  /** Everything else, where there is one. */
  readonly viewer?: Viewer | undefined;
  readonly log: Logger;
}

/** What stands on `HTTP_PORT` beside DICOMweb, where clients come from the network. */
export function createPublicApp(options: PublicAppOptions): Hono {
  const { live, ready, documents, viewer, log } = options;
  return createResourceApp(
    { '/health/live': healthHandler(live), '/health/ready': healthHandler(ready), ...documents },
    log,
    viewer,
  );
}
