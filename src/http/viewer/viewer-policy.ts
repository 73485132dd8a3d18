import { createHash } from 'node:crypto';

/**
 * The Content Security Policy of a page of the viewer: what OHIF needs, and nothing from elsewhere.
 *
 * OHIF compiles WebAssembly (codecs), starts workers from blobs, styles elements one by one, and
 * shows a PDF as an object made from a blob. Without `unsafe-eval` it shows no segmentation (3.13.2):
 * `ndarray`, which reads them, writes its accessors as program text.
 *
 * @param html - the page; scripts that stand in it may run as they are.
 * @param signIn - the origins where users sign in, if they do.
 */
export function viewerPolicy(html: string, signIn: readonly string[]): string {
  const directives: Readonly<Record<string, readonly string[]>> = {
    'default-src': ["'self'"],
    'script-src': ["'self'", "'unsafe-eval'", ...scriptHashes(html)],
    'worker-src': ["'self'", 'blob:'],
    'style-src': ["'self'", "'unsafe-inline'"],
    'img-src': ["'self'", 'data:', 'blob:'],
    'media-src': ["'self'", 'blob:'],
    'font-src': ["'self'", 'data:'],
    'connect-src': ["'self'", 'data:', 'blob:', ...signIn],
    'frame-src': ["'self'", 'blob:', ...signIn],
    'object-src': ["'self'", 'blob:'],
    'form-action': ["'self'", ...signIn],
    'frame-ancestors': ["'self'"],
    'base-uri': ["'self'"],
  };
  return Object.entries(directives)
    .map(([name, sources]) => [name, ...sources].join(' '))
    .join('; ');
}

/** Of scripts without `src`, to the byte (CSP 3 §6.7.3.2). */
function scriptHashes(html: string): readonly string[] {
  return [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([^]*?)<\/script>/gi)].map(
    ([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  );
}
