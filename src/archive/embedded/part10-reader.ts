import type { DicomJson } from '../../dicom/dicom-json.ts';
import type { Uid } from '../../dicom/uid.ts';
import type { DescribeValue } from './data-set-reader.ts';
import { Part10File } from './part10-file.ts';

/** A Part 10 file without its bulk data. */
export interface Part10Head {
  readonly transferSyntaxUid: Uid;
  readonly bytes: number;
  readonly modifiedAtMs: number;
  readonly attributes: DicomJson;
}

/**
 * Reads what a Part 10 file says of itself, through small buffers whatever its size. What follows the
 * pixel data (paddings, signatures) is not looked at.
 *
 * @throws {@link ObjectUnreadableError} when it is none, or its structure cannot be followed.
 */
export async function readPart10Head(path: string): Promise<Part10Head> {
  const file = await Part10File.open(path);
  try {
    const { transferSyntaxUid, bytes, modifiedAtMs } = file;
    const attributes = await (
      await file.reader()
    ).read(file.encoding, {
      accept: isBeforePixelData,
    });
    return { transferSyntaxUid, bytes, modifiedAtMs, attributes };
  } finally {
    await file.close();
  }
}

/** The attributes, and of bulk data what `describe` says of each; pixel data are among them. */
export async function readDescribed(file: Part10File, describe: DescribeValue): Promise<DicomJson> {
  const reader = await file.reader();
  const attributes = await reader.read(file.encoding, { accept: isBeforePixelData, describe });
  const next = await reader.locate(file.encoding);
  if (next === undefined || !isPixelData(next.tag)) return attributes;
  const pixelData = await describe(next);
  return pixelData === undefined ? attributes : { ...attributes, [next.tag]: pixelData };
}

/** Float, double and plain pixel data, and what may come after them. */
export function isBeforePixelData(tag: string): boolean {
  return tag < '7FE00008';
}

/** Float Pixel Data, Double Float Pixel Data and Pixel Data; an object has one of them (PS3.5 §8). */
export function isPixelData(tag: string): boolean {
  return tag === '7FE00008' || tag === '7FE00009' || tag === '7FE00010';
}
