import type { DicomJson } from '../../dicom/dicom-json.ts';
import type { SearchQuery } from '../archive.ts';
import { matchesAll } from './attribute-match.ts';
import type {
  ArchiveIndex,
  IndexedInstance,
  IndexedSeries,
  IndexedStudy,
} from './archive-index.ts';

interface Candidate {
  readonly attributes: DicomJson;
  /** An instance of it, to look up what the index does not hold. */
  readonly example: IndexedInstance;
}

/**
 * Searches an archive: exact values, wildcards, ranges and UID lists on any attribute.
 *
 * @param readAttributes - all attributes of an instance, for keys that the index does not hold; at
 *   study and series level one instance speaks for the rest.
 * @returns one result a study, series or instance, each with the attributes of the levels above it.
 */
export async function searchIndex(
  index: ArchiveIndex,
  query: SearchQuery,
  readAttributes: (instance: IndexedInstance) => Promise<DicomJson>,
): Promise<readonly DicomJson[]> {
  const { match, offset = 0, limit = Infinity } = query;
  const found: DicomJson[] = [];
  let passed = 0;
  for (const { attributes, example } of candidates(index, query)) {
    if (found.length >= limit) break;
    const missing = Object.keys(match).some((tag) => !(tag in attributes) && match[tag] !== '');
    const all = missing ? { ...(await readAttributes(example)), ...attributes } : attributes;
    if (!matchesAll(all, match)) continue;
    if (passed >= offset) found.push(attributes);
    passed += 1;
  }
  return found;
}

function* candidates(index: ArchiveIndex, query: SearchQuery): Generator<Candidate> {
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
        yield { attributes: { ...seriesAttributes, ...instance.attributes }, example: instance };
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
  return {
    '00080005': { vr: 'CS', Value: ['ISO_IR 192'] },
    '00080056': { vr: 'CS', Value: ['ONLINE'] }, // Instance Availability
    '00080061': { vr: 'CS', Value: [...modalities] }, // Modalities in Study
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
