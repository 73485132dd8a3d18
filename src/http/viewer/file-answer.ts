import { createReadStream } from 'node:fs';
import { getMimeType } from 'hono/utils/mime';
import { streamOf } from '../stream-of.ts';
import { maxCompressibleBytes } from './compressed-files.ts';
import type { ViewerFile } from './viewer-files.ts';

/** A file in the form it travels in. */
export interface FileToSend {
  readonly file: ViewerFile;
  /** How it was compressed, by whoever built the viewer or by us. */
  readonly encoding: 'br' | 'gzip' | undefined;
  /** Makes what is sent in place of the file; without it, that is sent as it lies there. */
  readonly make?: () => Promise<Buffer>;
}

/** Already compressed, or too short to gain anything. */
const compressible =
  /^(?:text\/|application\/(?:json|javascript|xml|wasm|manifest\+json)|image\/(?:svg|x-icon))/;
const leastBytes = 1_024;

/** A name with a digest in it: when the content changes, so does the name. */
const hashedName = /(?:^|[./-])[0-9a-f]{16,}\.[a-z0-9]+$/;

/** Media type by the file's name; a browser must not guess. */
export function mediaTypeOf(name: string): string {
  return (
    getMimeType(name) ?? (/\.jsonc$/.test(name) ? 'application/json' : 'application/octet-stream')
  );
}

/**
 * Chooses among the forms a file can travel in: as somebody compressed it before (`name.br`,
 * `name.gz`), compressed by us, or as it is.
 *
 * @param accepted - the Accept-Encoding header.
 */
export async function chooseForm(
  { name, file }: { readonly name: string; readonly file: ViewerFile },
  accepted: string,
  {
    find,
    gzip,
  }: {
    readonly find: (name: string) => Promise<ViewerFile | undefined>;
    readonly gzip: (file: ViewerFile) => Promise<Buffer>;
  },
): Promise<FileToSend> {
  const asItIs = { file, encoding: undefined } as const;
  if (!compressible.test(mediaTypeOf(name)) || file.bytes < leastBytes) return asItIs;
  for (const [encoding, extension] of [
    ['br', '.br'],
    ['gzip', '.gz'],
  ] as const) {
    if (!accepts(accepted, encoding)) continue;
    const made = await find(name + extension);
    // Left over from an older build, it would be another file.
    if (made && made.modifiedAt >= file.modifiedAt) {
      return { file: made, encoding };
    }
  }
  if (!accepts(accepted, 'gzip') || file.bytes > maxCompressibleBytes) return asItIs;
  return { file, encoding: 'gzip', make: () => gzip(file) };
}

/** RFC 9110 §12.5.3, as far as browsers go: named and not refused. */
function accepts(header: string, encoding: string): boolean {
  return header.split(',').some((item) => {
    const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
    return name === encoding && !parameters.some((parameter) => /^q=0(?:\.0*)?$/.test(parameter));
  });
}

/** The answer to GET or HEAD of a file, or 304 when the client has this very form of it. */
export async function fileAnswer(
  request: Request,
  name: string,
  { file, encoding, make }: FileToSend,
): Promise<Response> {
  const form = encoding === undefined ? '' : `-${encoding}`;
  const etag = `"${file.bytes.toString(36)}-${Math.trunc(file.changedAt).toString(36)}${form}"`;
  const headers = new Headers({
    ETag: etag,
    Vary: 'Accept-Encoding',
    // What has no digest in its name is asked for anew each time, which costs a 304.
    'Cache-Control': hashedName.test(name) ? 'public, max-age=31536000, immutable' : 'no-cache',
  });
  if (hasIt(request.headers.get('If-None-Match'), etag)) {
    return new Response(null, { status: 304, headers });
  }
  headers.set('Content-Type', mediaTypeOf(name));
  if (encoding !== undefined) headers.set('Content-Encoding', encoding);
  const made = await make?.();
  headers.set('Content-Length', String(made?.length ?? file.bytes));
  if (request.method === 'HEAD') return new Response(null, { headers });
  if (made) return new Response(made, { headers });
  const body = createReadStream(file.path);
  return new Response(
    streamOf(body, () => body.destroy()),
    { headers },
  );
}

function hasIt(ifNoneMatch: string | null, etag: string): boolean {
  const tags = ifNoneMatch?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}
