import type { InstanceIdentity } from '../../dicom/instance.ts';
import { encodeFileHeader } from '../../dicom/part10.ts';
import { explicitVrLittleEndian } from '../../dicom/transfer-syntax.ts';
import { parseUid } from '../../dicom/uid.ts';
import type { Uid } from '../../dicom/uid.ts';
import { element, elementHead } from './data-element.ts';
import { drawSlice } from './picture.ts';
import { randomUid } from './random-uid.ts';

/** One object that was made up. */
export interface GeneratedInstance {
  readonly identity: InstanceIdentity;
  /** The Part 10 file, Explicit VR Little Endian. */
  readonly bytes: Buffer;
}

interface StudyOptions {
  readonly instances: number;
  readonly rows: number;
  readonly columns: number;
  /** Like `Math.random`; the same numbers make the same study. */
  readonly random: () => number;
  /** Whose study it says it is; the demonstration's unless told otherwise. */
  readonly subject?: Subject;
}

/** Made-up names, by which people recognise what was made up. */
interface Subject {
  readonly patientName: string;
  readonly patientId: string;
  /** Of the study. */
  readonly description: string;
}

const demoSubject: Subject = {
  patientName: 'DEMO^DRAWBRIDGE',
  patientId: 'DEMO',
  description: 'Drawbridge demonstration',
};

/** CT Image Storage (PS3.4 §B.5). */
export const ctImageStorage = parseUid('1.2.840.10008.5.1.4.1.1.2') as Uid;

/**
 * Makes a small CT study of one series that viewers can show, one slice at a time.
 *
 * Patient and device say that it is a demonstration; the date is fixed, so that nothing depends on
 * the clock.
 */
export function* generateStudy(options: StudyOptions): Generator<GeneratedInstance> {
  const { instances, rows, columns, random, subject } = options;
  const [studyInstanceUid, seriesInstanceUid, frameOfReferenceUid] = [
    randomUid(random),
    randomUid(random),
    randomUid(random),
  ];
  for (let slice = 0; slice < instances; slice += 1) {
    const sopInstanceUid = randomUid(random);
    const identity = {
      studyInstanceUid,
      seriesInstanceUid,
      sopInstanceUid,
      sopClassUid: ctImageStorage,
    };
    const pixels = drawSlice({ rows, columns, slice, slices: instances });
    const bytes = Buffer.concat([
      fileHeader(identity),
      ...generalElements(identity, subject),
      ...ctElements({ slice, frameOfReferenceUid }),
      ...imageElements({ rows, columns }),
      elementHead('7FE00010', 'OW', pixels.length),
      pixels,
    ]);
    yield { identity, bytes };
  }
}

/** Preamble and group 0002 of a generated file. */
export function fileHeader(
  identity: InstanceIdentity,
  transferSyntax = explicitVrLittleEndian,
): Buffer {
  return encodeFileHeader({
    sopClassUid: identity.sopClassUid,
    sopInstanceUid: identity.sopInstanceUid,
    transferSyntaxUid: parseUid(transferSyntax) as Uid,
  });
}

/** Patient, study and what every object has (PS3.3 §C.7.1.1, §C.7.2.1, §C.12.1). */
export function generalElements(
  identity: InstanceIdentity,
  { patientName, patientId, description }: Subject = demoSubject,
): readonly Buffer[] {
  return [
    element('00080005', 'CS', 'ISO_IR 192'),
    element('00080008', 'CS', 'ORIGINAL\\PRIMARY\\AXIAL'),
    element('00080016', 'UI', identity.sopClassUid),
    element('00080018', 'UI', identity.sopInstanceUid),
    element('00080020', 'DA', '20240101'),
    element('00080021', 'DA', '20240101'),
    element('00080023', 'DA', '20240101'),
    element('00080030', 'TM', '120000'),
    element('00080031', 'TM', '120000'),
    element('00080033', 'TM', '120000'),
    element('00080050', 'SH', 'DEMO1'),
    element('00080060', 'CS', 'CT'),
    element('00080070', 'LO', 'Drawbridge'),
    element('00080090', 'PN', ''),
    element('00081030', 'LO', description),
    element('0008103E', 'LO', 'Ball in a box'),
    element('00100010', 'PN', patientName),
    element('00100020', 'LO', patientId),
    element('00100030', 'DA', ''),
    element('00100040', 'CS', 'O'),
    element('00180050', 'DS', '2'),
    element('00180060', 'DS', '120'),
    element('0020000D', 'UI', identity.studyInstanceUid),
    element('0020000E', 'UI', identity.seriesInstanceUid),
    element('00200010', 'SH', '1'),
    element('00200011', 'IS', '1'),
  ];
}

/** Where the slice lies in space (PS3.3 §C.7.6.2, §C.7.4.1). */
function ctElements(place: {
  readonly slice: number;
  readonly frameOfReferenceUid: Uid;
}): readonly Buffer[] {
  const height = place.slice * 2;
  return [
    element('00200012', 'IS', '1'),
    element('00200013', 'IS', String(place.slice + 1)),
    element('00200032', 'DS', `-100\\-100\\${height}`),
    element('00200037', 'DS', '1\\0\\0\\0\\1\\0'),
    element('00200052', 'UI', place.frameOfReferenceUid),
    element('00201040', 'LO', ''),
    element('00201041', 'DS', String(height)),
  ];
}

/** How the pixels are to be read and shown (PS3.3 §C.7.6.3, §C.8.2.1, §C.11.2). */
export function imageElements({
  rows,
  columns,
  frames,
}: {
  readonly rows: number;
  readonly columns: number;
  readonly frames?: number;
}): readonly Buffer[] {
  return [
    element('00280002', 'US', 1),
    element('00280004', 'CS', 'MONOCHROME2'),
    ...(frames === undefined ? [] : [element('00280008', 'IS', String(frames))]),
    element('00280010', 'US', rows),
    element('00280011', 'US', columns),
    element('00280030', 'DS', `${decimal(200 / rows)}\\${decimal(200 / columns)}`),
    element('00280100', 'US', 16),
    element('00280101', 'US', 16),
    element('00280102', 'US', 15),
    element('00280103', 'US', 0),
    element('00281050', 'DS', '200'),
    element('00281051', 'DS', '1200'),
    element('00281052', 'DS', '-1024'),
    element('00281053', 'DS', '1'),
    element('00281054', 'LO', 'HU'),
  ];
}

/** At most 16 characters (PS3.5 §6.2, DS). */
function decimal(value: number): string {
  return String(Number(value.toPrecision(8)));
}
