import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../shared/data/', import.meta.url));

/** True where the shared sample files lie beside the clone; tests on them are skipped elsewhere. */
export const hasSharedData = existsSync(`${folder}MANIFEST.tsv`);

/** One line of the sample files' manifest. */
export interface SharedFile {
  readonly path: string;
  readonly absolutePath: string;
  readonly valid: boolean;
  readonly note: string;
  readonly studyInstanceUid: string;
  readonly sopInstanceUid: string;
}

/** The sample files, valid and broken ones. */
export function sharedFiles(): readonly SharedFile[] {
  if (!hasSharedData) return [];
  const [header = '', ...lines] = readFileSync(`${folder}MANIFEST.tsv`, 'utf8')
    .trimEnd()
    .split('\n');
  const columns = header.split('\t');
  const cell = (cells: readonly string[], name: string): string =>
    cells[columns.indexOf(name)] ?? '';
  return lines.map((line) => {
    const cells = line.split('\t');
    const path = cell(cells, 'path');
    return {
      path,
      absolutePath: `${folder}${path}`,
      valid: cell(cells, 'valid') === 'yes',
      note: cell(cells, 'note'),
      studyInstanceUid: cell(cells, 'study_instance_uid'),
      sopInstanceUid: cell(cells, 'sop_instance_uid'),
    };
  });
}
