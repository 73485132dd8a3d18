/**
 * Draws one slice of the demo volume: a ball in a box, cut at the slice's height, with rings inside
 * so that scrolling shows movement, a gradient behind, and a bar below that grows with the slice.
 *
 * @returns rows × columns unsigned 16-bit values, little endian; stored values, to be rescaled by
 *   −1024 into Hounsfield units: air 0, water 1024, bone about 2000.
 */
export function drawSlice({
  rows,
  columns,
  slice,
  slices,
}: {
  readonly rows: number;
  readonly columns: number;
  readonly slice: number;
  readonly slices: number;
}): Buffer {
  const pixels = Buffer.alloc(rows * columns * 2);
  const height = slices === 1 ? 0 : (slice / (slices - 1)) * 2 - 1;
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const value = stored(row / rows, column / columns, height, (slice + 1) / slices);
      pixels.writeUInt16LE(value, (row * columns + column) * 2);
    }
  }
  return pixels;
}

const bone = 2_000;
const water = 1_024;

function stored(down: number, right: number, height: number, done: number): number {
  if (down > 0.94) return right < done ? bone : 0;
  const [x, y] = [right * 2 - 1, down * 2 - 1];
  const radius = Math.sqrt(x * x + y * y + 0.6 * height * height);
  if (radius > 0.85) return Math.round(100 + 200 * down);
  if (radius > 0.8) return bone;
  return Math.round(water + 250 * Math.cos(radius * 30));
}
