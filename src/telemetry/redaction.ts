/** What stands in place of a value that must not be written down. */
export const redacted = '[redacted]';

/** `authorization`, `accessToken`, `client_secret`, `set-cookie` … but neither `tokenUrl` nor `scope`. */
const secretKey = /(?:authorization|token|secret|password|passcode|cookie|assertion|privatekey)$/i;

/** Credentials as they stand in a header or a library's message (RFC 6750 §2.1, RFC 7617 §2). */
const credentials = /\b(Bearer|Basic)\s+[A-Za-z0-9\-._~+/]{8,}=*/gi;

/** User information of a URL. */
const userInfo = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/?#\s@]*@/gi;

const maxDepth = 6;

/**
 * The second belt around log lines: no code of ours logs a secret, but a library's error may carry
 * the request it was made of.
 *
 * @returns a copy; what is nested deeper than six levels or refers to itself is left out.
 */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= maxDepth) return '[…]';
  if (value instanceof Error) return describeError(value, depth);
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1));
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      secretKey.test(key) && inner !== undefined ? redacted : redact(inner, depth + 1),
    ]),
  );
}

/** Removes credentials from running text. */
export function redactText(text: string): string {
  return text.replace(credentials, `$1 ${redacted}`).replace(userInfo, `$1${redacted}@`);
}

/**
 * An error as fields: its name, code, message, facts and causes. The stack only where nobody meant
 * the error to happen, that is where it has no code.
 */
function describeError(error: Error, depth: number): Readonly<Record<string, unknown>> {
  const { code, facts } = error as { readonly code?: unknown; readonly facts?: unknown };
  return {
    name: error.name,
    ...(typeof code === 'string' ? { code } : { stack: redactText(error.stack ?? '') }),
    message: redactText(error.message),
    ...(facts !== undefined && { facts: redact(facts, depth + 1) }),
    ...(error.cause !== undefined && { cause: redact(error.cause, depth + 1) }),
  };
}
