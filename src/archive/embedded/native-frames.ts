import { NotFoundError } from '../../errors/origin-errors.ts';
import { NotAcceptableError } from '../../errors/request-errors.ts';
import type { Frame } from './frame.ts';
import { swappedChunks } from './little-endian.ts';
import type { Part10File } from './part10-file.ts';
import type { PixelData } from './pixel-data.ts';

/**
 * Finds frames in pixel data that are not compressed: one after the other, without gaps (PS3.5 §8.1.1).
 *
 * @param numbers - counted from 1, of frames that the object says it has.
 * @throws {@link NotFoundError} for a frame that is not there, {@link NotAcceptableError} for Big
 *   Endian pixel data of which nobody could say what to swap.
 */
export function nativeFrames(
  file: Part10File,
  pixelData: PixelData,
  numbers: readonly number[],
): readonly Frame[] {
  const { value, frameBits } = pixelData;
  const { at, length = 0 } = value;
  return numbers.map((number) => {
    const from = (number - 1) * frameBits;
    if (frameBits === 0 || from + frameBits > length * 8) {
      throw new NotFoundError('the instance does not have such a frame');
    }
    if (value.bigEndian) return bigEndianFrame(file, pixelData, from);
    const first = Math.floor(from / 8);
    const bytes = Math.ceil(frameBits / 8);
    const isWhole = from % 8 === 0 && frameBits % 8 === 0;
    if (isWhole) return { bytes, read: () => file.stretch(at + first, bytes) };
    const touched = Math.ceil((from + frameBits) / 8) - first;
    const read = (): AsyncIterable<Buffer> =>
      alignedBits(file.stretch(at + first, touched), from % 8, frameBits);
    return { bytes, read };
  });
}

function bigEndianFrame(file: Part10File, pixelData: PixelData, from: number): Frame {
  const { value, frameBits, bitsAllocated } = pixelData;
  const [at, bytes] = [value.at + from / 8, frameBits / 8];
  const isBytes = value.vr === 'OB' && bitsAllocated === 8;
  if (isBytes && Number.isInteger(at + bytes))
    return { bytes, read: () => file.stretch(at, bytes) };
  const isWords = value.vr === 'OW' && bitsAllocated === 16 && bytes % 2 === 0;
  if (isWords) return { bytes, read: () => swappedChunks('OW', file.stretch(at, bytes)) };
  throw new NotAcceptableError(
    'of Big Endian pixel data, this archive gives frames of 8 or 16 bits a sample; the whole instance can be had',
  );
}

/**
 * Moves bits to the beginning of their first byte: frames of one bit a pixel follow each other without
 * padding, the first pixel in the lowest bit (PS3.5 §8.1.1). What is left of the last byte is zero.
 */
async function* alignedBits(
  chunks: AsyncIterable<Buffer>,
  shift: number,
  bits: number,
): AsyncGenerator<Buffer> {
  let left = bits;
  let carried: number | undefined;
  const next = (low: number, high: number): number => {
    const byte = ((low | (high << 8)) >> shift) & 0xff;
    const own = left >= 8 ? byte : byte & ((1 << left) - 1);
    left -= 8;
    return own;
  };
  for await (const chunk of chunks) {
    const moved: number[] = [];
    for (const byte of chunk) {
      if (carried !== undefined && left > 0) moved.push(next(carried, byte));
      carried = byte;
    }
    yield Buffer.from(moved);
  }
  if (carried !== undefined && left > 0) yield Buffer.of(next(carried, 0));
}
