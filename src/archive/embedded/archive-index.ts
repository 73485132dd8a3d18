import type { DicomJson } from '../../dicom/dicom-json.ts';
import type { InstanceIdentity } from '../../dicom/instance.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { InstanceSelector } from '../archive.ts';
import { pickAttributes } from './indexed-attributes.ts';

/** One instance as the index knows it. */
export interface IndexedInstance extends InstanceIdentity {
  readonly transferSyntaxUid: Uid;
  readonly bytes: number;
  /** Modification time of the file that was read; with `bytes`, it tells a file from its successor. */
  readonly modifiedAtMs: number;
  /** What the index holds of its attributes; once in the index, those of the instance level only. */
  readonly attributes: DicomJson;
}

export interface IndexedSeries {
  readonly seriesInstanceUid: Uid;
  attributes: DicomJson;
  readonly instances: Map<Uid, IndexedInstance>;
}

export interface IndexedStudy {
  readonly studyInstanceUid: Uid;
  attributes: DicomJson;
  readonly series: Map<Uid, IndexedSeries>;
}

/** What the archive holds, by study, series and instance, in the order it came. */
export class ArchiveIndex {
  readonly #studies = new Map<Uid, IndexedStudy>();
  readonly #instances = new Map<Uid, IndexedInstance>();

  get studies(): ReadonlyMap<Uid, IndexedStudy> {
    return this.#studies;
  }

  /** The selected instances, in the order they came; none where the UIDs do not belong together. */
  select(selector: InstanceSelector): readonly IndexedInstance[] {
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = selector;
    const series = this.#studies.get(studyInstanceUid)?.series;
    const chosen =
      seriesInstanceUid === undefined
        ? [...(series?.values() ?? [])]
        : [series?.get(seriesInstanceUid)].filter((one) => one !== undefined);
    if (sopInstanceUid === undefined) {
      return chosen.flatMap(({ instances }) => [...instances.values()]);
    }
    return chosen
      .map(({ instances }) => instances.get(sopInstanceUid))
      .filter((one) => one !== undefined);
  }

  /** There is one instance of a SOP Instance UID, whatever study it says it belongs to. */
  instance(sopInstanceUid: Uid): IndexedInstance | undefined {
    return this.#instances.get(sopInstanceUid);
  }

  /** Every instance with the attributes of all levels, fit to be put into another index. */
  *complete(): Generator<IndexedInstance> {
    for (const study of this.#studies.values()) {
      for (const series of study.series.values()) {
        for (const instance of series.instances.values()) {
          const attributes = { ...study.attributes, ...series.attributes, ...instance.attributes };
          yield { ...instance, attributes };
        }
      }
    }
  }

  /** Adds an instance, or puts it in place of its namesake. What came last speaks for the study. */
  put(instance: IndexedInstance): void {
    this.delete(instance.sopInstanceUid);
    const { studyInstanceUid, seriesInstanceUid, sopInstanceUid, attributes } = instance;
    const study = this.#studies.get(studyInstanceUid) ?? {
      studyInstanceUid,
      attributes: {},
      series: new Map<Uid, IndexedSeries>(),
    };
    const series = study.series.get(seriesInstanceUid) ?? {
      seriesInstanceUid,
      attributes: {},
      instances: new Map<Uid, IndexedInstance>(),
    };
    study.attributes = pickAttributes(attributes, 'study');
    series.attributes = pickAttributes(attributes, 'series');
    // Study and series attributes are held once, not once an instance.
    const own = { ...instance, attributes: pickAttributes(attributes, 'instance') };
    series.instances.set(sopInstanceUid, own);
    study.series.set(seriesInstanceUid, series);
    this.#studies.set(studyInstanceUid, study);
    this.#instances.set(sopInstanceUid, own);
  }

  delete(sopInstanceUid: Uid): void {
    const instance = this.#instances.get(sopInstanceUid);
    if (instance === undefined) return;
    this.#instances.delete(sopInstanceUid);
    const study = this.#studies.get(instance.studyInstanceUid);
    const series = study?.series.get(instance.seriesInstanceUid);
    series?.instances.delete(sopInstanceUid);
    if (series?.instances.size === 0) study?.series.delete(instance.seriesInstanceUid);
    if (study?.series.size === 0) this.#studies.delete(instance.studyInstanceUid);
  }
}
