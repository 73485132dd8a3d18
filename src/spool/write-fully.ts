import type { FileOperations } from './file-operations.ts';

/**
 * Writes all of the pieces, in as few calls as the file system allows. A disk that fills up mid-way
 * first writes less than it was asked for, and says why when it is asked again.
 */
export async function writeFully(
  fd: number,
  pieces: readonly Buffer[],
  position: number,
  files: FileOperations,
): Promise<void> {
  let rest = pieces;
  let at = position;
  while (rest.length > 0) {
    const written = await files.writev(fd, rest, at);
    at += written;
    rest = withoutFirst(rest, written);
  }
}

function withoutFirst(pieces: readonly Buffer[], bytes: number): readonly Buffer[] {
  let left = bytes;
  for (const [index, piece] of pieces.entries()) {
    if (piece.length > left) return [piece.subarray(left), ...pieces.slice(index + 1)];
    left -= piece.length;
  }
  return [];
}
