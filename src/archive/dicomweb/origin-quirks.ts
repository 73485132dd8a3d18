import { orthancQuestions, orthancQueryValue } from './orthanc.ts';
import { standardQuestion } from './relay-question.ts';
import type { FormedRequest, RelayQuestion } from './relay-question.ts';

/** How a product has to be asked so that its clients get what PS3.18 says. */
export interface OriginQuirks {
  readonly queryValue: (value: string) => string;
  readonly matchesFuzzily: boolean;
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
    takesForwarded: false,
    questions: (request) => [standardQuestion(request)],
  },
  /** Measured with Orthanc 1.10.1 and its DICOMweb plugin 1.7. */
  orthanc: {
    queryValue: orthancQueryValue,
    matchesFuzzily: false,
    takesForwarded: true,
    questions: orthancQuestions,
  },
};
