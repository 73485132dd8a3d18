import { fileHeader, generalElements } from '../../../src/cli/demo/generate-study.ts';
import {
  element,
  elementHead,
  itemHead,
  undefinedLength,
} from '../../../src/cli/demo/data-element.ts';
import type { InstanceIdentity } from '../../../src/dicom/instance.ts';
import { explicitVrLittleEndian } from '../../../src/dicom/transfer-syntax.ts';
import type { Uid } from '../../../src/dicom/uid.ts';
import type { InstancePath } from '../../../src/translate/dicomweb-request.ts';
import { newUid, uid } from '../../support/dicom-object.ts';

export const jpegBaseline = '1.2.840.10008.1.2.4.50';
export const jpegLs = '1.2.840.10008.1.2.4.80';

interface ImageOptions {
  readonly transferSyntax?: string;
  readonly rows: number;
  readonly columns: number;
  readonly bits?: number;
  readonly samples?: number;
  readonly photometric?: string;
  readonly frames?: number;
  /** What stands between the image's description and its pixel data. */
  readonly more?: readonly Buffer[];
  /** The study it belongs to; one of its own by default. */
  readonly study?: Uid;
  /** The element of the pixel data, or none. */
  readonly pixelData: Buffer;
}

/** A file with an image, and where it is to be found. */
export interface ImageObject {
  readonly file: Buffer;
  readonly selector: InstancePath;
}

/** Makes an object in Explicit VR Little Endian, compressed or not. */
export function imageObject(options: ImageOptions): ImageObject {
  const { bits = 16, samples = 1, photometric = 'MONOCHROME2', frames, more = [] } = options;
  const identity: InstanceIdentity = {
    studyInstanceUid: options.study ?? newUid(),
    seriesInstanceUid: newUid(),
    sopInstanceUid: newUid(),
    sopClassUid: uid('1.2.840.10008.5.1.4.1.1.7.3'),
  };
  const file = Buffer.concat([
    fileHeader(identity, options.transferSyntax ?? explicitVrLittleEndian),
    ...generalElements(identity),
    element('00280002', 'US', samples),
    element('00280004', 'CS', photometric),
    ...(frames === undefined ? [] : [element('00280008', 'IS', String(frames))]),
    element('00280010', 'US', options.rows),
    element('00280011', 'US', options.columns),
    element('00280100', 'US', bits),
    ...more,
    options.pixelData,
  ]);
  const { studyInstanceUid, seriesInstanceUid, sopInstanceUid } = identity;
  return { file, selector: { studyInstanceUid, seriesInstanceUid, sopInstanceUid } };
}

/** Encapsulated pixel data: an offset table, perhaps empty, and fragments. */
export function encapsulated(
  fragments: readonly Buffer[],
  offsets: readonly number[] = [],
): Buffer {
  const table = Buffer.alloc(offsets.length * 4);
  for (const [index, offset] of offsets.entries()) table.writeUInt32LE(offset, index * 4);
  return Buffer.concat([
    elementHead('7FE00010', 'OB', undefinedLength),
    ...[table, ...fragments].flatMap((value) => [itemHead('FFFEE000', value.length), value]),
    itemHead('FFFEE0DD', 0),
  ]);
}

/** So many bytes that are like no others; begins as a compressed frame does, if told so. */
export function fragment(bytes: number, seed: number, beginning = ''): Buffer {
  const made = Buffer.from(Array.from({ length: bytes }, (_, at) => (seed * 31 + at * 7) & 0x7f));
  Buffer.from(beginning, 'hex').copy(made);
  return made;
}

/** A sequence of items with these elements. */
export function sequence(tag: string, ...items: readonly (readonly Buffer[])[]): Buffer {
  const value = Buffer.concat(
    items.map((elements) => {
      const inner = Buffer.concat(elements);
      return Buffer.concat([itemHead('FFFEE000', inner.length), inner]);
    }),
  );
  return Buffer.concat([elementHead(tag, 'SQ', value.length), value]);
}
