import { MultipartError } from './multipart-error.ts';

const namePattern = /^[0-9a-z!#$%&'*+\-.^_`|~]+$/;
/** No control characters but the tab: no header of a part becomes two anywhere else. */
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/;

/**
 * Reads the headers of a part, by name in lower case.
 *
 * @param block - whole lines, folded ones included (RFC 5322 §2.2.3); the empty line is left out.
 * @throws {@link MultipartError} when a line is no header.
 */
export function parsePartHeaders(block: string): ReadonlyMap<string, string> {
  const headers = new Map<string, string>();
  for (const line of unfolded(block)) {
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    const value = line.slice(colon + 1).trim();
    if (!namePattern.test(name) || !valuePattern.test(value)) {
      throw new MultipartError('malformed', 'a line in the header of a part is no header');
    }
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

function unfolded(block: string): readonly string[] {
  const lines: string[] = [];
  for (const line of block.split('\r\n')) {
    if (line === '') continue;
    const isFolded = lines.length > 0 && (line.startsWith(' ') || line.startsWith('\t'));
    if (isFolded) lines.push(`${lines.pop() ?? ''} ${line.trim()}`);
    else lines.push(line);
  }
  return lines;
}
