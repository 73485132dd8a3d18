import type { ReadHandler } from './resource-app.ts';

/** Whether the bridge can do something right now. */
export type Check = () => boolean | Promise<boolean>;

/**
 * A health resource: 200 or 503, and nothing that tells a stranger anything (HOSTILE D48).
 * A check that fails counts as a no, since an orchestrator understands nothing else.
 */
export function healthHandler(check: Check): ReadHandler {
  return async () => {
    const healthy = await Promise.resolve()
      .then(check)
      .catch(() => false);
    return new Response(healthy ? 'ok\n' : 'no\n', {
      status: healthy ? 200 : 503,
      headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' },
    });
  };
}
