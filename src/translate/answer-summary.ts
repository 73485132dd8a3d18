import { Buffer } from 'node:buffer';
import { readStoreInstancesResponse } from './store-instances-response.ts';

/**
 * What we understood of an archive's answer, for whoever looks into `failed/` later. Numbers and
 * words of ours only: an error text may quote the object, patient and all.
 */
export interface AnswerSummary {
  /** One of the media types such an answer may have, `none`, or `other`. */
  readonly mediaType: string;
  /** Length of the body; absent where it could not be read whole. */
  readonly bytes?: number;
  /** How many instances it lists as kept and as failed; absent where it is no such answer. */
  readonly kept?: number;
  readonly failed?: number;
  /** The Failure Reasons (0008,1197) it gives, without repetition, the lowest 16 of them. */
  readonly failureReasons?: readonly string[];
}

const knownMediaTypes: ReadonlySet<string> = new Set([
  'application/dicom+json',
  'application/dicom+xml',
  'application/json',
  'application/problem+json',
  'application/xml',
  'text/html',
  'text/plain',
  'text/xml',
]);

const mostReasons = 16;

/** Sums up an answer without a word of it. */
export function summariseAnswer({
  body,
  contentType,
}: {
  readonly body: string | undefined;
  readonly contentType: string | undefined;
}): AnswerSummary {
  const mediaType = mediaTypeOf(contentType);
  if (body === undefined) return { mediaType };
  const bytes = Buffer.byteLength(body);
  const lists = readStoreInstancesResponse(body, contentType);
  if (!lists) return { mediaType, bytes };
  const reasons = [...lists.failed.values()].flatMap(({ failureReason }) => failureReason ?? []);
  return {
    mediaType,
    bytes,
    kept: lists.kept.size,
    failed: lists.failed.size,
    failureReasons: [...new Set(reasons)]
      .sort((a, b) => a - b)
      .slice(0, mostReasons)
      .map(formatFailureReason),
  };
}

/** As the standard writes it: four hexadecimal digits and an H. */
export function formatFailureReason(reason: number): string {
  return `${reason.toString(16).toUpperCase().padStart(4, '0')}H`;
}

function mediaTypeOf(contentType: string | undefined): string {
  if (contentType === undefined) return 'none';
  const [type = ''] = contentType.split(';');
  const known = type.trim().toLowerCase();
  return knownMediaTypes.has(known) ? known : 'other';
}
