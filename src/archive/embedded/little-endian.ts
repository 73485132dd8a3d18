import { Buffer } from 'node:buffer';

/** Bytes of one number by value representation; others are written byte by byte. */
const widths: Readonly<Record<string, 2 | 4 | 8>> = { OW: 2, OF: 4, OL: 4, OD: 8, OV: 8 };

/** A Big Endian value as Little Endian, which is how DICOMweb has bulk data (PS3.18 §8.7.3.3.1). */
export function toLittleEndian(vr: string, bytes: Buffer): Buffer {
  const width = widths[vr];
  // A value that does not consist of such numbers cannot be swapped, and is left as it is.
  if (width === undefined || bytes.length % width !== 0) return bytes;
  const swapped = Buffer.from(bytes);
  if (width === 2) return swapped.swap16();
  return width === 4 ? swapped.swap32() : swapped.swap64();
}

/** The same for a value that passes in chunks, cut anywhere. */
export async function* swappedChunks(
  vr: string,
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const width = widths[vr] ?? 1;
  let rest = Buffer.alloc(0);
  for await (const chunk of chunks) {
    const all = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = all.length - (all.length % width);
    rest = Buffer.from(all.subarray(whole));
    if (whole > 0) yield toLittleEndian(vr, all.subarray(0, whole));
  }
  if (rest.length > 0) yield rest;
}
