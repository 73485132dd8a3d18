import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { decodeFileHeader } from '../../../src/dicom/part10.ts';
import type { ObjectToSend } from '../../../src/dimse/store-user.ts';
import { runDcmtk } from '../../peers/dcmtk.ts';
import type { DcmtkResult, StoreScp } from '../../peers/dcmtk.ts';
import { dataSetOf } from './sent-object.ts';

/** Runs DCMTK's `storescu` against a port. */
export function storescu(
  port: number,
  words: readonly string[],
  files: readonly string[],
): Promise<DcmtkResult> {
  const titles = ['--aetitle', 'CT01', '--call', 'DRAWBRIDGE'];
  return runDcmtk('storescu', ['-v', ...titles, ...words, '127.0.0.1', String(port), ...files]);
}

/**
 * Writes a `storescu --config-file` profile with a presentation context for each SOP class and
 * transfer syntax among the objects, so that one association carries them all.
 *
 * @returns the words for the command line.
 */
export async function storescuProfile(
  folder: string,
  objects: readonly ObjectToSend[],
): Promise<readonly string[]> {
  const pairs = new Set(
    objects.map(({ sopClassUid, transferSyntaxUid }) => `${sopClassUid}\\${transferSyntaxUid}`),
  );
  const syntaxes = [...new Set(objects.map(({ transferSyntaxUid }) => transferSyntaxUid))];
  // The name of a list of transfer syntaxes may hold no dots.
  const listName = (syntax: string): string => `L${syntax.replaceAll('.', 'x')}`.toUpperCase();
  const contexts = [...pairs].map((pair, index) => {
    const [sopClass = '', syntax = ''] = pair.split('\\');
    return `PresentationContext${index + 1} = ${sopClass}\\${listName(syntax)}`;
  });
  const file = path.join(folder, 'storescu.cfg');
  await writeFile(
    file,
    [
      '[[TransferSyntaxes]]',
      ...syntaxes.flatMap((syntax) => [`[${listName(syntax)}]`, `TransferSyntax1 = ${syntax}`]),
      '[[PresentationContexts]]',
      '[ALL]',
      ...contexts,
      '[[Profiles]]',
      '[SEND]',
      'PresentationContexts = ALL',
      '',
    ].join('\n'),
  );
  return ['--config-file', file, 'SEND'];
}

/** What a `storescp +B` wrote down as it came off the wire: data sets by SOP Instance UID. */
export async function witnessed(storeScp: StoreScp): Promise<ReadonlyMap<string, Buffer>> {
  const files = await Promise.all((await storeScp.files()).map((file) => readFile(file)));
  return new Map(
    files.map((part10) => [decodeFileHeader(part10)?.sopInstanceUid ?? '', dataSetOf(part10)]),
  );
}
