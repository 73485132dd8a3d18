import type { DicomJson } from '../../dicom/dicom-json.ts';
import { OriginAnswerError } from '../../errors/origin-errors.ts';
import { faultOfAnswer } from './answer-fault.ts';
import type { OriginAnswer } from './origin-client.ts';

/**
 * Reads an answer that should be an array of data sets in the DICOM JSON Model (PS3.18 §F.2).
 *
 * A fault never looks like an empty result: whoever asked would take it for "nothing there".
 *
 * @throws {@link OriginUnavailableError}, {@link OriginRefusedError}, {@link OriginAnswerError}
 */
export function readJsonAnswer(answer: OriginAnswer, nowMs: number): readonly DicomJson[] {
  const { status } = answer;
  if (status === 204) return [];
  if (status === 200) return parseDataSets(answer);
  throw faultOfAnswer(answer, nowMs);
}

function parseDataSets({ status, body }: OriginAnswer): readonly DicomJson[] {
  if (body === undefined) {
    throw new OriginAnswerError("the archive's answer was cut off or too long", { status });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (cause) {
    // The error's own text would quote the body, patient data and all: it goes no further.
    const name = cause instanceof Error ? cause.name : 'unknown';
    throw new OriginAnswerError(`the archive's answer is not JSON (${name})`, { status });
  }
  if (!Array.isArray(parsed) || !parsed.every(isDataSet)) {
    throw new OriginAnswerError("the archive's answer is not a list of data sets", { status });
  }
  return parsed;
}

function isDataSet(value: unknown): value is DicomJson {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.entries(value).every(
      ([tag, attribute]) =>
        /^[0-9A-Fa-f]{8}$/.test(tag) && typeof attribute === 'object' && attribute !== null,
    )
  );
}
