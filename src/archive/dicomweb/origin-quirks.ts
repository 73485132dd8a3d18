import { InvalidQuestionError } from '../../errors/request-errors.ts';
import type { SearchQuery } from '../archive.ts';
import { orthancQuestions, orthancQueryValue } from './orthanc.ts';
import { standardQuestion } from './relay-question.ts';
import type { FormedRequest, RelayQuestion } from './relay-question.ts';
import { searchPath } from './resource-path.ts';

/** How a product has to be asked so that its clients get what PS3.18 says. */
export interface OriginQuirks {
  readonly queryValue: (value: string) => string;
  readonly matchesFuzzily: boolean;
  /** Whether it looks into sequences for what is searched for (PS3.18 §8.3.4.1). */
  readonly matchesNested: boolean;
  /** Writes our public address into its answers when `Forwarded` tells it (RFC 7239). */
  readonly takesForwarded: boolean;
  /** Asked one after the other until an answer can be handed on; none when none could be. */
  readonly questions: (request: FormedRequest) => readonly RelayQuestion[];
}

/** An archive product whose peculiarities are known. */
export type OriginProduct = 'orthanc' | 'none';

export const originQuirks: Readonly<Record<OriginProduct, OriginQuirks>> = {
  none: {
    queryValue: encodeURIComponent,
    matchesFuzzily: true,
    matchesNested: true,
    takesForwarded: false,
    questions: (request) => [standardQuestion(request)],
  },
  /** Measured with Orthanc 1.10.1 and its DICOMweb plugin 1.7. */
  orthanc: {
    queryValue: orthancQueryValue,
    matchesFuzzily: false,
    // It passes over the key, and would return everything.
    matchesNested: false,
    takesForwarded: true,
    questions: orthancQuestions,
  },
};

/**
 * The resource a search asks of an archive, with its parameters.
 *
 * @throws {@link InvalidQuestionError} for what the archive cannot search for.
 */
export function searchQuestion(
  query: SearchQuery,
  { matchesNested, queryValue }: OriginQuirks,
): string {
  const nested = Object.keys(query.match).find((path) => path.includes('.'));
  if (nested !== undefined && !matchesNested) {
    throw new InvalidQuestionError(`the archive cannot search within sequences, as ${nested} does`);
  }
  return searchPath(query, queryValue);
}
