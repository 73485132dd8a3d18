import type { DicomJson } from '../../dicom/dicom-json.ts';

/** What a search returns at each level, as far as an object holds it (PS3.18 Tables 10.6.3-3 to -5). */
const indexedTags = {
  study: [
    '00080020', // Study Date
    '00080030', // Study Time
    '00080050', // Accession Number
    '00080090', // Referring Physician's Name
    '00080201', // Timezone Offset From UTC
    '00081030', // Study Description
    '00100010', // Patient's Name
    '00100020', // Patient ID
    '00100030', // Patient's Birth Date
    '00100040', // Patient's Sex
    '0020000D', // Study Instance UID
    '00200010', // Study ID
  ],
  series: [
    '00080060', // Modality
    '0008103E', // Series Description
    '0020000E', // Series Instance UID
    '00200011', // Series Number
    '00400244', // Performed Procedure Step Start Date
    '00400245', // Performed Procedure Step Start Time
    '00400275', // Request Attributes Sequence
  ],
  instance: [
    '00080016', // SOP Class UID
    '00080018', // SOP Instance UID
    '00200013', // Instance Number
    '00280008', // Number of Frames
    '00280010', // Rows
    '00280011', // Columns
    '00280100', // Bits Allocated
  ],
} as const;

/** A level of the Study Root hierarchy (PS3.4 §C.6.2). */
export type Level = keyof typeof indexedTags;

/** Says whether an attribute of the index belongs to a level below the one given. */
export function isOfLowerLevel(tag: string, level: Level): boolean {
  const levels: readonly Level[] = ['study', 'series', 'instance'];
  return levels
    .slice(levels.indexOf(level) + 1)
    .some((lower) => (indexedTags[lower] as readonly string[]).includes(tag));
}

/** The attributes of one level; what an object lacks is there without a value. */
export function pickAttributes(attributes: DicomJson, level: Level): DicomJson {
  return Object.fromEntries(
    indexedTags[level].flatMap((tag) => {
      const attribute = attributes[tag];
      if (attribute !== undefined) return [[tag, attribute]];
      const vr = requiredVrs[tag];
      return vr === undefined ? [] : [[tag, { vr }]];
    }),
  );
}

/** What a result has even where the object lacks it, and its value representation. */
const requiredVrs: Readonly<Record<string, string>> = {
  '00080020': 'DA',
  '00080030': 'TM',
  '00080050': 'SH',
  '00080060': 'CS',
  '00080090': 'PN',
  '00100010': 'PN',
  '00100020': 'LO',
  '00100030': 'DA',
  '00100040': 'CS',
  '00200010': 'SH',
  '00200011': 'IS',
  '00200013': 'IS',
};
