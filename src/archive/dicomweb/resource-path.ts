import type { InstanceSelector, SearchQuery } from '../archive.ts';

/**
 * The resource a search asks, with its parameters (PS3.18 §10.6.1).
 *
 * @param writeValue - each value stays one value, whatever it holds: `&`, `#`, `%`, line ends.
 */
export function searchPath(
  query: SearchQuery,
  writeValue: (value: string) => string = encodeURIComponent,
): string {
  const { level, studyInstanceUid: study, seriesInstanceUid: series, match, limit, offset } = query;
  const { includeField = [], fuzzyMatching = false } = query;
  let resource = '';
  const parameters: [name: string, value: string][] = Object.entries(match);
  // A level above the one that is asked for goes into the path, where the archive takes it there.
  if (study !== undefined && level !== 'study') resource += `/studies/${study}`;
  else if (study !== undefined) parameters.push(['0020000D', study]);
  if (series !== undefined && level === 'instance' && study !== undefined) {
    resource += `/series/${series}`;
  } else if (series !== undefined) parameters.push(['0020000E', series]);
  // One by one: Orthanc splits no list whose commas are percent-encoded.
  for (const field of [includeField].flat()) parameters.push(['includefield', field]);
  if (fuzzyMatching) parameters.push(['fuzzymatching', 'true']);
  if (limit !== undefined) parameters.push(['limit', String(limit)]);
  if (offset !== undefined) parameters.push(['offset', String(offset)]);
  return `${resource}/${resourceOf[level]}${queryOf(parameters, writeValue)}`;
}

/** A study, series or instance (PS3.18 §10.4.1.1.1). */
export function resourcePath(selector: InstanceSelector): string {
  const { studyInstanceUid: study, seriesInstanceUid: series, sopInstanceUid: instance } = selector;
  let resource = `/studies/${study}`;
  if (series !== undefined) resource += `/series/${series}`;
  if (series !== undefined && instance !== undefined) resource += `/instances/${instance}`;
  return resource;
}

const resourceOf = { study: 'studies', series: 'series', instance: 'instances' } as const;

export function queryOf(
  parameters: readonly (readonly [name: string, value: string])[],
  writeValue: (value: string) => string = encodeURIComponent,
): string {
  if (parameters.length === 0) return '';
  const pairs = parameters.map(
    ([name, value]) => `${encodeURIComponent(name)}=${writeValue(value)}`,
  );
  return `?${pairs.join('&')}`;
}
