import { readFile } from 'node:fs/promises';
import type { Orthanc } from '../../peers/orthanc.ts';
import { sharedFiles } from '../../support/shared-data.ts';

/** Where one sample object is, below a DICOMweb root. */
export interface SampleInstance {
  readonly name: string;
  readonly study: string;
  readonly series: string;
  readonly instance: string;
  /** `studies/…/series/…/instances/…` */
  readonly path: string;
}

/** Puts sample files into an Orthanc and says where they are. */
export async function storeSamples(
  orthanc: Orthanc,
  names: readonly string[],
): Promise<readonly SampleInstance[]> {
  const samples: SampleInstance[] = [];
  for (const name of names) {
    const file = sharedFiles().find(({ path }) => path === name);
    if (file === undefined) throw new Error(`there is no sample file ${name}`);
    const body = await readFile(file.absolutePath);
    const kept = await fetch(`${orthanc.restUrl}/instances`, { method: 'POST', body });
    const { ID } = (await kept.json()) as { readonly ID: string };
    const tags = await fetch(`${orthanc.restUrl}/instances/${ID}/simplified-tags`);
    const uids = (await tags.json()) as Readonly<Record<string, string>>;
    const { StudyInstanceUID: study = '', SeriesInstanceUID: series = '' } = uids;
    const { SOPInstanceUID: instance = '' } = uids;
    const path = `studies/${study}/series/${series}/instances/${instance}`;
    samples.push({ name, study, series, instance, path });
  }
  return samples;
}
