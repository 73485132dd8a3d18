/** Where a request goes, as its first line says. */
export type RequestTarget =
  /** Below the DICOMweb root; both parts as they came, without the slash and the question mark. */
  | { readonly kind: 'dicomweb'; readonly path: string; readonly query: string }
  /** WADO-URI (PS3.18 §9). */
  | { readonly kind: 'wado'; readonly query: string }
  /** Nothing of ours. */
  | { readonly kind: 'other' }
  /** Nobody's, on this listener. */
  | { readonly kind: 'refused'; readonly status: 400 | 414; readonly detail: string };

/** Every URL of ours and every search of a viewer is far below it (RFC 9110 §15.5.15). */
const maxTargetLength = 8192;

const wadoPath = '/wado';

/** Dots at the beginning of a segment, written out or encoded, that mean this or the one above. */
const dotSegment = /(?:^|\/)(?:\.|%2e){1,2}(?:[/;]|$)/i;
/** A slash, a backslash or a NUL in disguise; nothing here has one in its name. */
const disguised = /%(?:2f|5c|00)/i;
/** RFC 3986 §3.3, and the brackets that browsers leave as they are. */
const legalPath = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/%[\]]*$/;

/**
 * Reads the target of a request without decoding or normalising any of it: what would have to be
 * tidied up first is refused, so that no two parts of the way can read it differently (HOSTILE D17).
 *
 * Only the origin form is taken (RFC 9112 §3.2.1). The absolute form names another server, and where
 * requests go is decided by the configuration alone (HOSTILE D19).
 */
export function readRequestTarget(target: string, root: string): RequestTarget {
  if (target.length > maxTargetLength) {
    return { kind: 'refused', status: 414, detail: 'the URL is too long' };
  }
  if (!target.startsWith('/')) return refused('the request target must be a path');
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? '' : target.slice(mark + 1);
  if (!legalPath.test(path)) return refused('the path has characters that must be encoded');
  if (path.includes('//') || dotSegment.test(path) || disguised.test(path)) {
    return refused('the path is not in its plain form');
  }
  if (path === wadoPath) return { kind: 'wado', query };
  if (path === root) return { kind: 'dicomweb', path: '', query };
  if (!path.startsWith(`${root}/`)) return { kind: 'other' };
  return { kind: 'dicomweb', path: path.slice(root.length + 1), query };
}

function refused(detail: string): RequestTarget {
  return { kind: 'refused', status: 400, detail };
}
