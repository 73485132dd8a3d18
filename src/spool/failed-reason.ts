import { errorCode } from './disk-error.ts';
import type { FileOperations } from './file-operations.ts';
import type { FailedReason } from './queue-desk.ts';
import { readHead } from './spool-source.ts';

/** Ours are a few hundred bytes. */
const longestReasonBytes = 64 * 1024;

/** Reads the reason beside an entry in `failed/`; `undefined` when it is gone or not as we write it. */
export async function readReason(
  path: string,
  files: FileOperations,
): Promise<FailedReason | undefined> {
  let fd: number;
  try {
    fd = files.openExisting(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    return parseReason((await readHead(fd, longestReasonBytes, files)).toString('utf8'));
  } finally {
    files.close(fd);
  }
}

function parseReason(text: string): FailedReason | undefined {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof found !== 'object' || found === null) return undefined;
  const { setAsideAt, code, message, attempts, httpStatus, failureReason, answer } =
    found as Readonly<Record<string, unknown>>;
  if (typeof setAsideAt !== 'string' || typeof code !== 'string') return undefined;
  if (typeof message !== 'string' || typeof attempts !== 'number') return undefined;
  return {
    ...{ setAsideAt, code, message, attempts },
    ...(typeof httpStatus === 'number' && { httpStatus }),
    ...(typeof failureReason === 'number' && { failureReason }),
    ...(typeof answer === 'object' && answer !== null && { answer }),
  };
}
