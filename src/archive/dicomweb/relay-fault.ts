import type { BridgeError } from '../../errors/bridge-error.ts';
import { NotFoundError } from '../../errors/origin-errors.ts';
import { InvalidQuestionError, NotAcceptableError } from '../../errors/request-errors.ts';
import { faultOfAnswer } from './answer-fault.ts';
import type { OriginHead } from './relay-exchange.ts';

/**
 * What a status other than success means for who asked; the archive's own words, which hold its address
 * and often more, stay behind (HOSTILE D25).
 */
export function faultOfStatus(head: OriginHead, nowMs: number): BridgeError {
  const { status } = head;
  switch (status) {
    case 404:
    case 410:
      return notFound();
    case 406:
      return new NotAcceptableError('the archive cannot give it in a form the client takes');
    case 400:
    case 413:
    case 414:
      return new InvalidQuestionError(`the archive does not take the question (HTTP ${status})`);
    default: {
      const contentType = head.header('content-type');
      const retryAfter = head.header('retry-after');
      return faultOfAnswer({ status, contentType, retryAfter }, nowMs);
    }
  }
}

export function notFound(): NotFoundError {
  return new NotFoundError('the archive does not have it');
}

/** The number Orthanc gives an error, from the JSON it describes it with. */
export function orthancStatusOf(text: string): number | undefined {
  try {
    const { OrthancStatus: status } = JSON.parse(text) as { readonly OrthancStatus?: unknown };
    return typeof status === 'number' ? status : undefined;
  } catch {
    return undefined;
  }
}
