import { fileHeader, generateStudy } from '../../../src/cli/demo/generate-study.ts';
import type { GeneratedInstance } from '../../../src/cli/demo/generate-study.ts';
import { newUid, uid } from '../../support/dicom-object.ts';
import { encodeNested } from './nested-data-set.ts';
import type { NestedDataSet } from './nested-data-set.ts';
import { onePagePdf } from './one-page-pdf.ts';

/** A study of the kinds a viewer shows each in its own way, as Part 10 files. */
export interface ViewerStudy {
  readonly studyInstanceUid: string;
  readonly files: readonly Buffer[];
}

interface StudyOptions {
  readonly patientName: string;
  readonly patientId: string;
  /** Images of the CT series. */
  readonly slices: number;
  readonly rows: number;
  readonly columns: number;
}

/** A CT series alone. */
export function makeCtStudy(options: StudyOptions): ViewerStudy {
  const images = makeImages(options);
  return { studyInstanceUid: studyOf(images), files: images.map(({ bytes }) => bytes) };
}

/** A CT series with a segmentation, a measurement report and a PDF that refer to it. */
export function makeFullStudy(options: StudyOptions): ViewerStudy {
  const images = makeImages(options);
  const made = { ...options, images };
  return {
    studyInstanceUid: studyOf(images),
    files: [
      ...images.map(({ bytes }) => bytes),
      makeSegmentation(made),
      makePdf(made),
      makeMeasurementReport(made),
    ],
  };
}

interface Made extends StudyOptions {
  readonly images: readonly GeneratedInstance[];
}

function makeImages({ slices, ...options }: StudyOptions): readonly GeneratedInstance[] {
  const { patientName, patientId } = options;
  const subject = { patientName, patientId, description: `CT of ${patientId}` };
  return [...generateStudy({ ...options, instances: slices, random: Math.random, subject })];
}

function studyOf([first]: readonly GeneratedInstance[]): string {
  if (!first) throw new RangeError('a study has images');
  return first.identity.studyInstanceUid;
}

/** Encapsulated PDF (PS3.3 §A.45.1). */
function makePdf(study: Made): Buffer {
  return part10(study, '1.2.840.10008.5.1.4.1.1.104.1', {
    '00080060': ['CS', 'DOC'],
    '0008103E': ['LO', 'Written report'],
    '00080064': ['CS', 'WSD'],
    '00200011': ['IS', '4'],
    '00280301': ['CS', 'YES'],
    '00420010': ['ST', 'Findings'],
    '00420011': ['OB', onePagePdf('Findings: none, all is made up')],
    '00420012': ['LO', 'application/pdf'],
  });
}

/** A binary segmentation: a square on every image (PS3.3 §A.51). */
function makeSegmentation(study: Made): Buffer {
  const { images, rows, columns } = study;
  const dimensions: NestedDataSet = { '00209164': ['UI', newUid()] };
  return part10(study, '1.2.840.10008.5.1.4.1.1.66.4', {
    '00080008': ['CS', 'DERIVED\\PRIMARY'],
    '00080060': ['CS', 'SEG'],
    '0008103E': ['LO', 'Square'],
    '00081115': [
      {
        '0008114A': images.map(sopReference),
        '0020000E': ['UI', images[0]?.identity.seriesInstanceUid ?? ''],
      },
    ],
    '00200011': ['IS', '3'],
    '00200052': ['UI', frameOfReferenceOf(study)],
    '00209221': [dimensions],
    '00209222': [
      { ...dimensions, '00209165': ['AT', '0062000B'], '00209167': ['AT', '0062000A'] },
      { ...dimensions, '00209165': ['AT', '00200032'], '00209167': ['AT', '00209113'] },
    ],
    '00280002': ['US', 1],
    '00280004': ['CS', 'MONOCHROME2'],
    '00280008': ['IS', String(images.length)],
    '00280010': ['US', rows],
    '00280011': ['US', columns],
    '00280100': ['US', 1],
    '00280101': ['US', 1],
    '00280102': ['US', 0],
    '00280103': ['US', 0],
    '00282110': ['CS', '00'],
    '00620001': ['CS', 'BINARY'],
    '00620002': [
      {
        '00620003': [code('85756007', 'SCT', 'Tissue')],
        '00620004': ['US', 1],
        '00620005': ['LO', 'Square'],
        '00620008': ['CS', 'MANUAL'],
        '0062000D': ['US', [43_803, 37_046, 42_000]],
        '0062000F': [code('85756007', 'SCT', 'Tissue')],
      },
    ],
    '00700080': ['CS', 'SQUARE'],
    '00700081': ['LO', 'a square'],
    '00700084': ['PN', 'Test^Author'],
    '52009229': [
      {
        '00209116': [{ '00200037': ['DS', '1\\0\\0\\0\\1\\0'] }],
        '00289110': [
          {
            '00180050': ['DS', '2'],
            '00180088': ['DS', '2'],
            '00280030': ['DS', `${200 / rows}\\${200 / columns}`],
          },
        ],
      },
    ],
    '52009230': images.map((image, index) => ({
      '00089124': [
        {
          '00082112': [
            { ...sopReference(image), '0040A170': [code('121322', 'DCM', 'Source image')] },
          ],
          '00089215': [code('113076', 'DCM', 'Segmentation')],
        },
      ],
      '00209111': [{ '00209157': ['UL', [1, index + 1]] }],
      '00209113': [{ '00200032': ['DS', `-100\\-100\\${index * 2}`] }],
      '0062000A': [{ '0062000B': ['US', 1] }],
    })),
    '7FE00010': ['OB', squares(images.length, rows, columns)],
  });
}

/** One bit a pixel, the first in the lowest bit (PS3.5 §8.1.1); rows are whole bytes here. */
function squares(frames: number, rows: number, columns: number): Buffer {
  const frame = Buffer.alloc((rows * columns) / 8);
  for (let row = rows / 4; row < rows / 2; row += 1) {
    const start = (row * columns) / 8;
    frame.fill(0xff, start + columns / 32, start + columns / 16);
  }
  return Buffer.concat(Array.from({ length: frames }, () => frame));
}

/** An imaging measurement report with one length, as other products write it (PS3.16 TID 1500). */
function makeMeasurementReport(study: Made): Buffer {
  const { images, rows, columns } = study;
  const image = images[Math.floor(images.length / 2)];
  if (!image) throw new RangeError('a study has images');
  const line = [columns * 0.25, rows * 0.4, columns * 0.75, rows * 0.4];
  return part10(study, '1.2.840.10008.5.1.4.1.1.88.33', {
    '00080060': ['CS', 'SR'],
    '0008103E': ['LO', 'Measured elsewhere'],
    '00081111': [],
    '00200011': ['IS', '5'],
    ...container(code('126000', 'DCM', 'Imaging Measurement Report'), [
      {
        ...related('HAS CONCEPT MOD', 'CODE', code('121049', 'DCM', 'Language')),
        '0040A168': [code('eng', 'RFC5646', 'English')],
      },
      contained(container(code('111028', 'DCM', 'Image Library'), [])),
      contained(
        container(code('126010', 'DCM', 'Imaging Measurements'), [
          contained(
            container(code('125007', 'DCM', 'Measurement Group'), [
              {
                ...related('HAS OBS CONTEXT', 'TEXT', code('112039', 'DCM', 'Tracking Identifier')),
                '0040A160': ['UT', 'Measured elsewhere'],
              },
              {
                ...related(
                  'HAS OBS CONTEXT',
                  'UIDREF',
                  code('112040', 'DCM', 'Tracking Unique Identifier'),
                ),
                '0040A124': ['UI', newUid()],
              },
              {
                ...related('CONTAINS', 'NUM', code('410668003', 'SCT', 'Length')),
                '0040A300': [
                  { '0040A30A': ['DS', '100'], '004008EA': [code('mm', 'UCUM', 'millimeter')] },
                ],
                '0040A730': [
                  {
                    ...related('INFERRED FROM', 'SCOORD', code('121055', 'DCM', 'Path')),
                    '00700022': ['FL', line],
                    '00700023': ['CS', 'POLYLINE'],
                    '0040A730': [
                      {
                        '0040A010': ['CS', 'SELECTED FROM'],
                        '0040A040': ['CS', 'IMAGE'],
                        '00081199': [sopReference(image)],
                      },
                    ],
                  },
                ],
              },
            ]),
          ),
        ]),
      ),
    ]),
    '0040A372': [],
    '0040A375': [
      {
        '00081115': [
          {
            '00081199': images.map(sopReference),
            '0020000E': ['UI', image.identity.seriesInstanceUid],
          },
        ],
        '0020000D': ['UI', image.identity.studyInstanceUid],
      },
    ],
    '0040A491': ['CS', 'COMPLETE'],
    '0040A493': ['CS', 'UNVERIFIED'],
    '0040A504': [{ '00080105': ['CS', 'DCMR'], '0040DB00': ['CS', '1500'] }],
  });
}

function container(name: NestedDataSet, content: readonly NestedDataSet[]): NestedDataSet {
  return {
    '0040A040': ['CS', 'CONTAINER'],
    '0040A043': [name],
    '0040A050': ['CS', 'SEPARATE'],
    ...(content.length > 0 && { '0040A730': content }),
  };
}

function contained(content: NestedDataSet): NestedDataSet {
  return { '0040A010': ['CS', 'CONTAINS'], ...content };
}

function related(relationship: string, valueType: string, name: NestedDataSet): NestedDataSet {
  return {
    '0040A010': ['CS', relationship],
    '0040A040': ['CS', valueType],
    '0040A043': [name],
  };
}

function code(value: string, scheme: string, meaning: string): NestedDataSet {
  return { '00080100': ['SH', value], '00080102': ['SH', scheme], '00080104': ['LO', meaning] };
}

function sopReference({ identity }: GeneratedInstance): NestedDataSet {
  return {
    '00081150': ['UI', identity.sopClassUid],
    '00081155': ['UI', identity.sopInstanceUid],
  };
}

/** A whole object in a series of its own, beside the images. */
function part10(study: Made, sopClass: string, content: NestedDataSet): Buffer {
  const sopClassUid = uid(sopClass);
  const sopInstanceUid = newUid();
  const seriesInstanceUid = newUid();
  const studyInstanceUid = uid(studyOf(study.images));
  return Buffer.concat([
    fileHeader({ studyInstanceUid, seriesInstanceUid, sopInstanceUid, sopClassUid }),
    encodeNested({
      '00080005': ['CS', 'ISO_IR 192'],
      '00080016': ['UI', sopClassUid],
      '00080018': ['UI', sopInstanceUid],
      '00080020': ['DA', '20240101'],
      '00080021': ['DA', '20240101'],
      '00080023': ['DA', '20240101'],
      '00080030': ['TM', '120000'],
      '00080031': ['TM', '120000'],
      '00080033': ['TM', '120000'],
      '00080050': ['SH', 'DEMO1'],
      '00080070': ['LO', 'Drawbridge'],
      '00080090': ['PN', ''],
      '00081030': ['LO', `CT of ${study.patientId}`],
      '00100010': ['PN', study.patientName],
      '00100020': ['LO', study.patientId],
      '00100030': ['DA', ''],
      '00100040': ['CS', 'O'],
      '0020000D': ['UI', studyInstanceUid],
      '0020000E': ['UI', seriesInstanceUid],
      '00200010': ['SH', '1'],
      '00200013': ['IS', '1'],
      ...content,
    }),
  ]);
}

/** What the generator keeps to itself: (0020,0052) of the images. */
function frameOfReferenceOf({ images }: Made): string {
  const bytes = images[0]?.bytes ?? Buffer.alloc(0);
  const at = bytes.indexOf(Buffer.from('200052005549', 'hex'));
  const length = bytes.readUInt16LE(at + 6);
  return bytes.toString('latin1', at + 8, at + 8 + length).replace('\0', '');
}
