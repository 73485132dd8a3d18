import { inflateSync } from 'node:zlib';

/** What a screenshot shows, in figures. */
export interface Picture {
  /** Mean square distance of the brightness (0 to 255) from its mean: 0 when all is alike. */
  readonly variance: number;
  /** How many pixels are no shade of grey, as a share of all. */
  readonly coloured: number;
  /** How many are white, as a share of all. */
  readonly white: number;
}

/**
 * Reads a screenshot of Chromium: PNG, 8 bit, RGB or RGBA, not interlaced.
 *
 * @see PNG (W3C), clauses 9 (filtering) and 11.2 (critical chunks)
 */
export function readPicture(png: Buffer): Picture {
  const { width, height, channels, compressed } = readChunks(png);
  const stride = width * channels;
  const rows = inflateSync(compressed);
  let above = Buffer.alloc(stride);
  let [sum, squares, coloured, white] = [0, 0, 0, 0];
  for (let row = 0; row < height; row += 1) {
    const start = row * (stride + 1);
    const line = rows.subarray(start + 1, start + 1 + stride);
    undoFilter(rows[start] ?? 0, line, above, channels);
    above = line;
    for (let at = 0; at < stride; at += channels) {
      const [red = 0, green = 0, blue = 0] = line.subarray(at, at + 3);
      const brightness = (red + green + blue) / 3;
      sum += brightness;
      squares += brightness * brightness;
      if (Math.max(red, green, blue) - Math.min(red, green, blue) > 16) coloured += 1;
      if (Math.min(red, green, blue) > 250) white += 1;
    }
  }
  const pixels = width * height;
  return {
    variance: squares / pixels - (sum / pixels) ** 2,
    coloured: coloured / pixels,
    white: white / pixels,
  };
}

function readChunks(png: Buffer): {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly compressed: Buffer;
} {
  const [width, height, colourType] = [png.readUInt32BE(16), png.readUInt32BE(20), png[25]];
  const parts: Buffer[] = [];
  for (let at = 8; at < png.length;) {
    const length = png.readUInt32BE(at);
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') {
      parts.push(png.subarray(at + 8, at + 8 + length));
    }
    at += 12 + length;
  }
  return { width, height, channels: colourType === 6 ? 4 : 3, compressed: Buffer.concat(parts) };
}

function undoFilter(filter: number, line: Buffer, above: Buffer, channels: number): void {
  if (filter === 0) return;
  for (let at = 0; at < line.length; at += 1) {
    const left = at < channels ? 0 : (line[at - channels] ?? 0);
    const up = above[at] ?? 0;
    const corner = at < channels ? 0 : (above[at - channels] ?? 0);
    line[at] = (line[at] ?? 0) + prediction(filter, left, up, corner);
  }
}

function prediction(filter: number, left: number, up: number, corner: number): number {
  if (filter === 1) return left;
  if (filter === 2) return up;
  if (filter === 3) return (left + up) >> 1;
  const estimate = left + up - corner;
  const [toLeft, toUp, toCorner] = [left, up, corner].map((each) => Math.abs(estimate - each));
  if ((toLeft ?? 0) <= (toUp ?? 0) && (toLeft ?? 0) <= (toCorner ?? 0)) return left;
  return (toUp ?? 0) <= (toCorner ?? 0) ? up : corner;
}
