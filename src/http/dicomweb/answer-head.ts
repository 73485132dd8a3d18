import { createHash } from 'node:crypto';
import type { DicomwebRequest } from '../../translate/dicomweb-request.ts';
import type { ResponseHead } from '../../translate/response-sink.ts';

type Headers = Readonly<Record<string, string>>;

/** What every answer of the front carries, errors too. */
export const commonHeaders: Headers = {
  'cache-control': 'private, no-cache',
  // No script, no form, no frame: what an archive holds may be HTML that somebody sent it.
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  'cross-origin-resource-policy': 'same-site',
  'referrer-policy': 'no-referrer',
  vary: 'Authorization, Accept, Origin, Accept-Encoding',
  'x-content-type-options': 'nosniff',
};

/** What of a request its answer depends on. */
interface AnswerContext {
  readonly kind: DicomwebRequest['kind'];
  /** As it came on the wire, query included. */
  readonly target: string;
  readonly accept: string | undefined;
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
}

/** The head a client gets for the one an archive gave. */
export function completeHead(head: ResponseHead, context: AnswerContext): ResponseHead {
  const { status, headers } = head;
  const isPixels = status === 200 && pixelKinds.has(context.kind);
  const etag = weak(headers['etag']) ?? (isPixels ? validatorOf(headers, context) : undefined);
  return {
    status,
    headers: {
      ...commonHeaders,
      ...(isPixels && { 'cache-control': 'private, max-age=300' }),
      ...headers,
      ...(etag !== undefined && { etag }),
      ...(isExecutable(headers['content-type']) && { 'content-disposition': 'attachment' }),
    },
  };
}

/** RFC 9110 §13.1.2: one of those listed, compared weakly, or any there is. */
export function matchesEtag(ifNoneMatch: string | undefined, etag: string | undefined): boolean {
  if (ifNoneMatch === undefined || etag === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const opaque = bareTag(etag);
  return ifNoneMatch.split(',').some((candidate) => bareTag(candidate.trim()) === opaque);
}

/**
 * RFC 9110 §15.4.5. Nothing that describes the body goes along: a cache would put it over what it
 * holds, and a multipart boundary is another one each time.
 */
export function notModified({ headers }: ResponseHead): ResponseHead {
  return {
    status: 304,
    headers: Object.fromEntries(
      Object.entries(headers).filter(([name]) => !name.startsWith('content-') || name === csp),
    ),
  };
}

const csp = 'content-security-policy';

/** What does not change under its URL, short of an archive that is given another object of the name. */
const pixelKinds: ReadonlySet<DicomwebRequest['kind']> = new Set(['frames', 'bulkdata']);

const validatorLifeMs = 60 * 60 * 1000;

/**
 * A validator for what the archive gave none for: same URL, same form, same length. A SOP Instance UID
 * names one content for ever, but archives do replace objects, and a corrected image has the length
 * of the wrong one. So the validator also holds the hour: what a browser keeps is fetched anew at
 * least that often. Weak, because the boundary between the parts is another one each time.
 */
function validatorOf(
  { 'content-type': contentType = '', 'content-length': length }: Headers,
  { target, accept = '', nowMs }: AnswerContext,
): string | undefined {
  if (length === undefined) return undefined;
  const form = contentType.replace(/;\s*boundary=(?:"[^"]*"|[^;]*)/i, '');
  const hour = String(Math.floor(nowMs / validatorLifeMs));
  const digest = createHash('sha256').update([target, accept, form, length, hour].join('\n'));
  return `W/"${digest.digest('base64url').slice(0, 22)}"`;
}

/** We change JSON on its way and compress it: the bytes are no longer those the archive means. */
function weak(etag: string | undefined): string | undefined {
  return etag === undefined || etag.startsWith('W/') ? etag : `W/${etag}`;
}

function bareTag(etag: string): string {
  return etag.replace(/^W\//, '');
}

const executable =
  /^\s*(?:text\/(?:html|xml|javascript|xsl)|image\/svg|application\/(?:xhtml|xml|javascript|ecmascript|x-javascript)|[^;]*\+xml\b)/i;

/** What a browser would run as a page, were it opened by itself. DICOM's own XML is none of it. */
function isExecutable(contentType = ''): boolean {
  return executable.test(contentType) && !/^\s*application\/dicom\+xml/i.test(contentType);
}
