import type { ResourceLevel } from '../translate/dicomweb-request.ts';
import type { DicomwebRoute } from '../translate/dicomweb-routes.ts';
import { maxViewport } from '../translate/rendered-parameters.ts';
import type { RenderingParameter } from '../translate/rendered-parameters.ts';
import type { Parameter, Reference } from './openapi-document.ts';

type Draft = Omit<Parameter, 'name' | 'in' | 'required'>;
type Drafts = Readonly<Record<string, Draft>>;

const text = { type: 'string' };
const count = { type: 'integer', minimum: 0, maximum: 999_999_999 };
const side = { type: 'integer', minimum: 1, maximum: maxViewport };
const quality = { type: 'integer', minimum: 1, maximum: 100 };
const annotation = { enum: ['patient', 'technique', 'patient,technique'] };
/** As `parseUid` has it. */
const uid = { ...text, pattern: '^[0-9]+(\\.[0-9]+)*$', maxLength: 64 };

/** The variable segments of the route templates, as `matchRoute` reads them. */
const segments: Drafts = {
  study: { description: 'Study Instance UID (0020,000D).', schema: uid },
  series: { description: 'Series Instance UID (0020,000E).', schema: uid },
  instance: { description: 'SOP Instance UID (0008,0018).', schema: uid },
  frames: {
    description: 'Frame numbers from 1, joined by commas.',
    schema: { ...text, pattern: '^[1-9][0-9]{0,8}(,[1-9][0-9]{0,8}){0,999}$' },
    example: '1,2,3',
  },
  bulk: {
    description:
      'Tags and item numbers in turn, as a BulkDataURI has them; the slashes between are written as they are.',
    schema: { ...text, pattern: '^[0-9A-Fa-f]{8}(/[1-9][0-9]{0,5}/[0-9A-Fa-f]{8}){0,8}$' },
    example: '54000100/1/54001010',
  },
};

/** What viewers usually match (PS3.18 Tables 10.6.1-3 to 10.6.1-5). */
const keys: Readonly<Record<ResourceLevel, Drafts>> = {
  study: {
    StudyDate: match('(0008,0020): a day, or a range of days', '20260101-20260331'),
    StudyTime: match('(0008,0030): a time, or a range of times', '0800-1200'),
    AccessionNumber: match('(0008,0050)', 'A123'),
    ModalitiesInStudy: match('(0008,0061)', 'CT'),
    ReferringPhysicianName: match('(0008,0090), with wildcards', 'House*'),
    PatientName: match('(0010,0010), with wildcards', 'Doe*'),
    PatientID: match('(0010,0020)', 'P-0001'),
    StudyInstanceUID: match('(0020,000D): one, or several with commas between', '1.2.3,1.2.4'),
    StudyID: match('(0020,0010)', '42'),
  },
  series: {
    Modality: match('(0008,0060)', 'CT'),
    SeriesInstanceUID: match('(0020,000E): one, or several with commas between', '1.2.3.1'),
    SeriesNumber: match('(0020,0011)', '1'),
  },
  instance: {
    SOPClassUID: match('(0008,0016)', '1.2.840.10008.5.1.4.1.1.2'),
    SOPInstanceUID: match('(0008,0018): one, or several with commas between', '1.2.3.1.1'),
    InstanceNumber: match('(0020,0013)', '1'),
  },
};

/** What every search has besides (PS3.18 §8.3.4). */
const searchControls: Drafts = {
  attributes: {
    description:
      'Any further attribute to match, named by its keyword or its tag, one in a sequence with a dot between. What is neither is refused with 400: to pass over a condition would find too much.',
    style: 'form',
    explode: true,
    schema: { type: 'object', additionalProperties: text },
    example: { '00080080': 'Saint Mary*' },
  },
  includefield: {
    description: 'Attributes to answer with, named in the same way, or `all`.',
    style: 'form',
    explode: true,
    schema: { type: 'array', items: text },
    example: ['StudyDescription', '00081030'],
  },
  fuzzymatching: {
    description: 'Names that sound alike match too, where the archive can do that.',
    schema: { type: 'boolean', default: false },
  },
  limit: { description: 'How many results to answer with at most.', schema: count },
  offset: { description: 'How many results to leave out first.', schema: count },
};

/** How a picture looks (PS3.18 §8.3.5). */
const rendering: Readonly<Record<RenderingParameter, Draft>> = {
  viewport: {
    description: `Width and height of the picture, each up to ${maxViewport}, and perhaps the region of the image that it shows.`,
    schema: text,
    example: '512,512',
  },
  window: {
    description: 'Center and width of the window, and linear, linear-exact or sigmoid.',
    schema: text,
    example: '40,400,linear',
  },
  quality: { description: 'Of a JPEG.', schema: quality },
  annotation: { description: 'What is written into the picture.', schema: annotation },
  iccprofile: {
    description: 'The colour profile of the picture.',
    schema: { enum: ['no', 'yes', 'srgb', 'adobergb', 'rommrgb', 'displayp3'] },
  },
};

/** What every resource takes (PS3.18 §8.3.3). */
const general: Drafts = {
  accept: { description: 'In place of the Accept header.', schema: text },
  charset: { description: 'All text is UTF-8.', schema: { enum: ['utf-8', '*'] } },
};

/** PS3.18 §9.1.2. */
export const wadoUriParameters: readonly (Parameter | Reference)[] = [
  ...Object.entries({
    requestType: { description: 'Which service is meant.', schema: { const: 'WADO' } },
    studyUID: segments['study'],
    seriesUID: segments['series'],
    objectUID: segments['instance'],
  }).map(([name, draft]) => inQuery(name, { ...draft, required: true })),
  ...Object.entries({
    contentType: {
      description: 'The form of the answer, as an Accept header has it.',
      schema: text,
      example: 'application/dicom',
    },
    transferSyntax: { description: 'Of the object. Not for pictures.', schema: uid },
    frameNumber: { description: 'One frame of it, from 1.', schema: { ...count, minimum: 1 } },
    rows: { description: 'Height of the picture.', schema: side },
    columns: { description: 'Width of the picture.', schema: side },
    windowCenter: { description: 'Only with windowWidth.', schema: { type: 'number' } },
    windowWidth: { description: 'Only with windowCenter.', schema: { type: 'number' } },
    imageQuality: rendering.quality,
  }).map(([name, draft]) => inQuery(name, draft)),
  ...['annotation', ...Object.keys(general)].map(refTo),
];

/** Everything operations refer to. */
export const parameters: Readonly<Record<string, Parameter>> = {
  ...Object.fromEntries(
    Object.entries(segments).map(([name, draft]) => [
      name,
      { name, in: 'path' as const, required: true, ...draft },
    ]),
  ),
  ...Object.fromEntries(
    [...Object.values(keys), searchControls, rendering, general]
      .flatMap((drafts) => Object.entries(drafts))
      .map(([name, draft]) => [name, inQuery(name, draft)]),
  ),
};

/** Those of one route. */
export function parametersOf({ template, kind, level }: DicomwebRoute): readonly Reference[] {
  const path = Array.from(template.matchAll(/\{(\w+)\}/g), ([, name = '']) => name);
  return [...path, ...ownParametersOf(kind, level, path), ...Object.keys(general)].map(refTo);
}

function ownParametersOf(
  kind: DicomwebRoute['kind'],
  level: ResourceLevel,
  path: readonly string[],
): readonly string[] {
  if (kind === 'search') return [...keysOf(level, path), ...Object.keys(searchControls)];
  // A thumbnail has its size and no more (PS3.18 §10.4.1.1.4).
  if (kind === 'thumbnail') return ['viewport'];
  return kind === 'rendered' ? Object.keys(rendering) : [];
}

/** Series are also found by the attributes of studies, unless the path names the study; and so on. */
function keysOf(level: ResourceLevel, path: readonly string[]): readonly string[] {
  const levels = ['study', 'series', 'instance'] as const;
  return levels
    .slice(0, levels.indexOf(level) + 1)
    .filter((each) => !path.includes(each))
    .flatMap((each) => Object.keys(keys[each]));
}

function match(what: string, example: string): Draft {
  return { description: `Matches ${what}.`, schema: text, example };
}

function inQuery(name: string, draft: Partial<Parameter> | undefined): Parameter {
  return { name, in: 'query', description: '', schema: text, ...draft };
}

function refTo(name: string): Reference {
  return { $ref: `#/components/parameters/${name}` };
}
