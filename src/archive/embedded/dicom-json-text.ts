import type { DicomJson, DicomJsonAttribute } from '../../dicom/dicom-json.ts';

/**
 * Writes a data set of the DICOM JSON Model with its attributes in the order of their tags, which the
 * model asks for (PS3.18 §F.2.2); `JSON.stringify` puts names that look like numbers first.
 */
export function dicomJsonText(dataSet: DicomJson): string {
  const members = Object.entries(dataSet)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([tag, attribute]) => `"${tag}":${attributeText(attribute)}`);
  return `{${members.join(',')}}`;
}

function attributeText(attribute: DicomJsonAttribute): string {
  if (attribute.vr !== 'SQ' || attribute.Value === undefined) return JSON.stringify(attribute);
  const items = attribute.Value.map((item) => dicomJsonText(item as DicomJson));
  return `{"vr":"SQ","Value":[${items.join(',')}]}`;
}

/** Writes an array of data sets one after the other, holding one. */
export async function* dicomJsonArray(dataSets: AsyncIterable<DicomJson>): AsyncGenerator<Buffer> {
  let before = '[';
  for await (const dataSet of dataSets) {
    yield Buffer.from(`${before}${dicomJsonText(dataSet)}`);
    before = ',\n';
  }
  yield Buffer.from(before === '[' ? '[]' : ']');
}
