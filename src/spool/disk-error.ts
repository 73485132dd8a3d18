import { BridgeError } from '../errors/bridge-error.ts';
import { SpoolFullError, SpoolUnavailableError } from '../errors/spool-errors.ts';

/** What the kernel says when a file system or a user's share of it is used up. */
const fullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

/**
 * Turns what a file operation threw into the error the caller can act on.
 *
 * @param action - what was being done, as in "the spool cannot ‹action›"; names no path.
 */
export function diskError(action: string, error: unknown): BridgeError {
  if (error instanceof BridgeError) return error;
  const code = errorCode(error);
  return code !== undefined && fullCodes.has(code)
    ? new SpoolFullError('the disk of the spool is full', {}, error)
    : new SpoolUnavailableError(
        `the spool cannot ${action}${code === undefined ? '' : ` (${code})`}`,
        error,
      );
}

/** The system's name of an error (`ENOENT`), if it has one. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}
