import {
  OriginAnswerError,
  OriginRefusedError,
  OriginUnavailableError,
} from '../../errors/origin-errors.ts';
import { readRetryAfter } from '../../translate/retry-after.ts';
import type { AnswerHead } from './origin-client.ts';

/** What the status of an answer to a question means, when it is not the one that was hoped for. */
export function faultOfAnswer(
  { status, retryAfter }: AnswerHead,
  nowMs: number,
): OriginUnavailableError | OriginRefusedError | OriginAnswerError {
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    const retryAfterMs = readRetryAfter(retryAfter, nowMs);
    return new OriginUnavailableError(`the archive cannot answer at the moment (HTTP ${status})`, {
      status,
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    });
  }
  if (status >= 400) {
    return new OriginRefusedError(`the archive refuses what we ask (HTTP ${status})`, status);
  }
  return new OriginAnswerError(`the archive gave an answer nobody asked for (HTTP ${status})`, {
    status,
  });
}
