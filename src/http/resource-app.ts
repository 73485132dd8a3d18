import { Hono } from 'hono';
import type { Logger } from '../telemetry/logger.ts';
import { problemResponse } from './problem.ts';

/** Answers GET (and HEAD, whose body is dropped) of one path. */
export type ReadHandler = () => Response | Promise<Response>;

/**
 * An app of resources that can only be read: other methods get 405 with `Allow` (RFC 9110 §15.5.6),
 * other paths 404, and a handler that throws 500, each as a problem document.
 *
 * @param otherwise - answers other paths in place of the 404.
 */
export function createResourceApp(
  resources: Readonly<Record<string, ReadHandler>>,
  log: Logger,
  otherwise: (request: Request) => Response | Promise<Response> = () =>
    problemResponse({ status: 404, title: 'Not Found' }),
): Hono {
  // Strict: `/metrics/` is not `/metrics`.
  const app = new Hono({ strict: true });
  app.use(async (context, next) => {
    await next();
    context.header('X-Content-Type-Options', 'nosniff');
  });
  for (const [path, handler] of Object.entries(resources)) {
    app.get(path, handler);
    app.all(path, () =>
      problemResponse({
        status: 405,
        title: 'Method Not Allowed',
        headers: { Allow: 'GET, HEAD' },
      }),
    );
  }
  app.notFound((context) => otherwise(context.req.raw));
  app.onError((error, context) => {
    log.error({ err: error, path: context.req.path }, 'request failed');
    return problemResponse({ status: 500, title: 'Internal Server Error' });
  });
  return app;
}
