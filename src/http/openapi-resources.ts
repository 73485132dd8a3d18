import { docsPage, docsPolicy } from './docs-page.ts';
import { createOpenApiDocument } from './openapi.ts';
import type { OpenApiOptions } from './openapi.ts';
import type { ReadHandler } from './resource-app.ts';

/** The description of the front, for programs and for people. It tells nothing that is not public. */
export function openApiResources(options: OpenApiOptions): Readonly<Record<string, ReadHandler>> {
  const document = createOpenApiDocument(options);
  const json = JSON.stringify(document);
  const page = docsPage(document);
  const headers = { 'Cache-Control': 'public, max-age=300', 'Referrer-Policy': 'no-referrer' };
  return {
    '/openapi.json': () =>
      new Response(json, { headers: { ...headers, 'Content-Type': 'application/json' } }),
    '/docs': async () =>
      new Response(await page, {
        headers: {
          ...headers,
          'Content-Type': 'text/html; charset=utf-8',
          'Content-Security-Policy': docsPolicy,
        },
      }),
  };
}
