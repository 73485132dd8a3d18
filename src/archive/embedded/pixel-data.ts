import type { DicomJson } from '../../dicom/dicom-json.ts';
import { NotFoundError } from '../../errors/origin-errors.ts';
import type { UnreadValue } from './data-set-reader.ts';
import type { Part10File } from './part10-file.ts';
import { isBeforePixelData, isPixelData } from './part10-reader.ts';

/** Where the pixel data of an image are, and how they are cut into frames (PS3.3 §C.7.6.3). */
export interface PixelData {
  readonly value: UnreadValue;
  readonly frames: number;
  /** Of one frame, where they are not compressed. */
  readonly frameBits: number;
  readonly bitsAllocated: number;
  /** Extended Offset Table (7FE0,0001), where there is one. */
  readonly extendedOffsets: UnreadValue | undefined;
}

const tags = {
  samplesPerPixel: '00280002',
  photometricInterpretation: '00280004',
  numberOfFrames: '00280008',
  rows: '00280010',
  columns: '00280011',
  bitsAllocated: '00280100',
} as const;
const extendedOffsetTable = '7FE00001';
const wanted: ReadonlySet<string> = new Set([...Object.values(tags), extendedOffsetTable]);

/**
 * Finds the pixel data of an object, looking at as little of it as possible.
 *
 * @throws {@link NotFoundError} when it has none.
 */
export async function findPixelData(file: Part10File): Promise<PixelData> {
  let extendedOffsets: UnreadValue | undefined;
  const reader = await file.reader();
  const attributes = await reader.read(file.encoding, {
    accept: isBeforePixelData,
    wants: (tag) => wanted.has(tag),
    describe: (value) => {
      if (value.tag === extendedOffsetTable) extendedOffsets = value;
      return undefined;
    },
  });
  const value = await reader.locate(file.encoding);
  if (value === undefined || !isPixelData(value.tag)) {
    throw new NotFoundError('the instance has no pixel data, and so no frames');
  }
  const bitsAllocated = number(attributes, tags.bitsAllocated) ?? 0;
  return {
    value,
    frames: Math.max(1, number(attributes, tags.numberOfFrames) ?? 1),
    frameBits:
      (number(attributes, tags.rows) ?? 0) *
      (number(attributes, tags.columns) ?? 0) *
      samplesOf(attributes) *
      bitsAllocated,
    bitsAllocated,
    extendedOffsets,
  };
}

/** Samples that are stored for a pixel: neighbours may share their colour (PS3.3 §C.7.6.3.1.2). */
function samplesOf(attributes: DicomJson): number {
  const [photometricInterpretation] = attributes[tags.photometricInterpretation]?.Value ?? [];
  switch (photometricInterpretation) {
    case 'YBR_FULL_422':
    case 'YBR_PARTIAL_422':
      return 2;
    case 'YBR_PARTIAL_420':
      return 1.5;
    default:
      return number(attributes, tags.samplesPerPixel) ?? 1;
  }
}

function number(attributes: DicomJson, tag: string): number | undefined {
  const value = attributes[tag]?.Value?.[0];
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;
}
