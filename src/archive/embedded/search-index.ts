import type { DicomJson } from '../../dicom/dicom-json.ts';
import type { SearchQuery } from '../archive.ts';
import { matchesAll } from './attribute-match.ts';
import { isOfLowerLevel } from './indexed-attributes.ts';
import type {
  ArchiveIndex,
  IndexedInstance,
  IndexedSeries,
  IndexedStudy,
} from './archive-index.ts';

/** One study, series or instance that was found. */
export interface SearchResult {
  /** Those of its level and the levels above, and what was to be included. */
  readonly attributes: DicomJson;
  /** An instance of it, to look up what the index does not hold. */
  readonly example: IndexedInstance;
}

/**
 * Searches an archive: exact values, wildcards, ranges and UID lists on any attribute.
 *
 * @param readAttributes - all attributes of an instance that are no bulk data, for what the index does
 *   not hold; at study and series level one instance speaks for the rest.
 * @returns one result a study, series or instance, in the order they came.
 */
export async function* searchIndex(
  index: ArchiveIndex,
  query: SearchQuery,
  readAttributes: (instance: IndexedInstance) => Promise<DicomJson>,
): AsyncGenerator<SearchResult> {
  const { match, offset = 0, limit = Infinity } = query;
  const topTags = Object.entries(match)
    .filter(([, key]) => key !== '')
    .map(([path]) => path.slice(0, 8));
  let matched = 0;
  if (limit === 0) return;
  for (const candidate of candidates(index, query)) {
    const { attributes, example } = candidate;
    const isMissing = topTags.some((tag) => !(tag in attributes));
    const all = isMissing ? { ...(await readAttributes(example)), ...attributes } : attributes;
    if (!matchesAll(all, match)) continue;
    matched += 1;
    if (matched > offset) {
      const included = await includedFields(query, candidate, readAttributes);
      yield { attributes: { ...included, ...attributes }, example };
    }
    if (matched - offset >= limit) return;
  }
}

/**
 * What somebody wants besides. Whatever belongs to a lower level differs from one instance to the next,
 * and is left out.
 */
async function includedFields(
  { level, includeField = [] }: SearchQuery,
  { attributes, example }: SearchResult,
  readAttributes: (instance: IndexedInstance) => Promise<DicomJson>,
): Promise<DicomJson> {
  // Of studies and series, the index has all that is sure to be theirs.
  if (includeField === 'all') return level === 'instance' ? readAttributes(example) : {};
  const wanted = includeField
    .map((path) => path.slice(0, 8)) // of a sequence, all of it
    .filter((tag) => !(tag in attributes) && !isOfLowerLevel(tag, level));
  if (wanted.length === 0) return {};
  const all = await readAttributes(example);
  return Object.fromEntries(
    wanted.flatMap((tag) => {
      const attribute = all[tag];
      return attribute === undefined ? [] : [[tag, attribute]];
    }),
  );
}

function* candidates(index: ArchiveIndex, query: SearchQuery): Generator<SearchResult> {
  for (const study of chosen(index.studies, query.studyInstanceUid)) {
    const studyAttributes = describeStudy(study);
    if (query.level === 'study') {
      const example = firstInstance(study);
      if (example !== undefined) yield { attributes: studyAttributes, example };
      continue;
    }
    for (const series of chosen(study.series, query.seriesInstanceUid)) {
      const seriesAttributes = { ...studyAttributes, ...describeSeries(series) };
      const [example] = series.instances.values();
      if (query.level === 'series') {
        if (example !== undefined) yield { attributes: seriesAttributes, example };
        continue;
      }
      for (const instance of series.instances.values()) {
        const attributes = { ...seriesAttributes, ...describeInstance(instance) };
        yield { attributes, example: instance };
      }
    }
  }
}

function chosen<K, V>(all: ReadonlyMap<K, V>, key: K | undefined): Iterable<V> {
  if (key === undefined) return all.values();
  const one = all.get(key);
  return one === undefined ? [] : [one];
}

function firstInstance(study: IndexedStudy): IndexedInstance | undefined {
  const [series] = study.series.values();
  return series?.instances.values().next().value;
}

function describeStudy({ attributes, series }: IndexedStudy): DicomJson {
  const all = [...series.values()];
  const modalities = new Set(all.flatMap((one) => one.attributes['00080060']?.Value ?? []));
  const sorted = [...modalities].sort();
  return {
    '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
    '00080056': { vr: 'CS', Value: ['ONLINE'] }, // Instance Availability
    // Modalities in Study
    '00080061': { vr: 'CS', ...(sorted.length > 0 && { Value: sorted }) },
    ...attributes,
    '00201206': { vr: 'IS', Value: [all.length] }, // Number of Study Related Series
    '00201208': { vr: 'IS', Value: [all.reduce((sum, one) => sum + one.instances.size, 0)] },
  };
}

function describeSeries({ attributes, instances }: IndexedSeries): DicomJson {
  return {
    ...attributes,
    '00201209': { vr: 'IS', Value: [instances.size] }, // Number of Series Related Instances
  };
}

function describeInstance({ attributes, transferSyntaxUid }: IndexedInstance): DicomJson {
  return {
    ...attributes,
    '00083002': { vr: 'UI', Value: [transferSyntaxUid] }, // Available Transfer Syntax UID
  };
}
