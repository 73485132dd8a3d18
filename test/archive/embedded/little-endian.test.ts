import { describe, expect, it } from 'vitest';
import { swappedChunks, toLittleEndian } from '../../../src/archive/embedded/little-endian.ts';

describe('Big Endian values', () => {
  const bytes = Buffer.from('0102030405060708', 'hex');

  it.each([
    ['OW', '0201040306050807'],
    ['OF', '0403020108070605'],
    ['OL', '0403020108070605'],
    ['OD', '0807060504030201'],
    ['OV', '0807060504030201'],
    ['OB', '0102030405060708'],
    ['UN', '0102030405060708'],
  ])('of VR %s become %s, and stay what they were for others', async (vr, expected) => {
    expect(toLittleEndian(vr, bytes).toString('hex')).toBe(expected);
    for (const cut of [0, 1, 3, 5, 8]) {
      const swapped: Buffer[] = [];
      for await (const chunk of swappedChunks(vr, cutAt(bytes, cut))) swapped.push(chunk);
      expect(Buffer.concat(swapped).toString('hex')).toBe(expected);
    }
    expect(bytes.toString('hex')).toBe('0102030405060708');
  });

  it('that are no whole numbers are left as they are', async () => {
    const odd = bytes.subarray(0, 3);

    const swapped: Buffer[] = [];
    for await (const chunk of swappedChunks('OW', cutAt(odd, 1))) swapped.push(chunk);

    expect(toLittleEndian('OW', odd)).toEqual(odd);
    expect(Buffer.concat(swapped).toString('hex')).toBe('020103');
  });
});

async function* cutAt(bytes: Buffer, at: number): AsyncGenerator<Buffer> {
  yield await Promise.resolve(bytes.subarray(0, at));
  yield bytes.subarray(at);
}
