import type { DicomJson, DicomJsonAttribute } from '../dicom/dicom-json.ts';
import type { ResourceLevel } from './dicomweb-request.ts';

/**
 * One search result as a client of ours may have it: its Retrieve URL (0008,1190) is below our own
 * root, every other URL in it is left out, since nobody here knows where it leads.
 *
 * @param publicRoot - without a slash at its end.
 */
export function publicResult(
  result: DicomJson,
  { level, publicRoot }: { readonly level: ResourceLevel; readonly publicRoot: string },
): DicomJson {
  const url = retrieveUrl(result, level, publicRoot);
  return {
    ...withoutUrls(result),
    ...(url !== undefined && { [retrieveUrlTag]: { vr: 'UR', Value: [url] } }),
  };
}

/** The one value of an attribute, where it has one that is text. */
export function textOf(attribute: DicomJsonAttribute | undefined): string | undefined {
  const value = attribute?.Value?.[0];
  return typeof value === 'string' ? value : undefined;
}

const retrieveUrlTag = '00081190';

const levels = [
  ['study', 'studies', '0020000D'],
  ['series', 'series', '0020000E'],
  ['instance', 'instances', '00080018'],
] as const;

function retrieveUrl(
  result: DicomJson,
  level: ResourceLevel,
  publicRoot: string,
): string | undefined {
  let url = publicRoot;
  for (const [name, resource, tag] of levels) {
    const uid = textOf(result[tag]);
    if (uid === undefined) return undefined;
    url += `/${resource}/${encodeURIComponent(uid)}`;
    if (name === level) break;
  }
  return url;
}

function withoutUrls(dataSet: DicomJson): DicomJson {
  return Object.fromEntries(
    Object.entries(dataSet)
      .filter(([tag, attribute]) => tag !== retrieveUrlTag && attribute.BulkDataURI === undefined)
      .map(([tag, attribute]) => [tag, attribute.vr === 'SQ' ? cleanItems(attribute) : attribute]),
  );
}

function cleanItems(sequence: DicomJsonAttribute): DicomJsonAttribute {
  const items = (sequence.Value ?? []) as readonly DicomJson[];
  return { ...sequence, Value: items.map((item) => withoutUrls(item)) };
}
