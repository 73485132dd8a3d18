import { sharedFiles } from '../../support/shared-data.ts';
import type { SharedFile } from '../../support/shared-data.ts';
import { objectFromFile } from './sent-object.ts';
import type { SentObject } from './sent-object.ts';

/** A sample file with the object in it. */
export interface SharedObject extends SentObject {
  readonly file: SharedFile;
}

const leftOut: ReadonlySet<string> = new Set([
  // Crashes Orthanc 1.10; the issue that isolates such objects brings it in.
  'broken/deep-nested-sequences.dcm',
  // Comes under the UID of duplicate-sop-a: which of the two stays is the archive's to say.
  'broken/duplicate-sop-b.dcm',
  // Color Palette is under no storage root of ours: it belongs to no patient and no study.
  'objects/color-palette-explicit-le.dcm',
  // Names no study, so the bridge refuses it itself: broken-files.test.ts has it.
  'objects/sc-rgb-htj2k-lossy.dcm',
]);

/** Every valid sample file that a bridge in front of Orthanc has to take. */
export function sharedObjects(): Promise<readonly SharedObject[]> {
  const files = sharedFiles().filter(({ valid, path }) => valid && !leftOut.has(path));
  return Promise.all(
    files.map(async (file) => ({ ...(await objectFromFile(file.absolutePath)), file })),
  );
}

/**
 * DCMTK 3.6.7 takes offence at the odd pixel data in these and then finds no SOP UIDs: `storescu`
 * cannot send them, and the STOW service of Orthanc 1.10, which reads with it, answers 400 and names
 * nobody, to whatever client. (Orthanc's own REST service takes them.)
 */
export const unreadableToDcmtk: ReadonlySet<string> = new Set([
  'objects/ct-j2k-lossless.dcm',
  'objects/ct-j2k-lossy.dcm',
]);
